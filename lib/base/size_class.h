/*
 * size_class.h - sizes to classes and back.
 *
 * Two tables: a fine one (steps of 16 bytes, to 1 KiB) for the hot path, a coarse one (steps of 256, to
 * 32 KiB). Entries are *bin offsets*: what has to be added to a heap to reach the class's bin, so that
 * neither malloc nor free multiplies. Constant data; must not know heaps beyond the size of a bin.
 */
#ifndef HAKMEM_LIB_BASE_SIZE_CLASS_H
#define HAKMEM_LIB_BASE_SIZE_CLASS_H

#include <stdbool.h>

#include "lib/base/geometry.h"

enum {
    HK_CLASSES = 0
#define HK_SIZE_CLASS(bytes) +1
#include "lib/base/size_classes.def"
};

#define HK_BIN_SHIFT 3 /* log2 of sizeof(struct hk_bin), asserted in heap.h */

#define HK_FINE_MAX     1024
#define HK_FINE_SHIFT   4
#define HK_COARSE_SHIFT 8

extern const uint16_t hk_fine_bins[(HK_FINE_MAX >> HK_FINE_SHIFT) + 1] HK_HIDDEN;
extern const uint16_t hk_coarse_bins[(HK_SMALL_MAX >> HK_COARSE_SHIFT) + 1] HK_HIDDEN;

struct hk_class_info {
    uint32_t bytes;
    uint32_t capacity;   /* blocks in a slab */
    uint32_t reciprocal; /* offset * reciprocal >> 32 is offset / bytes for offsets in a slab */
    uint32_t least;      /* bytes that a block may shrink to and stay: half of it, a small one to nothing */
};

extern const struct hk_class_info hk_classes[HK_CLASSES] HK_HIDDEN;

/* Bin 0 of every heap is the one that never has anything and never takes anything. */
HK_INLINE unsigned hk_bin_offset_of_class(unsigned size_class)
{
    return (size_class + 1) << HK_BIN_SHIFT;
}

HK_INLINE unsigned hk_class_of_bin_offset(unsigned offset)
{
    return (offset >> HK_BIN_SHIFT) - 1;
}

/* size is at most HK_SMALL_MAX. */
HK_INLINE unsigned hk_class_of_size(size_t size)
{
    return hk_class_of_bin_offset(
        size <= HK_FINE_MAX ? hk_fine_bins[(size + ((1u << HK_FINE_SHIFT) - 1)) >> HK_FINE_SHIFT]
                            : hk_coarse_bins[(size + ((1u << HK_COARSE_SHIFT) - 1)) >> HK_COARSE_SHIFT]);
}

/* Number of the block that an offset in a slab of the class lies in. */
HK_INLINE uint32_t hk_block_index(const struct hk_class_info *info, uint32_t offset)
{
    return (uint32_t)(((uint64_t)offset * info->reciprocal) >> 32);
}

/* Whether a block starts at an offset in a slab of the class. The low half of the product is what is left
 * over, in units of the reciprocal: below one of them for multiples, as D. Lemire and others describe
 * ("Faster Remainder by Direct Computation", 2019), since offsets and sizes are short. */
HK_INLINE bool hk_block_starts(const struct hk_class_info *info, uint32_t offset)
{
    uint64_t product = (uint64_t)offset * info->reciprocal;
    return (uint32_t)product < info->reciprocal && product >> 32 < info->capacity;
}

/* Whether a block of the class that is to have size bytes stays as it is: it is long enough, and half of it
 * at least stays in use. Never for 0. */
HK_INLINE bool hk_class_fits(const struct hk_class_info *info, size_t size)
{
    return size - info->least <= info->bytes - info->least;
}

#endif
