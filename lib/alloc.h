/*
 * alloc.h - the allocator's operations, under the names of this project.
 *
 * What the exported interface (override.c, cxx.c) is made of. Each follows the C and POSIX rules for the
 * function of that name: ENOMEM where there is no memory, errno otherwise unchanged.
 */
#ifndef HAKMEM_LIB_ALLOC_H
#define HAKMEM_LIB_ALLOC_H

#include "lib/fastpath.h"

void *hk_calloc(size_t count, size_t size);
void *hk_realloc(void *p, size_t size);

/* align: a power of two. */
void *hk_aligned(size_t align, size_t size);

/* Bytes that may be used; 0 for NULL. */
size_t hk_usable(const void *p);

/* NULL with errno ENOMEM, counted. */
void *hk_out_of_memory(void);

#endif
