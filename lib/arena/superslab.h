/*
 * superslab.h - slabs, singly and in runs, out of open SuperSlabs.
 *
 * Lock-free: a slab belongs to whoever cleared its bit in the SuperSlab's free mask. Lowest SuperSlab
 * first, and slabs that still have their pages before any that would have to be faulted in. Knows nothing
 * of size classes or owners.
 */
#ifndef HAKMEM_LIB_ARENA_SUPERSLAB_H
#define HAKMEM_LIB_ARENA_SUPERSLAB_H

#include "lib/arena/arena.h"

/* n (1..HK_BIG_MAX_SLABS) neighbouring slabs of one SuperSlab, aligned to align bytes (a power of two; 64 KiB
 * and less is always given). Returns the first one's number, -1 without memory. *zeroed: every page of
 * them reads as zero. */
int64_t hk_slabs_take(unsigned n, size_t align, bool *zeroed);

/* The same, but only where all pages are there; -1 where they are not. */
int64_t hk_slabs_take_resident(unsigned n, size_t align, bool *zeroed);

/* Gives them back: free and retained. The caller then lets hk_retain_check() decide what is purged. */
void hk_slabs_give(uint32_t first, unsigned n);

/* Gives back pages of free slabs in used SuperSlabs, from the top, until bytes have gone. Returns the bytes
 * that went. */
size_t hk_slabs_purge(size_t bytes);

#endif
