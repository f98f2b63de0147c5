/*
 * geometry.h - the sizes everything is cut into.
 *
 * Numbers only; the reasons are in docs/design.md.
 */
#ifndef HAKMEM_LIB_BASE_GEOMETRY_H
#define HAKMEM_LIB_BASE_GEOMETRY_H

#include "shm/base.h"

#define HK_SLAB_SHIFT               16
#define HK_SLAB_BYTES               ((size_t)1 << HK_SLAB_SHIFT)
#define HK_SUPERSLAB_SHIFT          21
#define HK_SUPERSLAB_BYTES          ((size_t)1 << HK_SUPERSLAB_SHIFT)
#define HK_SLABS_PER_SUPERSLAB      32
#define HK_SUPERSLAB_SHIFT_IN_SLABS 5
#define HK_ALL_SLABS                UINT32_C(0xffffffff)

/* A group is what one word of the index covers. */
#define HK_SUPERSLABS_PER_GROUP 64
#define HK_MAX_GROUPS           8192
#define HK_MAX_SUPERSLABS       (HK_MAX_GROUPS * HK_SUPERSLABS_PER_GROUP) /* 1 TiB */
#define HK_MAX_SLABS            (HK_MAX_SUPERSLABS * HK_SLABS_PER_SUPERSLAB)
#define HK_WINDOW_BYTES         ((size_t)HK_MAX_SUPERSLABS << HK_SUPERSLAB_SHIFT)

/* Every block is aligned to this and is a multiple of it. */
#define HK_MIN_ALIGN 16

/* Sizes up to HK_SMALL_MAX are served from bins, up to HK_BIG_MAX from slabs of one SuperSlab, above that
 * from whole SuperSlabs. */
#define HK_SMALL_MAX     32768
#define HK_BIG_MAX_SLABS 31
#define HK_BIG_MAX       (HK_BIG_MAX_SLABS * HK_SLAB_BYTES)

/* The C standard's objects end here; anything larger is refused. */
#define HK_MAX_REQUEST ((size_t)PTRDIFF_MAX)

#define HK_MAX_HEAPS 65535 /* ids are 16 bits in a slab's word; 0 is nobody */

HK_INLINE size_t hk_round_up(size_t n, size_t to)
{
    return (n + to - 1) & ~(to - 1);
}

HK_INLINE uint32_t hk_slabs_for(size_t bytes)
{
    return (uint32_t)((bytes + HK_SLAB_BYTES - 1) >> HK_SLAB_SHIFT);
}

HK_INLINE uint32_t hk_superslabs_for(size_t bytes)
{
    return (uint32_t)((bytes + HK_SUPERSLAB_BYTES - 1) >> HK_SUPERSLAB_SHIFT);
}

#endif
