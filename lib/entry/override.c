/*
 * override.c - the C library's allocation interface, exported: each a line or two around lib/entry/alloc.h.
 * What is made of other functions of the interface is in lib/entry/derived_calls.c.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "lib/entry/alloc.h"

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

HK_EXPORT size_t malloc_usable_size(void *p)
{
    return hk_usable(p);
}
