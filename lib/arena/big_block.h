/*
 * big_block.h - blocks above 32 KiB: runs of slabs in one SuperSlab (big), whole SuperSlabs (huge).
 *
 * Their size is kept in whole pages in the record of their first slab; their slabs' meta words are 0, so
 * free() comes here by its slow path. A few freed ones are kept whole for reuse (big_cache_bytes), within
 * the retention budget.
 */
#ifndef HAKMEM_LIB_ARENA_BIG_BLOCK_H
#define HAKMEM_LIB_ARENA_BIG_BLOCK_H

#include <stdbool.h>

#include "lib/base/geometry.h"

/* size above HK_SMALL_MAX, or align above HK_SMALL_MAX (a power of two). NULL without memory. *zeroed: it
 * reads as zero. */
void *hk_big_alloc(size_t size, size_t align, bool *zeroed);

/* The same out of the runs that are kept, for sizes that have some; NULL where there is none. It does not
 * read as zero. */
void *hk_big_reuse(size_t size, size_t align);

/* p lies in slab `slab`, which is within the arena and serves no size class. Aborts with a message unless p
 * is the start of a live big or huge block. */
void hk_big_free(void *p, uint32_t slab);
size_t hk_big_usable(const char *call, const void *p, uint32_t slab);

/* Changes the block's size without copying: in place, or by moving its pages. NULL: the caller copies. */
void *hk_big_resize(void *p, uint32_t slab, size_t size);

/* The same for a block that must not move. false: it is as it was. */
bool hk_big_resize_here(void *p, uint32_t slab, size_t size);

/* Whether p is the start of a live big or huge block. */
bool hk_big_is_block(const void *p, uint32_t slab);

/* Gives cached blocks back until bytes have gone; returns the bytes that went. */
size_t hk_big_cache_drain(size_t bytes);

#endif
