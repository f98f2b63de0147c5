/*
 * override.c - the C library's allocation interface, exported: each a line or two around lib/alloc.h.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "lib/alloc.h"
#include "lib/os.h"

static bool is_power_of_two(size_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

HK_EXPORT void *malloc(size_t size)
{
    return hk_malloc(size);
}

HK_EXPORT void free(void *p)
{
    hk_free(p);
}

HK_EXPORT void *calloc(size_t count, size_t size)
{
    return hk_calloc(count, size);
}

HK_EXPORT void *realloc(void *p, size_t size)
{
    return hk_realloc(p, size);
}

HK_EXPORT void *reallocarray(void *p, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return hk_out_of_memory();
    return hk_realloc(p, bytes);
}

HK_EXPORT void *aligned_alloc(size_t align, size_t size)
{
    if (!is_power_of_two(align)) {
        errno = EINVAL;
        return NULL;
    }
    return hk_aligned(align, size);
}

HK_EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
    if (!is_power_of_two(align) || align % sizeof(void *) != 0)
        return EINVAL;
    int saved_errno = errno;
    void *p = hk_aligned(align, size);
    if (p == NULL)
        return errno = ENOMEM; /* as glibc's; there are programs that look there */
    errno = saved_errno;
    *out = p;
    return 0;
}

/* As glibc's: an alignment that is no power of two is rounded up to one. */
HK_EXPORT void *memalign(size_t align, size_t size)
{
    if (align > SIZE_MAX / 2 + 1) {
        errno = EINVAL;
        return NULL;
    }
    size_t power = HK_MIN_ALIGN;
    while (power < align)
        power *= 2;
    return hk_aligned(power, size);
}

HK_EXPORT void *valloc(size_t size)
{
    return hk_aligned(hk_page_bytes, size);
}

HK_EXPORT void *pvalloc(size_t size)
{
    if (size > HK_MAX_REQUEST)
        return hk_out_of_memory();
    return hk_aligned(hk_page_bytes, hk_round_up(size != 0 ? size : 1, hk_page_bytes));
}

HK_EXPORT size_t malloc_usable_size(void *p)
{
    return hk_usable(p);
}

/* C23; sizes and alignments are ignored but where they are checked (lib/harden.h). */
HK_EXPORT void free_sized(void *p, size_t size);
void free_sized(void *p, size_t size)
{
    hk_free_told("free_sized", p, size, 1);
}

HK_EXPORT void free_aligned_sized(void *p, size_t align, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size)
{
    hk_free_told("free_aligned_sized", p, size, align);
}

/* Left glibc with 2.26; old programs still call it. */
HK_EXPORT void cfree(void *p);
void cfree(void *p)
{
    hk_free(p);
}
