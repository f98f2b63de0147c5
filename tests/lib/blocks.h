/*
 * blocks.h - filling blocks with a pattern of their own, and looking whether it is still there.
 *
 * A block's pattern follows from a seed that no other live block has, so overlap and early reuse show.
 */
#ifndef HAKMEM_TESTS_LIB_BLOCKS_H
#define HAKMEM_TESTS_LIB_BLOCKS_H

#include <stdbool.h>
#include <string.h>

#include "shm/base.h"

HK_INLINE uint64_t pattern_word(uint64_t seed, size_t index)
{
    return (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + index * UINT64_C(0xbf58476d1ce4e5b9);
}

HK_INLINE void pattern_fill(void *block, size_t bytes, uint64_t seed)
{
    unsigned char *at = block;
    size_t whole = bytes & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word = pattern_word(seed, i / 8);
        memcpy(at + i, &word, 8);
    }
    uint64_t last = pattern_word(seed, whole / 8);
    memcpy(at + whole, &last, bytes - whole);
}

/* Offset of the first word that differs; bytes where all is well. */
HK_INLINE size_t pattern_check(const void *block, size_t bytes, uint64_t seed)
{
    const unsigned char *at = block;
    size_t whole = bytes & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word;
        memcpy(&word, at + i, 8);
        if (word != pattern_word(seed, i / 8))
            return i;
    }
    uint64_t last = pattern_word(seed, whole / 8);
    return memcmp(at + whole, &last, bytes - whole) == 0 ? bytes : whole;
}

HK_INLINE bool is_aligned(const void *p, size_t align)
{
    return (uintptr_t)p % align == 0;
}

HK_INLINE bool is_zero(const void *block, size_t bytes)
{
    const unsigned char *at = block;
    return bytes == 0 || (at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0);
}

/* The largest size of each class, from the allocator's own table. */
static const size_t class_sizes[] = {
#define HK_SIZE_CLASS(bytes) bytes,
#include "lib/base/size_classes.def"
};

#define CLASS_COUNT HK_COUNT_OF(class_sizes)

#endif
