/*
 * big_cache.h - a few freed big blocks, kept whole.
 *
 * A fixed array of atomic words, each a block or nothing: putting and taking is one compare-and-swap, and a
 * fork at any instant leaves each block in one place. Knows blocks only as slab numbers and lengths.
 */
#ifndef HAKMEM_LIB_BIG_CACHE_H
#define HAKMEM_LIB_BIG_CACHE_H

#include <stdbool.h>

#include "lib/geometry.h"

/* A freed block: its first slab and its length in slabs (of mapped addresses). */
struct hk_cached {
    uint32_t slab;
    uint32_t slabs;
};

/* Keeps a block if there is room for it within limit bytes in all. */
bool hk_big_cache_put(struct hk_cached block, uint64_t limit);

/* The best fit for a length: at least slabs, at most an eighth more, on the alignment. */
bool hk_big_cache_take(uint32_t slabs, size_t align, struct hk_cached *block);

/* Any one, the longest first; false when empty. */
bool hk_big_cache_evict(struct hk_cached *block);

#endif
