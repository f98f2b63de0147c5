/* index.c - see index.h. */
#include "lib/index.h"

#define TOP_WORDS (HK_MAX_GROUPS / 64)

/* A bit per group. Rows side by side, so that a small process touches one stretch of a few lines. */
static hk_au64 top[TOP_WORDS][HK_INDEX_ROWS];

unsigned hk_longest_run(uint32_t mask)
{
    unsigned run = 0;
    for (; mask != 0; run++)
        mask &= mask << 1; /* each round shortens every run by one */
    return run;
}

bool hk_index_holds(unsigned row, const struct hk_superslab *superslab)
{
    if (row < HK_CLASSES)
        return atomic_load(&superslab->partial[row]) != 0;
    uint32_t free_slabs = atomic_load(&superslab->free);
    switch (row) {
    case HK_ROW_FREE:
        return free_slabs != 0;
    case HK_ROW_RUN2:
    case HK_ROW_RUN4:
    case HK_ROW_RUN8:
    case HK_ROW_RUN16:
        return hk_longest_run(free_slabs) >= 2u << (row - HK_ROW_RUN2);
    case HK_ROW_EMPTY:
        return free_slabs == HK_ALL_SLABS;
    case HK_ROW_RESIDENT:
        return (free_slabs & atomic_load(&superslab->resident)) != 0;
    default:
        return false;
    }
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
