/*
 * deepbind.c - dlopen() without RTLD_DEEPBIND, which would give a library another malloc than all others
 * have.
 *
 * Such a library looks its names up in itself and what it is linked with first, and so binds malloc and free
 * to the C library's. What reaches it from elsewhere is ours, be it from strdup() or getline(), and the C
 * library's free() dies of that. So names are looked up in the usual order (docs/decisions/0011-deepbind.md).
 * In libhakmem.so alone: who links libhakmem.a may have the C library's archive too, with a dlopen() of its
 * own.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

#include "shm/base.h"

typedef void *dlopen_fn(const char *file, int mode);

/* The loader looks at who called: paths and name spaces are the caller's. So the next one is jumped to, not
 * called; the attribute is for builds without optimisation. */
#ifndef __clang__
__attribute__((optimize("O2")))
#endif
HK_EXPORT void *
dlopen(const char *file, int mode)
{
    static _Atomic(dlopen_fn *) known;
    dlopen_fn *next = atomic_load_explicit(&known, memory_order_relaxed);
    if (HK_UNLIKELY(next == NULL)) {
        next = (dlopen_fn *)dlsym(RTLD_NEXT, "dlopen");
        if (next == NULL)
            return NULL; /* dlerror() says why */
        atomic_store_explicit(&known, next, memory_order_relaxed);
    }
    return next(file, mode & ~RTLD_DEEPBIND);
}
