/*
 * own_malloc.c - a program that brings its own allocator, a bump one, under the C library's names: all of it,
 * or `next`, a layer that counts and hands on to whoever comes next. What is preloaded is not in its way.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

static atomic_ulong calls;

#ifdef HAND_ON

/* What dlsym itself asks for before the next one is known comes from here. */
static _Alignas(16) char early[4096];
static atomic_size_t early_used;

static void *next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    CHECK(found != NULL, "no next %s", name);
    return found;
}

static bool is_early(const void *p)
{
    return (const char *)p >= early && (const char *)p < early + sizeof early;
}

#define NEXT(type, name)                                                                                     \
    static type *real;                                                                                       \
    if (real == NULL)                                                                                        \
        real = (type *)next(name);                                                                           \
    atomic_fetch_add(&calls, 1)

typedef void *one_size(size_t size);
typedef void *two_sizes(size_t a, size_t b);
typedef void *resize(void *p, size_t size);
typedef void give_back(void *p);

void *malloc(size_t size)
{
    NEXT(one_size, "malloc");
    return real(size);
}

void *calloc(size_t count, size_t size)
{
    static _Thread_local bool inside;
    if (inside) {
        size_t at = atomic_fetch_add(&early_used, (count * size + 15) & ~(size_t)15);
        return at + count * size <= sizeof early ? early + at : NULL;
    }
    inside = true;
    NEXT(two_sizes, "calloc");
    inside = false;
    return real(count, size);
}

void *realloc(void *p, size_t size)
{
    NEXT(resize, "realloc");
    return real(p, size);
}

void free(void *p)
{
    NEXT(give_back, "free");
    if (!is_early(p))
        real(p);
}

#else

static _Alignas(4096) char memory[64 << 20];
static atomic_size_t used;

static void *bump(size_t align, size_t size)
{
    size_t at, begin;
    atomic_fetch_add(&calls, 1);
    do {
        at = atomic_load(&used);
        begin = (at + 16 + align - 1) & ~(align - 1);
        if (size > sizeof memory || begin + size > sizeof memory) {
            errno = ENOMEM;
            return NULL;
        }
    } while (!atomic_compare_exchange_weak(&used, &at, begin + size));
    memcpy(memory + begin - 16, &size, sizeof size);
    return memory + begin;
}

static size_t size_of(const void *p)
{
    size_t size;
    CHECK((const char *)p >= memory && (const char *)p < memory + sizeof memory, "%p is another's block", p);
    memcpy(&size, (const char *)p - 16, sizeof size);
    return size;
}

void *malloc(size_t size)
{
    return bump(16, size);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return bump(16, bytes); /* nothing is used twice */
}

void *realloc(void *p, size_t size)
{
    void *q = bump(16, size);
    if (p != NULL && q != NULL)
        memcpy(q, p, size_of(p) < size ? size_of(p) : size);
    return q;
}

void free(void *p)
{
    atomic_fetch_add(&calls, 1);
    if (p != NULL)
        size_of(p);
}

void *memalign(size_t align, size_t size)
{
    return bump(align < 16 ? 16 : align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

int posix_memalign(void **to, size_t align, size_t size)
{
    void *p = memalign(align, size);
    if (p == NULL)
        return ENOMEM;
    *to = p;
    return 0;
}

size_t malloc_usable_size(void *p)
{
    return p == NULL ? 0 : size_of(p);
}

#endif

/* jemalloc's functions, where the preload has them: their blocks are the program's own functions'. */
void *mallocx(size_t size, int flags) __attribute__((weak));
void *rallocx(void *p, size_t size, int flags) __attribute__((weak));
size_t xallocx(void *p, size_t size, size_t extra, int flags) __attribute__((weak));
size_t sallocx(const void *p, int flags) __attribute__((weak));
void dallocx(void *p, int flags) __attribute__((weak));
void sdallocx(void *p, size_t size, int flags) __attribute__((weak));

enum { ZERO = 0x40 };

static void *filled(void *p, size_t size)
{
    CHECK(p != NULL && malloc_usable_size(p) >= size, "no memory");
    return memset(p, 1, size);
}

static void mixed(size_t size)
{
    if (mallocx == NULL)
        return;
    unsigned long before = atomic_load(&calls);
    free(filled(mallocx(size, 0), size));
    CHECK(atomic_load(&calls) >= before + 2, "mallocx passed by malloc");
    char *p = filled(mallocx(size, 7), size);
    CHECK((uintptr_t)p % 128 == 0, "mallocx: %p", (void *)p);
    p = realloc(p, size * 2);
    dallocx(filled(p, size * 2), 0);
    p = rallocx(filled(malloc(size), size), size * 3, 0);
    CHECK(p[size - 1] == 1, "rallocx");
    p = rallocx(filled(p, size * 3), size * 4, 9 | ZERO);
    CHECK(p[size * 3 - 1] == 1 && (uintptr_t)p % 512 == 0 && p[size * 4 - 1] == 0, "rallocx with flags");
    CHECK(sallocx(p, 0) >= size * 4 && xallocx(p, size * 4, 0, 0) >= size * 4, "sallocx");
    free(p);
    before = atomic_load(&calls);
    p = mallocx(size, ZERO);
    CHECK(p != NULL && p[0] == 0 && p[size - 1] == 0, "mallocx of zeros");
    CHECK(atomic_load(&calls) > before, "mallocx passed by calloc");
    sdallocx(p, size, 0);
    sdallocx(filled(malloc(size), size), size, 0);
}

static void *work(void *arg)
{
    for (unsigned i = 1; i < 1000; i++) {
        void *p = malloc(i), *q = calloc(i, 3), *r = NULL;
        char *text = NULL;
        CHECK(posix_memalign(&r, 256, i) == 0, "posix_memalign");
        p = realloc(p, i * 2);
        CHECK(p != NULL && q != NULL && malloc_usable_size(p) >= i * 2, "no memory");
        CHECK(asprintf(&text, "%u", i) > 0, "asprintf");
        free(text);
        free(r);
        free(q);
        free(p);
    }
    return arg;
}

int main(void)
{
    pthread_t threads[4];
    for (unsigned i = 0; i < HK_COUNT_OF(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0, "pthread_create");
    for (unsigned i = 0; i < HK_COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);
    for (size_t size = 1; size < 100000; size = size * 3 + 7)
        mixed(size);
    FILE *file = fopen("/dev/null", "w");
    CHECK(file != NULL, "fopen");
    fprintf(file, "x");
    fclose(file);
    CHECK(atomic_load(&calls) >= 4 * 999 * 8, "the program's own functions were called %lu times",
          atomic_load(&calls));
    return 0;
}
