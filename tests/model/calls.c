/* calls.c - see calls.h: getting, resizing and freeing blocks. */
#include "tests/model/calls.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/model/claims.h"
#include "tests/model/cxx_names.h"
#include "tests/model/pattern.h"

#define UNTOUCHED 7777 /* an errno that no call sets */

/* From here on no call may do more than it has to: some sizes are refused on hosts with little memory. */
#define SURE_BYTES ((size_t)256 << 20)

void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size);
void cfree(void *p);

typedef void *allocate_fn(size_t size, size_t align, struct dice *d);

/* ---- getting ---- */

static void *by_malloc(size_t size, size_t align, struct dice *d)
{
    (void)align;
    (void)d;
    return malloc(size);
}

static void *by_calloc(size_t size, size_t align, struct dice *d)
{
    (void)align;
    size_t count = 1 + below(d, 16);
    return size % count == 0 ? calloc(count, size / count) : calloc(size, 1);
}

static void *by_realloc(size_t size, size_t align, struct dice *d)
{
    (void)align;
    return one_in(d, 2) ? realloc(NULL, size) : reallocarray(NULL, 1, size);
}

static void *by_aligned_alloc(size_t size, size_t align, struct dice *d)
{
    (void)d;
    return aligned_alloc(align, size);
}

/* Any alignment is good for memalign: the next power of two holds. */
static void *by_memalign(size_t size, size_t align, struct dice *d)
{
    return memalign(align / 2 + 1 + below(d, align - align / 2), size);
}

static void *by_posix_memalign(size_t size, size_t align, struct dice *d)
{
    void *p = d;
    int result = posix_memalign(&p, align < sizeof(void *) ? sizeof(void *) : align, size);
    if (result == 0)
        return p;
    if (result != ENOMEM || p != (void *)d)
        violation(NULL, 0, "posix_memalign failed with %d and left %p", result, p);
    return NULL; /* with errno set, as by the others */
}

static void *by_valloc(size_t size, size_t align, struct dice *d)
{
    (void)align;
    (void)d;
    return valloc(size);
}

static void *by_pvalloc(size_t size, size_t align, struct dice *d)
{
    (void)align;
    (void)d;
    return pvalloc(size);
}

static void *by_new(size_t size, size_t align, struct dice *d)
{
    const char tag = 0;
    (void)align;
    switch (below(d, 4)) {
    case 0:
        return _Znwm(size);
    case 1:
        return _Znam(size);
    case 2:
        return _ZnwmRKSt9nothrow_t(size, &tag);
    default:
        return _ZnamRKSt9nothrow_t(size, &tag);
    }
}

static void *by_aligned_new(size_t size, size_t align, struct dice *d)
{
    const char tag = 0;
    switch (below(d, 4)) {
    case 0:
        return _ZnwmSt11align_val_t(size, align);
    case 1:
        return _ZnamSt11align_val_t(size, align);
    case 2:
        return _ZnwmSt11align_val_tRKSt9nothrow_t(size, align, &tag);
    default:
        return _ZnamSt11align_val_tRKSt9nothrow_t(size, align, &tag);
    }
}

/* aligned: 0 never, 1 to the page, 2 as asked for. pages: the size is rounded up to whole pages. */
static const struct way {
    allocate_fn *call;
    unsigned weight, aligned;
    bool zeroes, pages;
} ways[] = {
    {by_malloc, 40, 0, false, false},  {by_calloc, 14, 0, true, false},
    {by_realloc, 6, 0, false, false},  {by_aligned_alloc, 4, 2, false, false},
    {by_memalign, 4, 2, false, false}, {by_posix_memalign, 4, 2, false, false},
    {by_valloc, 1, 1, false, false},   {by_pvalloc, 1, 1, false, true},
    {by_new, 8, 0, false, false},      {by_aligned_new, 4, 2, false, false},
};

static const struct way *choose_way(struct dice *d)
{
    unsigned sum = 0;
    for (size_t i = 0; i < HK_COUNT_OF(ways); i++)
        sum += ways[i].weight;
    size_t at = below(d, sum);
    const struct way *way = ways;
    while (at >= way->weight)
        at -= way++->weight;
    return way;
}

/* Mostly those that programs use; now and then up to 8 MiB. */
static size_t choose_align(struct dice *d)
{
    size_t r = below(d, 64);
    return r == 0   ? (size_t)1 << (16 + below(d, 8))
           : r < 16 ? (size_t)1 << (7 + below(d, 9))
                    : (size_t)16 << below(d, 4);
}

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* What a call asks for by naming a size; nothing is as much as a byte to those that round up. */
static size_t asked(const struct way *way, size_t size)
{
    size_t page = page_bytes();
    return way->pages ? ((size != 0 ? size : 1) + page - 1) / page * page : size;
}

static size_t least_align(const struct way *way, size_t align)
{
    if (way->aligned == 0)
        return 16;
    return way->aligned == 1 ? page_bytes() : align;
}

static void check_errno(const struct block *b, bool succeeded, const char *call)
{
    if (succeeded && errno != UNTOUCHED)
        violation(b, 0, "%s succeeded and set errno to %d", call, errno);
    if (!succeeded && errno != ENOMEM)
        violation(b, 0, "%s failed with errno %d", call, errno);
}

