/* superslab_index.c - see superslab_index.h. */
#include "lib/arena/superslab_index.h"

#include "lib/arena/verify_parts.h"

#define ROW_BIT(row) ((row)-HK_ROW_FREE)
/* All that hk_index_free_rows() tells of. */
#define FREE_ROWS (((2u << ROW_BIT(HK_ROW_EMPTY)) - 1) | 1u << ROW_BIT(HK_ROW_RESIDENT))

#define TOP_WORDS (HK_MAX_GROUPS / 64)

/* A bit per group. Rows side by side, so that a small process touches one stretch of a few lines. */
static hk_au64 top[TOP_WORDS][HK_INDEX_ROWS];

unsigned hk_index_free_rows(uint32_t free_slabs, uint32_t resident)
{
    /* Bits at which runs of 2, 4, ... start. */
    uint32_t run2 = free_slabs & free_slabs >> 1, run4 = run2 & run2 >> 2, run8 = run4 & run4 >> 4;
    uint32_t run16 = run8 & run8 >> 8;
    return (unsigned)(free_slabs != 0) << ROW_BIT(HK_ROW_FREE) |
           (unsigned)(run2 != 0) << ROW_BIT(HK_ROW_RUN2) | (unsigned)(run4 != 0) << ROW_BIT(HK_ROW_RUN4) |
           (unsigned)(run8 != 0) << ROW_BIT(HK_ROW_RUN8) | (unsigned)(run16 != 0) << ROW_BIT(HK_ROW_RUN16) |
           (unsigned)(free_slabs == HK_ALL_SLABS) << ROW_BIT(HK_ROW_EMPTY) |
           (unsigned)((free_slabs & resident) != 0) << ROW_BIT(HK_ROW_RESIDENT);
}

bool hk_index_holds(unsigned row, const struct hk_superslab *superslab)
{
    if (row < HK_CLASSES)
        return atomic_load(&superslab->partial[row]) != 0;
    unsigned rows = hk_index_free_rows(atomic_load(&superslab->free), atomic_load(&superslab->resident));
    return (rows >> ROW_BIT(row) & 1) != 0;
}

static hk_au64 *word_of(unsigned row, unsigned group)
{
    return &hk_group_at(group)->rows[row];
}

/* Sequentially consistent throughout: a setter writes mask, word, top and reads the next; a clearer goes
 * the other way. One of the two always sees the other. */
static void set_bit(hk_au64 *word, unsigned bit)
{
    if ((atomic_load(word) >> bit & 1) == 0)
        atomic_fetch_or(word, UINT64_C(1) << bit);
}

void hk_index_raise(unsigned row, uint32_t superslab)
{
    unsigned group = superslab / HK_SUPERSLABS_PER_GROUP;
    set_bit(word_of(row, group), superslab % HK_SUPERSLABS_PER_GROUP);
    set_bit(&top[group / 64][row], group % 64);
}

void hk_index_lower(unsigned row, uint32_t superslab)
{
    unsigned group = superslab / HK_SUPERSLABS_PER_GROUP;
    uint64_t bit = UINT64_C(1) << (superslab % HK_SUPERSLABS_PER_GROUP);
    hk_au64 *word = word_of(row, group);
    uint64_t left = atomic_fetch_and(word, ~bit) & ~bit;
    if (hk_index_holds(row, hk_superslab_at(superslab))) {
        hk_index_raise(row, superslab);
        return;
    }
    if (left != 0)
        return;
    atomic_fetch_and(&top[group / 64][row], ~(UINT64_C(1) << (group % 64)));
    if (atomic_load(word) != 0)
        set_bit(&top[group / 64][row], group % 64);
}

static bool is_hinted(unsigned row, uint32_t superslab)
{
    const hk_au64 *word = word_of(row, superslab / HK_SUPERSLABS_PER_GROUP);
    return (atomic_load(word) >> (superslab % HK_SUPERSLABS_PER_GROUP) & 1) != 0;
}

void hk_index_raise_rows(unsigned rows, uint32_t superslab)
{
    for (; rows != 0; rows &= rows - 1)
        hk_index_raise(HK_ROW_FREE + (unsigned)__builtin_ctz(rows), superslab);
}

void hk_index_lower_rows(unsigned rows, uint32_t superslab)
{
    for (rows = ~rows & FREE_ROWS; rows != 0; rows &= rows - 1) {
        unsigned row = HK_ROW_FREE + (unsigned)__builtin_ctz(rows);
        if (is_hinted(row, superslab))
            hk_index_lower(row, superslab);
    }
}

static unsigned group_count(void)
{
    size_t superslabs = hk_arena_slabs() / HK_SLABS_PER_SUPERSLAB;
    return (unsigned)((superslabs + HK_SUPERSLABS_PER_GROUP - 1) / HK_SUPERSLABS_PER_GROUP);
}

/* First group at or above `group` that the top level hints at; groups if there is none. */
static unsigned next_group(unsigned row, unsigned group, unsigned groups)
{
    while (group < groups) {
        uint64_t tops = atomic_load_explicit(&top[group / 64][row], memory_order_relaxed) >> (group % 64);
        if (tops != 0)
            return group + (unsigned)__builtin_ctzll(tops);
        group = (group / 64 + 1) * 64;
    }
    return groups;
}

int64_t hk_index_lowest(unsigned row, unsigned and_row, uint32_t from)
{
    unsigned groups = group_count();
    unsigned first = from / HK_SUPERSLABS_PER_GROUP;
    for (unsigned group = first; (group = next_group(row, group, groups)) < groups; group++) {
        uint64_t word = atomic_load_explicit(word_of(row, group), memory_order_relaxed) &
                        atomic_load_explicit(word_of(and_row, group), memory_order_relaxed);
        if (group == first)
            word &= ~UINT64_C(0) << (from % HK_SUPERSLABS_PER_GROUP);
        if (word != 0)
            return (int64_t)group * HK_SUPERSLABS_PER_GROUP + __builtin_ctzll(word);
    }
    return -1;
}

int64_t hk_index_highest(unsigned row, unsigned and_row, uint32_t end)
{
    unsigned groups = group_count();
    unsigned last = end / HK_SUPERSLABS_PER_GROUP;
    for (unsigned group = last < groups ? last + 1 : groups; group-- > 0;) {
        uint64_t tops = atomic_load_explicit(&top[group / 64][row], memory_order_relaxed);
        if ((tops >> (group % 64) & 1) == 0)
            continue;
        uint64_t word = atomic_load_explicit(word_of(row, group), memory_order_relaxed) &
                        atomic_load_explicit(word_of(and_row, group), memory_order_relaxed);
        if (group == last)
            word &= (UINT64_C(1) << (end % HK_SUPERSLABS_PER_GROUP)) - 1;
        if (word != 0)
            return (int64_t)group * HK_SUPERSLABS_PER_GROUP + 63 - __builtin_clzll(word);
    }
    return -1;
}

#ifdef HK_VERIFY
bool hk_index_hints(unsigned row, uint32_t superslab)
{
    unsigned group = superslab / HK_SUPERSLABS_PER_GROUP;
    return is_hinted(row, superslab) && (atomic_load(&top[group / 64][row]) >> (group % 64) & 1) != 0;
}
#endif
