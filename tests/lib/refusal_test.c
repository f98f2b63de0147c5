/* refusal_test.c - sizes and alignments that no machine has are NULL and ENOMEM, from every entry point. */
#include "tests/support/test.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

/* Above what C's objects may have, exactly that, and what only an address space would refuse. */
static const size_t too_large[] = {
    (size_t)PTRDIFF_MAX - 4096,
    (size_t)PTRDIFF_MAX - 1,
    (size_t)PTRDIFF_MAX,
    (size_t)PTRDIFF_MAX + 1,
    (size_t)PTRDIFF_MAX + 4096,
    SIZE_MAX - 65536,
    SIZE_MAX - 4096,
    SIZE_MAX - 4095,
    SIZE_MAX - 16,
    SIZE_MAX - 15,
    SIZE_MAX - 1,
    SIZE_MAX,
    (size_t)1 << 48,
    (size_t)1 << 47,
};

static void *by_malloc(size_t n)
{
    return malloc(n);
}

static void *by_calloc(size_t n)
{
    return calloc(n, 1);
}

static void *by_calloc_one(size_t n)
{
    return calloc(1, n);
}

static void *by_realloc_null(size_t n)
{
    return realloc(NULL, n);
}

static void *by_reallocarray(size_t n)
{
    return reallocarray(NULL, n, 1);
}

static void *by_reallocarray_one(size_t n)
{
    return reallocarray(NULL, 1, n);
}

static void *by_aligned_alloc(size_t n)
{
    return aligned_alloc(64, n);
}

static void *by_aligned_alloc_page(size_t n)
{
    return aligned_alloc(4096, n);
}

static void *by_aligned_alloc_far(size_t n)
{
    return aligned_alloc((size_t)4 << 20, n);
}

static void *by_memalign(size_t n)
{
    return memalign(64, n);
}

static void *by_posix_memalign(size_t n)
{
    void *p = &p;
    int err = posix_memalign(&p, 64, n);
    if (err == 0)
        return p;
    assert_ptr_equal(p, &p);
    errno = err;
    return NULL;
}

static void *by_valloc(size_t n)
{
    return valloc(n);
}

static void *by_pvalloc(size_t n)
{
    return pvalloc(n);
}

#define CALL(name)                                                                                           \
    {                                                                                                        \
#name, by_##name                                                                                     \
    }
static const struct {
    const char *name;
    void *(*allocate)(size_t size);
} calls[] = {
    CALL(malloc),
    CALL(calloc),
    CALL(calloc_one),
    CALL(realloc_null),
    CALL(reallocarray),
    CALL(reallocarray_one),
    CALL(aligned_alloc),
    CALL(aligned_alloc_page),
    CALL(aligned_alloc_far),
    CALL(memalign),
    CALL(posix_memalign),
    CALL(valloc),
    CALL(pvalloc),
};

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    for (unsigned c = 0; c < HK_COUNT_OF(calls); c++) {
        for (unsigned i = 0; i < HK_COUNT_OF(too_large); i++) {
            errno = 0;
            void *p = calls[c].allocate(check_hidden_size(too_large[i]));
            if (p != NULL || errno != ENOMEM)
                fail_msg("%s(%#zx): %p, errno %d", calls[c].name, too_large[i], p, errno);
        }
    }
}

static void impossible_alignments_are_refused(void **state)
{
    (void)state;
    for (unsigned shift = 46; shift < 64; shift++) {
        size_t align = check_hidden_size((size_t)1 << shift);
        void *p = NULL;
        int err = posix_memalign(&p, align, 1);
        if (err != ENOMEM)
            fail_msg("posix_memalign to 2^%u: %d, %p", shift, err, p);
        errno = 0;
        p = aligned_alloc(align, 1);
        if (p != NULL || errno != ENOMEM)
            fail_msg("aligned_alloc to 2^%u: %p, errno %d", shift, p, errno);
        errno = 0;
        p = memalign(align, 1);
        if (p != NULL || errno != ENOMEM)
            fail_msg("memalign to 2^%u: %p, errno %d", shift, p, errno);
    }
}

/* Refusals leave nothing behind that would be in the way of the next allocation. */
static void allocation_goes_on_after_refusals(void **state)
{
    (void)state;
    struct mallinfo2 before = mallinfo2();
    impossible_sizes_are_refused(state);
    impossible_alignments_are_refused(state);
    struct mallinfo2 after = mallinfo2();
    assert_int_equal(after.uordblks, before.uordblks);
    assert_int_equal(after.hblkhd, before.hblkhd);
    for (size_t size = 1; size < 64u << 20; size *= 3) {
        void *p = malloc(size);
        assert_non_null(p);
        memset(p, 1, size);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(impossible_alignments_are_refused),
        cmocka_unit_test(allocation_goes_on_after_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