/* What every block must be that has just been handed out. */
static void check_fresh(struct block *b)
{
    if (((uintptr_t)b->p & (b->align - 1)) != 0)
        violation(b, 0, "not aligned to %zu", b->align);
    b->usable = malloc_usable_size(b->p);
    if (b->usable < b->size)
        violation(b, b->usable, "usable size %zu is less", b->usable);
    if (errno != UNTOUCHED)
        violation(b, 0, "malloc_usable_size set errno to %d", errno);
}

static void failed(const struct block *b, const char *call)
{
    if (b->size <= SURE_BYTES)
        violation(b, 0, "%s: no memory for %zu bytes", call, b->size);
}

static void begin_contents(struct block *b, struct dice *d)
{
    b->seed = draw(d);
    b->whole = one_in(d, 8);
    pattern_fill(b);
}

bool call_allocate(struct block *b, size_t size, struct dice *d)
{
    const struct way *way = choose_way(d);
    size_t align = choose_align(d);
    atomic_store(&b->state, BLOCK_BUSY);
    b->size = asked(way, size);
    b->usable = 0;
    b->align = least_align(way, align);
    errno = UNTOUCHED;
    b->p = way->call(size, align, d);
    check_errno(b, b->p != NULL, "allocation");
    if (b->p == NULL) {
        failed(b, "allocation");
        atomic_store(&b->state, BLOCK_NONE);
        return false;
    }
    check_fresh(b);
    claim(b);
    if (way->zeroes)
        pattern_check_zero(b);
    begin_contents(b, d);
    atomic_store(&b->state, BLOCK_LIVE);
    return true;
}

/* ---- resizing ---- */

static void *resized(struct block *b, size_t size, struct dice *d)
{
    return one_in(d, 3) ? reallocarray(b->p, 1, size) : realloc(b->p, size);
}

void call_resize(struct block *b, size_t size, struct dice *d)
{
    struct block old = *b;
    size = size != 0 ? size : 1; /* else it is a free */
    call_verify(b);
    atomic_store(&b->state, BLOCK_BUSY);
    unclaim(b);
    errno = UNTOUCHED;
    unsigned char *p = resized(b, size, d);
    check_errno(b, p != NULL, "realloc");
    if (p == NULL) {
        b->size = size;
        failed(b, "realloc");
        b->size = old.size;
        claim(b);
        pattern_check(b, b->p, b->usable, "realloc failed, and changed it");
        atomic_store(&b->state, BLOCK_LIVE);
        return;
    }
    b->p = p;
    b->size = size;
    b->align = 16;
    check_fresh(b);
    claim(b);
    /* Not what was asked for, but all that could be used: programs that ask for that use it. */
    pattern_check(&old, p, size < old.usable ? size : old.usable, "realloc lost contents");
    begin_contents(b, d);
    atomic_store(&b->state, BLOCK_LIVE);
}

/* ---- freeing ---- */

static void free_as_cxx(struct block *b, struct dice *d)
{
    const char tag = 0;
    void *p = b->p;
    switch (below(d, 12)) {
    case 0:
        _ZdlPv(p);
        return;
    case 1:
        _ZdaPv(p);
        return;
    case 2:
        _ZdlPvm(p, b->size);
        return;
    case 3:
        _ZdaPvm(p, b->size);
        return;
    case 4:
        _ZdlPvRKSt9nothrow_t(p, &tag);
        return;
    case 5:
        _ZdaPvRKSt9nothrow_t(p, &tag);
        return;
    case 6:
        _ZdlPvSt11align_val_t(p, b->align);
        return;
    case 7:
        _ZdaPvSt11align_val_t(p, b->align);
        return;
    case 8:
        _ZdlPvmSt11align_val_t(p, b->size, b->align);
        return;
    case 9:
        _ZdaPvmSt11align_val_t(p, b->size, b->align);
        return;
    case 10:
        _ZdlPvSt11align_val_tRKSt9nothrow_t(p, b->align, &tag);
        return;
    default:
        _ZdaPvSt11align_val_tRKSt9nothrow_t(p, b->align, &tag);
        return;
    }
}

static void free_somehow(struct block *b, struct dice *d)
{
    switch (below(d, 16)) {
    case 0:
        free_sized(b->p, b->size);
        return;
    case 1:
        free_aligned_sized(b->p, b->align, b->size);
        return;
    case 2:
        cfree(b->p);
        return;
    case 3:
        if (realloc(b->p, 0) != NULL)
            violation(b, 0, "realloc to nothing gave something");
        return;
    case 4:
    case 5:
        free_as_cxx(b, d);
        return;
    default:
        free(b->p);
    }
}

void call_release(struct block *b, struct dice *d)
{
    call_verify(b);
    atomic_store(&b->state, BLOCK_NONE);
    unclaim(b);
    errno = UNTOUCHED;
    free_somehow(b, d);
    if (errno != UNTOUCHED)
        violation(b, 0, "free set errno to %d", errno);
    b->p = NULL;
}

void call_verify(const struct block *b)
{
    size_t usable = malloc_usable_size(b->p);
    if (usable != b->usable)
        violation(b, 0, "usable size was %zu and is %zu", b->usable, usable);
    pattern_check(b, b->p, b->usable, "contents changed");
}
