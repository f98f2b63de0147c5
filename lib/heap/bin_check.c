/* bin_check.c - see bin_check.h. */
#include "lib/heap/bin_check.h"

#include <string.h>

#include "lib/arena/misuse.h"
#include "lib/arena/slab.h"

/* Blocks that may have been seen, a bit for each value of a short hash: on the stack, which may be a small
 * one. */
#define MOST_WORDS 256

struct seen {
    uint64_t bits[MOST_WORDS];
    uint32_t words; /* in use; a power of two */
};

/* Half a word a block: that few look like others that the work stays small. */
static void begin(struct seen *seen, unsigned blocks)
{
    seen->words = 1;
    while (seen->words < blocks / 2 && seen->words < MOST_WORDS)
        seen->words *= 2;
    memset(seen->bits, 0, seen->words * sizeof *seen->bits);
}

/* Whether the block's bit was set before. */
static bool set_bit(struct seen *seen, const void *block)
{
    uint32_t hash = (uint32_t)((uintptr_t)block / HK_MIN_ALIGN * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    uint64_t *word = &seen->bits[hash / 64 % seen->words], bit = UINT64_C(1) << (hash % 64);
    bool was = (*word & bit) != 0;
    *word |= bit;
    return was;
}

static bool is_among(void *const *blocks, unsigned count, const void *block)
{
    for (unsigned i = 0; i < count; i++) {
        if (blocks[i] == block)
            return true;
    }
    return false;
}

static bool is_in_slab(uint32_t slab, unsigned size_class, const void *block)
{
    uint32_t offset = (uint32_t)((uintptr_t)block - hk_slab_start(slab));
    unsigned number = hk_block_index(&hk_classes[size_class], offset);
    uint64_t word = atomic_load_explicit(&hk_slab_map(slab, size_class)[number / 64], memory_order_relaxed);
    return (word >> (number % 64) & 1) != 0;
}

static void check_block(const void *block, unsigned size_class)
{
    size_t slab = hk_slab_of(block);
    if (slab >= hk_arena_slabs() || hk_meta_of(slab) != hk_bin_offset_of_class(size_class))
        hk_die_double_free(block, size_class);
    if (!hk_slab_is_block((uint32_t)slab, size_class, block))
        hk_die_interior(block, (uint32_t)slab);
    if (is_in_slab((uint32_t)slab, size_class, block))
        hk_die_freed_twice(block, size_class);
}

static void check_bin(struct hk_heap *heap, unsigned size_class, struct seen *seen)
{
    const struct hk_bin_state *st = &heap->classes[size_class].state;
    unsigned length = hk_bin_length(heap, size_class);
    if (length == 0 || length > st->capacity) /* more: it is just moving to other places */
        return;
    void *const *blocks = hk_place(heap, st->bottom);
    begin(seen, length);
    for (unsigned i = 0; i < length; i++) {
        check_block(blocks[i], size_class);
        if (set_bit(seen, blocks[i]) && is_among(blocks, i, blocks[i]))
            hk_die_freed_twice(blocks[i], size_class);
    }
}

void hk_bin_check(struct hk_heap *heap)
{
    struct seen seen;
    for (unsigned c = 0; c < HK_CLASSES; c++)
        check_bin(heap, c, &seen);
}
