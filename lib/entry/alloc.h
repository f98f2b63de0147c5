/*
 * alloc.h - the allocator's operations, under the names of this project.
 *
 * What the exported interface (override.c, cxx.c) is made of. Each follows the C and POSIX rules for the
 * function of that name: ENOMEM where there is no memory, errno otherwise unchanged.
 */
#ifndef HAKMEM_LIB_ENTRY_ALLOC_H
#define HAKMEM_LIB_ENTRY_ALLOC_H

#include "lib/entry/fastpath.h"

void *hk_calloc(size_t count, size_t size);
void *hk_realloc(void *p, size_t size);

/* align: a power of two. */
void *hk_aligned(size_t align, size_t size);

/* Bytes that may be used; 0 for NULL. */
size_t hk_usable(const void *p);

/* Times that a block was resized to nothing. */
uint64_t hk_zero_reallocs(void);

/* NULL with errno ENOMEM, counted. */
void *hk_out_of_memory(void);

/* ---- the ways that there are when nothing is diverted, for those that come after a diversion ---- */

/* A block of a class; any thread, whatever state its heap is in. NULL with errno without memory. */
void *hk_small_make(unsigned size_class);

/* One above HK_SMALL_MAX, or of an alignment above that; likewise. *zeroed: it reads as zero. */
void *hk_big_make(size_t size, size_t align, bool *zeroed);

/* Gives such a block back: to the thread's bin; to where runs are kept. Aborts on what is no big block. */
void hk_small_drop(void *p, uint32_t slab, unsigned size_class);
void hk_big_drop(void *p, uint32_t slab);

/* As hk_big_resize() does. */
void *hk_big_change(void *p, uint32_t slab, size_t size);

/* free, realloc and malloc_usable_size; p is not NULL, size not 0. */
void hk_free_plain(void *p);
void *hk_resize_plain(void *p, size_t size);
size_t hk_usable_plain(const void *p);

#endif
