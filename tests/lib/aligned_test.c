/* aligned_test.c - every alignment to 4 MiB by every call that takes one, and what they refuse. */
#include "tests/support/test.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#define LAST_ALIGN ((size_t)4 << 20)

typedef void *allocate_fn(size_t align, size_t size);

static void *by_posix_memalign(size_t align, size_t size)
{
    void *p = NULL;
    return posix_memalign(&p, align, size) == 0 ? p : NULL;
}

static const struct {
    const char *name;
    allocate_fn *call;
} calls[] = {{"posix_memalign", by_posix_memalign}, {"aligned_alloc", aligned_alloc}, {"memalign", memalign}};

static void check_blocks(unsigned call, size_t align, size_t size)
{
    void *blocks[3];
    for (unsigned i = 0; i < 3; i++) {
        void *p = blocks[i] = calls[call].call(align, size);
        if (p == NULL || !is_aligned(p, align) || malloc_usable_size(p) < size)
            fail_msg("%s(%zu, %zu) gave %p with %zu usable bytes", calls[call].name, align, size, p,
                     malloc_usable_size(p));
        pattern_fill(p, malloc_usable_size(p), i);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pattern_check(blocks[i], malloc_usable_size(blocks[i]), i),
                         malloc_usable_size(blocks[i]));
        free(blocks[i]);
    }
}

static void every_power_of_two_is_kept(void **state)
{
    (void)state;
    for (unsigned call = 0; call < HK_COUNT_OF(calls); call++) {
        for (size_t align = 8; align <= LAST_ALIGN; align *= 2) {
            const size_t sizes[] = {
                0,     1,     15,    16,     17,     100, 1000, align - 1, align, align + 1, align * 3 + 5,
                32767, 32768, 32769, 100000, 2097153};
            for (unsigned s = 0; s < HK_COUNT_OF(sizes); s++)
                check_blocks(call, align, sizes[s]);
        }
    }
}

static void posix_memalign_refuses_what_is_no_alignment(void **state)
{
    (void)state;
    static const size_t bad[] = {0, 1, 2, 3, 4, 7, 9, 12, 24, 48, 4095, 4097, SIZE_MAX};
    for (unsigned i = 0; i < HK_COUNT_OF(bad); i++) {
        void *p = &p;
        errno = E2BIG;
        assert_int_equal(posix_memalign(&p, check_hidden_size(bad[i]), 64), EINVAL);
        assert_ptr_equal(p, &p);
        assert_int_equal(errno, E2BIG);
    }
}

static void posix_memalign_sets_errno_only_where_memory_is_short(void **state)
{
    (void)state;
    void *p = &p;
    errno = E2BIG;
    assert_int_equal(posix_memalign(&p, 64, 100), 0);
    assert_int_equal(errno, E2BIG);
    free(p);
    p = &p;
    assert_int_equal(posix_memalign(&p, 64, check_hidden_size(PTRDIFF_MAX)), ENOMEM);
    assert_int_equal(errno, ENOMEM);
    assert_ptr_equal(p, &p);
}

static void aligned_alloc_refuses_what_is_no_power_of_two(void **state)
{
    (void)state;
    static const size_t bad[] = {0, 3, 24, 100, 4097};
    for (unsigned i = 0; i < HK_COUNT_OF(bad); i++) {
        errno = 0;
        assert_null(aligned_alloc(check_hidden_size(bad[i]), 64));
        assert_int_equal(errno, EINVAL);
    }
}

/* As in glibc; programs rely on it. */
static void memalign_rounds_an_alignment_up(void **state)
{
    (void)state;
    static const struct {
        size_t asked, given;
    } rows[] = {{0, 16},  {1, 16},    {3, 16},      {17, 32},       {24, 32},
                {48, 64}, {100, 128}, {4097, 8192}, {70000, 131072}};
    for (unsigned i = 0; i < HK_COUNT_OF(rows); i++) {
        void *p = memalign(check_hidden_size(rows[i].asked), 10);
        assert_non_null(p);
        assert_true(is_aligned(p, rows[i].given));
        free(p);
    }
    errno = 0;
    assert_null(memalign(check_hidden_size(SIZE_MAX), 10));
    assert_int_equal(errno, EINVAL);
}

static void valloc_and_pvalloc_give_whole_pages(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t sizes[] = {0, 1, 100, page - 1, page, page + 1, 5 * page + 3, 3000000};
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        void *v = valloc(sizes[i]), *p = pvalloc(sizes[i]);
        assert_non_null(v);
        assert_non_null(p);
        assert_true(is_aligned(v, page) && is_aligned(p, page));
        assert_true(malloc_usable_size(v) >= sizes[i]);
        assert_true(malloc_usable_size(p) >= (sizes[i] + page - 1) / page * page);
        assert_true(malloc_usable_size(p) >= page);
        memset(v, 1, malloc_usable_size(v));
        memset(p, 2, malloc_usable_size(p));
        free(v);
        free(p);
    }
}

/* realloc keeps contents, not the alignment. */
static void aligned_blocks_may_be_resized(void **state)
{
    (void)state;
    for (size_t align = 32; align <= LAST_ALIGN; align *= 4) {
        void *p = aligned_alloc(align, align + 100);
        assert_non_null(p);
        pattern_fill(p, align + 100, align);
        p = realloc(p, 3 * align + 1000);
        assert_non_null(p);
        assert_int_equal(pattern_check(p, align + 100, align), align + 100);
        p = realloc(p, 10);
        assert_non_null(p);
        assert_int_equal(pattern_check(p, 10, align), 10);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_power_of_two_is_kept),
        cmocka_unit_test(posix_memalign_refuses_what_is_no_alignment),
        cmocka_unit_test(posix_memalign_sets_errno_only_where_memory_is_short),
        cmocka_unit_test(aligned_alloc_refuses_what_is_no_power_of_two),
        cmocka_unit_test(memalign_rounds_an_alignment_up),
        cmocka_unit_test(valloc_and_pvalloc_give_whole_pages),
        cmocka_unit_test(aligned_blocks_may_be_resized),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
