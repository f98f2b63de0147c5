/* big_cache.c - see big_cache.h. */
#include "lib/big_cache.h"

#include "lib/arena.h"

#define PLACES 32

/* slab in the low half, slabs in the high half; 0: free (a block has at least one slab). */
static hk_au64 places[PLACES];
static hk_au64 held_slabs;

static uint64_t pack(struct hk_cached block)
{
    return (uint64_t)block.slabs << 32 | block.slab;
}

static struct hk_cached unpack(uint64_t word)
{
    return (struct hk_cached){.slab = (uint32_t)word, .slabs = (uint32_t)(word >> 32)};
}

static bool take_place(unsigned i, uint64_t word, struct hk_cached *block)
{
    if (!atomic_compare_exchange_strong(&places[i], &word, 0))
        return false;
    *block = unpack(word);
    atomic_fetch_sub_explicit(&held_slabs, block->slabs, memory_order_relaxed);
    return true;
}

bool hk_big_cache_put(struct hk_cached block, uint64_t limit)
{
    uint64_t held = atomic_fetch_add_explicit(&held_slabs, block.slabs, memory_order_relaxed) + block.slabs;
    if (held * HK_SLAB_BYTES <= limit) {
        for (unsigned i = 0; i < PLACES; i++) {
            uint64_t nothing = 0;
            if (atomic_load_explicit(&places[i], memory_order_relaxed) == 0 &&
                atomic_compare_exchange_strong(&places[i], &nothing, pack(block)))
                return true;
        }
    }
    atomic_fetch_sub_explicit(&held_slabs, block.slabs, memory_order_relaxed);
    return false;
}

bool hk_big_cache_take(uint32_t slabs, size_t align, struct hk_cached *block)
{
    if (atomic_load_explicit(&held_slabs, memory_order_relaxed) < slabs)
        return false;
    for (int attempt = 0; attempt < 2; attempt++) {
        uint64_t best = 0;
        unsigned at = 0;
        for (unsigned i = 0; i < PLACES; i++) {
            uint64_t word = atomic_load_explicit(&places[i], memory_order_relaxed);
            struct hk_cached b = unpack(word);
            if (b.slabs >= slabs && b.slabs <= slabs + slabs / 8 &&
                (best == 0 || b.slabs < unpack(best).slabs) && (hk_slab_start(b.slab) & (align - 1)) == 0) {
                best = word;
                at = i;
            }
        }
        if (best == 0)
            return false;
        if (take_place(at, best, block))
            return true;
    }
    return false;
}

bool hk_big_cache_evict(struct hk_cached *block)
{
    for (;;) {
        uint64_t longest = 0;
        unsigned at = 0;
        for (unsigned i = 0; i < PLACES; i++) {
            uint64_t word = atomic_load_explicit(&places[i], memory_order_relaxed);
            if (word >> 32 > longest >> 32) {
                longest = word;
                at = i;
            }
        }
        if (longest == 0)
            return false;
        if (take_place(at, longest, block))
            return true;
    }
}
