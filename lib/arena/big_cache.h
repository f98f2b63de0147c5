/*
 * big_cache.h - a few freed big and huge blocks, kept whole.
 *
 * Fixed arrays of atomic words, each a block or nothing: putting and taking is one compare-and-swap, and a
 * fork at any instant leaves each block in one place. Knows blocks only as slab numbers and lengths. Runs of
 * slabs have places by their length, so that what was freed is found by whoever wants as much again; huge
 * blocks share theirs.
 */
#ifndef HAKMEM_LIB_ARENA_BIG_CACHE_H
#define HAKMEM_LIB_ARENA_BIG_CACHE_H

#include <stdbool.h>

#include "lib/base/geometry.h"

/* A freed block: its first slab and the mapped bytes it has (whole pages). */
struct hk_cached {
    uint32_t slab;
    size_t bytes;
};

/* Runs of up to so many slabs have places of their own. */
#define HK_RUN_LENGTHS 16

/* Keeps a run of slabs if there is a place for its length: those of one length take up a sixteenth of limit
 * bytes at most. */
bool hk_run_cache_put(uint32_t slab, uint32_t span, uint64_t limit);

/* The first slab of a run of just so many, -1 where none is kept. */
int64_t hk_run_cache_take(uint32_t span);

/* Any run, the longest first; false when there is none. */
bool hk_run_cache_evict(struct hk_cached *block);

/* Keeps a huge block if there is room for it within limit bytes in all. */
bool hk_big_cache_put(struct hk_cached block, uint64_t limit);

/* The best fit for a length: at least bytes, and at most an eighth or part of a slab more; on the alignment.
 */
bool hk_big_cache_take(size_t bytes, size_t align, struct hk_cached *block);

/* The longer run that was freed last has a place for itself. put: keeps the block there and returns whether
 * there was another, in *older. take: true if it is there, and as long as wanted to the slab. */
bool hk_big_last_put(struct hk_cached block, struct hk_cached *older);
bool hk_big_last_take(size_t bytes, size_t align, struct hk_cached *block);

/* Whatever is there; false when nothing is. */
bool hk_big_last_evict(struct hk_cached *block);

/* About the block that was put first; false when empty. */
bool hk_big_cache_evict_oldest(struct hk_cached *block);

/* The shortest that is at least so long, else the longest; false when empty. */
bool hk_big_cache_evict_fit(size_t bytes, struct hk_cached *block);

/* In a forked child: what another thread was just changing is counted anew. */
void hk_big_cache_after_fork(void);

#endif
