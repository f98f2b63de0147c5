/* slab_flush.c - see slab_flush.h. */
#include "lib/arena/slab_flush.h"

#include "lib/arena/misuse.h"

#define SLABS 32 /* counted for at a time: about as many as a flushed half meets */

/* What blocks are checked against, and what has been found among them. */
struct sorter {
    unsigned heap, size_class;
    unsigned meta;
    struct hk_class_info info;
    uintptr_t base;
    size_t slabs;
    const hk_au16 *metas;

    unsigned remote; /* blocks that went to slabs that last served another heap */
    bool emptied;
    uint32_t used; /* entries of the table, a bit each */
    struct {
        uint32_t slab;
        uint32_t count; /* blocks put back and not yet counted off */
    } table[SLABS];
};

static void begin(struct sorter *s, unsigned heap, unsigned size_class)
{
    s->heap = heap;
    s->size_class = size_class;
    s->meta = hk_bin_offset_of_class(size_class);
    s->info = hk_classes[size_class];
    s->base = hk_arena_base();
    s->slabs = hk_arena_slabs();
    s->metas = hk_meta_words();
    s->remote = 0;
    s->emptied = false;
    s->used = 0;
}

static void count_off(struct sorter *s, unsigned i)
{
    if (hk_slab_push(s->table[i].slab, s->heap, s->size_class, s->table[i].count, &s->emptied))
        s->remote += s->table[i].count;
}

/* Blocks of one slab, next to each other. */
static void put(struct sorter *s, uint32_t slab, unsigned word, uint64_t bits, unsigned count)
{
    unsigned i = slab % SLABS;
    hk_slab_put(slab, s->size_class, word, bits);
    if ((s->used >> i & 1) != 0) {
        if (s->table[i].slab == slab) {
            s->table[i].count += count;
            return;
        }
        count_off(s, i);
    }
    s->used |= UINT32_C(1) << i;
    s->table[i].slab = slab;
    s->table[i].count = count;
}

/* The slab of a block, and the block's number there. */
HK_INLINE uint32_t slab_of(const struct sorter *s, const void *block, unsigned *number)
{
    uintptr_t at = (uintptr_t)block - s->base;
    size_t slab = at >> HK_SLAB_SHIFT;
    if (HK_UNLIKELY(slab >= s->slabs ||
                    atomic_load_explicit(&s->metas[slab], memory_order_relaxed) != s->meta))
        hk_die_double_free(block, s->size_class);
    uint32_t offset = (uint32_t)at & (HK_SLAB_BYTES - 1), index = hk_block_index(&s->info, offset);
    if (HK_UNLIKELY(index * s->info.bytes != offset || index >= s->info.capacity))
        hk_die_interior(block, (uint32_t)slab);
    *number = index;
    return (uint32_t)slab;
}

/* Blocks that follow one another in one word of a map are put back at once. */
static void put_all(struct sorter *s, void *const *blocks, unsigned count)
{
    uint32_t slab = 0;
    unsigned word = 0, together = 0, number;
    uint64_t bits = 0;
    for (unsigned i = 0; i < count; i++) {
        uint32_t its_slab = slab_of(s, blocks[i], &number);
        uint64_t bit = UINT64_C(1) << (number % 64);
        if (its_slab != slab || number / 64 != word || (bits & bit) != 0) {
            if (together != 0)
                put(s, slab, word, bits, together);
            slab = its_slab;
            word = number / 64;
            bits = 0;
            together = 0;
        }
        bits |= bit;
        together++;
    }
    if (together != 0)
        put(s, slab, word, bits, together);
}

unsigned hk_flush_blocks(unsigned heap, unsigned size_class, void *const *blocks, unsigned count,
                         bool *emptied)
{
    struct sorter s;
    begin(&s, heap, size_class);
    put_all(&s, blocks, count);
    for (; s.used != 0; s.used &= s.used - 1)
        count_off(&s, (unsigned)__builtin_ctz(s.used));
    *emptied = *emptied || s.emptied;
    return s.remote;
}
