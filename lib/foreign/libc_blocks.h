/*
 * libc_blocks.h - which pointers are blocks of the C library's own heap.
 *
 * Told by the words around them. No lock is taken, and memory is asked for before it is read.
 */
#ifndef HAKMEM_LIB_FOREIGN_LIBC_BLOCKS_H
#define HAKMEM_LIB_FOREIGN_LIBC_BLOCKS_H

#include <stddef.h>

enum hk_libc_claim {
    HK_LIBC_NO,
    HK_LIBC_LIKELY,  /* looks like one, in a place where others' blocks lie too */
    HK_LIBC_CERTAIN, /* looks like one, in a place where nobody else's lie */
};

/*
 * Judges a pointer.
 *
 * @param p  any value
 * @return   whether it is the start of a block of the C library's
 * Any thread. errno stays.
 */
enum hk_libc_claim hk_libc_claim(const void *p);

/*
 * What malloc_usable_size() of the C library says of such a block.
 *
 * @param p  one that hk_libc_claim() did not answer with HK_LIBC_NO
 * @return   bytes
 * Any thread.
 */
size_t hk_libc_usable(const void *p);

#endif
