/*
 * pass_through.c - see pass_through.h.
 *
 * A runtime is known by a function that each runtime with an allocator exports, and that of undefined
 * behaviour, which has none, does not (sanitizer/allocator_interface.h).
 */
#include "lib/harden/pass_through.h"

#include <dlfcn.h>

#include "lib/arena/arena.h"

extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static struct {
    void *(*malloc)(size_t);
    void *(*memalign)(size_t, size_t);
    void (*free)(void *);
    void *(*realloc)(void *, size_t);
    size_t (*usable)(const void *);
} next;

static bool is_due(void)
{
#ifdef HK_INTERNAL_NAMES
    return false; /* beside a sanitizer on purpose, under names that nobody else calls */
#else
    return __sanitizer_get_current_allocated_bytes != NULL;
#endif
}

/* All at once, before the first block: dlsym() itself frees the text of an error that it has reported before.
 * Two threads that come here find the same. */
bool hk_stand_back_begin(void)
{
    if (!is_due())
        return false;
    next.malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    next.memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "memalign");
    next.free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
    next.realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    next.usable = (size_t(*)(const void *))dlsym(RTLD_NEXT, "malloc_usable_size");
    return next.malloc != NULL && next.memalign != NULL && next.free != NULL && next.realloc != NULL &&
           next.usable != NULL;
}

void *hk_stand_back_alloc(size_t size, size_t align)
{
    return align <= HK_MIN_ALIGN ? next.malloc(size) : next.memalign(align, size);
}

void hk_stand_back_free(void *p)
{
    next.free(p);
}

void *hk_stand_back_resize(void *p, size_t size)
{
    return next.realloc(p, size);
}

size_t hk_stand_back_usable(const void *p)
{
    return next.usable(p);
}
