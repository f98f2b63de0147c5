/*
 * cxx.c - C++'s operators new and delete, under their mangled names (Itanium C++ ABI).
 *
 * Without memory the C++ library's own operator takes over: it asks again (and fails again, here), calls the
 * new_handler and throws. So bad_alloc is that of the program's own C++ library, and C programs need none.
 */
#include <dlfcn.h>

#include "lib/arena/misuse.h"
#include "lib/entry/alloc.h"
#include "lib/harden/intercept.h"

/* Found where a C++ library is linked in without being shared, so that dlsym() has nothing to find. */
extern void (*_ZSt15get_new_handlerv(void))(void) __attribute__((weak)); /* std::get_new_handler() */
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));        /* std::__throw_bad_alloc() */

/* std::nothrow_t const & */
typedef const void *nothrow;

typedef void *new_fn(size_t size);
typedef void *new_nothrow_fn(size_t size, nothrow tag);
typedef void *new_aligned_fn(size_t size, size_t align);
typedef void *new_aligned_nothrow_fn(size_t size, size_t align, nothrow tag);

/* The next operator of the name behind ours. */
static void *next_operator(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* What operator new does where there is no other to ask. */
static void *call_handlers(size_t size, size_t align)
{
    for (;;) {
        void (*handler)(void) = _ZSt15get_new_handlerv != NULL ? _ZSt15get_new_handlerv() : NULL;
        if (handler == NULL && _ZSt17__throw_bad_allocv != NULL)
            _ZSt17__throw_bad_allocv();
        if (handler == NULL)
            hk_die("operator new: out of memory, and no C++ library to throw bad_alloc");
        handler();
        void *p = hk_aligned(align, size);
        if (p != NULL)
            return p;
    }
}

static HK_COLD void *new_failed(const char *name, size_t size)
{
    new_fn *next = (new_fn *)next_operator(name);
    return next != NULL ? next(size) : call_handlers(size, HK_MIN_ALIGN);
}

static HK_COLD void *new_nothrow_failed(const char *name, size_t size, nothrow tag)
{
    new_nothrow_fn *next = (new_nothrow_fn *)next_operator(name);
    return next != NULL ? next(size, tag) : NULL;
}

static HK_COLD void *new_aligned_failed(const char *name, size_t size, size_t align)
{
    new_aligned_fn *next = (new_aligned_fn *)next_operator(name);
    return next != NULL ? next(size, align) : call_handlers(size, align);
}

static HK_COLD void *new_aligned_nothrow_failed(const char *name, size_t size, size_t align, nothrow tag)
{
    new_aligned_nothrow_fn *next = (new_aligned_nothrow_fn *)next_operator(name);
    return next != NULL ? next(size, align, tag) : NULL;
}

#define OPERATOR_NEW(name)                                                                                   \
    HK_EXPORT void *name(size_t size);                                                                       \
    void *name(size_t size)                                                                                  \
    {                                                                                                        \
        void *p = hk_malloc(size);                                                                           \
        return HK_LIKELY(p != NULL) ? p : new_failed(#name, size);                                           \
    }

#define OPERATOR_NEW_NOTHROW(name)                                                                           \
    HK_EXPORT void *name(size_t size, nothrow tag);                                                          \
    void *name(size_t size, nothrow tag)                                                                     \
    {                                                                                                        \
        void *p = hk_malloc(size);                                                                           \
        return HK_LIKELY(p != NULL) ? p : new_nothrow_failed(#name, size, tag);                              \
    }

#define OPERATOR_NEW_ALIGNED(name)                                                                           \
    HK_EXPORT void *name(size_t size, size_t align);                                                         \
    void *name(size_t size, size_t align)                                                                    \
    {                                                                                                        \
        void *p = hk_aligned(align, size);                                                                   \
        return HK_LIKELY(p != NULL) ? p : new_aligned_failed(#name, size, align);                            \
    }

#define OPERATOR_NEW_ALIGNED_NOTHROW(name)                                                                   \
    HK_EXPORT void *name(size_t size, size_t align, nothrow tag);                                            \
    void *name(size_t size, size_t align, nothrow tag)                                                       \
    {                                                                                                        \
        void *p = hk_aligned(align, size);                                                                   \
        return HK_LIKELY(p != NULL) ? p : new_aligned_nothrow_failed(#name, size, align, tag);               \
    }

/* new, new[] */
OPERATOR_NEW(_Znwm)
OPERATOR_NEW(_Znam)
OPERATOR_NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
OPERATOR_NEW_NOTHROW(_ZnamRKSt9nothrow_t)
OPERATOR_NEW_ALIGNED(_ZnwmSt11align_val_t)
OPERATOR_NEW_ALIGNED(_ZnamSt11align_val_t)
OPERATOR_NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
OPERATOR_NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)

/* delete, delete[]: sizes and alignments make a difference only where they are checked (lib/harden/harden.h),
 * tags none. */
#define OPERATOR_DELETE(name, size, align, ...)                                                              \
    HK_EXPORT void name(__VA_ARGS__);                                                                        \
    void name(__VA_ARGS__)                                                                                   \
    {                                                                                                        \
        hk_free_told("operator delete", p, size, align);                                                     \
    }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
OPERATOR_DELETE(_ZdlPv, HK_ANY_SIZE, 1, void *p)
OPERATOR_DELETE(_ZdaPv, HK_ANY_SIZE, 1, void *p)
OPERATOR_DELETE(_ZdlPvm, size, 1, void *p, size_t size)
OPERATOR_DELETE(_ZdaPvm, size, 1, void *p, size_t size)
OPERATOR_DELETE(_ZdlPvRKSt9nothrow_t, HK_ANY_SIZE, 1, void *p, nothrow tag)
OPERATOR_DELETE(_ZdaPvRKSt9nothrow_t, HK_ANY_SIZE, 1, void *p, nothrow tag)
OPERATOR_DELETE(_ZdlPvSt11align_val_t, HK_ANY_SIZE, align, void *p, size_t align)
OPERATOR_DELETE(_ZdaPvSt11align_val_t, HK_ANY_SIZE, align, void *p, size_t align)
OPERATOR_DELETE(_ZdlPvmSt11align_val_t, size, align, void *p, size_t size, size_t align)
OPERATOR_DELETE(_ZdaPvmSt11align_val_t, size, align, void *p, size_t size, size_t align)
OPERATOR_DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, HK_ANY_SIZE, align, void *p, size_t align, nothrow tag)
OPERATOR_DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, HK_ANY_SIZE, align, void *p, size_t align, nothrow tag)
#pragma GCC diagnostic pop
