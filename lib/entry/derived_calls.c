/*
 * derived_calls.c - functions of the interface that are made of others: they call malloc's family by its
 * public names.
 *
 * Not everybody who takes malloc's family over knows all of its names. valgrind's tools replace functions at
 * their entries, a program may bring a malloc and free of its own: a block of theirs would be none of this
 * library's. So these go where malloc, free and realloc go, wherever that is. They have a file to themselves,
 * or the compiler would see what is behind the names.
 */
#include <malloc.h>
#include <stdlib.h>

#include "lib/entry/alloc.h"
#include "lib/os/os.h"

HK_EXPORT void *reallocarray(void *p, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return hk_out_of_memory();
    return realloc(p, bytes);
}

HK_EXPORT void *valloc(size_t size)
{
    return memalign(hk_page_bytes, size);
}

HK_EXPORT void *pvalloc(size_t size)
{
    if (size > HK_MAX_REQUEST)
        return hk_out_of_memory();
    return memalign(hk_page_bytes, hk_round_up(size != 0 ? size : 1, hk_page_bytes));
}

/* C23; sizes and alignments are ignored but where they are checked (lib/harden/harden.h). What is not from
 * here is freed by whoever free() belongs to. */
HK_EXPORT void free_sized(void *p, size_t size);
void free_sized(void *p, size_t size)
{
    if (hk_slab_of(p) < hk_arena_slabs())
        hk_free_told("free_sized", p, size, 1);
    else
        free(p);
}

HK_EXPORT void free_aligned_sized(void *p, size_t align, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size)
{
    if (hk_slab_of(p) < hk_arena_slabs())
        hk_free_told("free_aligned_sized", p, size, align);
    else
        free(p);
}

/* Left glibc with 2.26; old programs still call it. */
HK_EXPORT void cfree(void *p);
void cfree(void *p)
{
    free(p);
}
