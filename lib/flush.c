/* flush.c - see flush.h. */
#include "lib/flush.h"

#include "lib/misuse.h"

#define CHAINS 32 /* gathered at a time; as many slabs as a flushed half usually meets */

struct gathered {
    uint32_t slab; /* + 1; 0: unused */
    struct hk_chain chain;
};

static unsigned hand_over(unsigned heap, unsigned size_class, struct gathered *g, bool *emptied)
{
    unsigned count = g->chain.count;
    uint32_t slab = g->slab - 1;
    g->slab = 0;
    return hk_slab_push(slab, heap, size_class, &g->chain, emptied) ? count : 0;
}

/* The slab of a block that a list leads to. */
static uint32_t slab_of_listed(const void *before, const void *block, unsigned size_class)
{
    size_t slab = hk_slab_of(block);
    if (HK_UNLIKELY(slab >= hk_arena_slabs() || hk_meta_of(slab) != hk_bin_offset_of_class(size_class)))
        hk_die_damaged_list(before, block, size_class);
    if (HK_UNLIKELY(!hk_slab_is_block((uint32_t)slab, size_class, block)))
        hk_die_interior(block, (uint32_t)slab);
    return (uint32_t)slab;
}

/* What follows the last block that was counted: nothing; or one more (lib/account.h: hk_odd_list). A block
 * that was freed twice makes a list without an end. */
static void check_end(const void *before, const void *block, unsigned size_class)
{
    if (HK_LIKELY(block == NULL))
        return;
    slab_of_listed(before, block, size_class);
    if (hk_next(block) != NULL)
        hk_die_double_free(block, size_class);
}

unsigned hk_flush_list(unsigned heap, unsigned size_class, void *first, unsigned count, bool *emptied)
{
    struct gathered table[CHAINS];
    for (unsigned i = 0; i < CHAINS; i++)
        table[i].slab = 0;
    unsigned remote = 0;
    void *block = first, *before = NULL;
    /* One less than counted is possible as well. */
    for (; count > 1 || (count == 1 && block != NULL); count--) {
        uint32_t slab = slab_of_listed(before, block, size_class);
        before = block;
        void *next = hk_next(block);
        struct gathered *g = &table[slab % CHAINS];
        if (g->slab != slab + 1) {
            if (g->slab != 0)
                remote += hand_over(heap, size_class, g, emptied);
            g->slab = slab + 1;
            g->chain = (struct hk_chain){block, block, 1};
        } else {
            hk_set_next(block, g->chain.first);
            g->chain.first = block;
            g->chain.count++;
        }
        block = next;
    }
    check_end(before, block, size_class);
    for (unsigned i = 0; i < CHAINS; i++) {
        if (table[i].slab != 0)
            remote += hand_over(heap, size_class, &table[i], emptied);
    }
    return remote;
}
