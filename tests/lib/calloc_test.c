/* calloc_test.c - zeros, whatever the memory held before. */
#include "tests/support/test.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

static void check_zeroed(size_t count, size_t size)
{
    unsigned char *p = calloc(count, size);
    if (p == NULL)
        fail_msg("calloc(%zu, %zu) failed", count, size);
    if (!is_aligned(p, 16) || malloc_usable_size(p) < count * size || !is_zero(p, count * size))
        fail_msg("calloc(%zu, %zu) gave %p, %zu usable bytes, not all zero", count, size, (void *)p,
                 malloc_usable_size(p));
    memset(p, 0xa5, malloc_usable_size(p));
    free(p);
}

/* The same blocks come back, full of what was left in them. */
static void reused_blocks_are_zero(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 33000; size += 1 + size / 64) {
        for (unsigned again = 0; again < 3; again++)
            check_zeroed(1, size);
    }
}

static void many_reused_blocks_are_zero(void **state)
{
    (void)state;
    enum { N = 2000 };
    static void *blocks[N];
    static const size_t sizes[] = {16, 48, 1000, 1024, 1100, 4096, 20000};
    for (unsigned s = 0; s < HK_COUNT_OF(sizes); s++) {
        for (unsigned i = 0; i < N; i++) {
            blocks[i] = malloc(sizes[s]);
            memset(blocks[i], 0xff, malloc_usable_size(blocks[i]));
        }
        for (unsigned i = 0; i < N; i++)
            free(blocks[i]);
        for (unsigned i = 0; i < N; i++) {
            blocks[i] = calloc(1, sizes[s]);
            assert_true(is_zero(blocks[i], sizes[s]));
        }
        for (unsigned i = 0; i < N; i++)
            free(blocks[i]);
    }
}

/* Runs of slabs are cut differently each time, some out of slabs that served small blocks, some purged. */
static void reused_runs_are_zero(void **state)
{
    (void)state;
    static const size_t sizes[] = {33000,   65536,   65537,   200000,  1000000, 2031616,
                                   2031617, 2097152, 2097153, 5000000, 20000000};
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++)
            check_zeroed(1, sizes[i]);
        for (unsigned i = HK_COUNT_OF(sizes); i-- > 0;)
            check_zeroed(sizes[i], 1);
        if (round == 1)
            malloc_trim(0);
    }
}

static void slabs_of_small_blocks_become_zero_runs(void **state)
{
    (void)state;
    enum { N = 30000 };
    static void *blocks[N];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N; i++) {
            blocks[i] = malloc(256);
            memset(blocks[i], 0xff, 256);
        }
        for (unsigned i = 0; i < N; i++)
            free(blocks[i]);
        check_zeroed(1, 100000);
        check_zeroed(1, 1500000);
        check_zeroed(1, 3000000);
    }
}

/* A huge block that has moved, shrunk and grown again leaves dirt in many places. */
static void remains_of_resized_blocks_are_zero(void **state)
{
    (void)state;
    static const size_t sizes[] = {3000000, 9000000, 2500000, 30000000, 3000000, 100000};
    char *p = malloc(100);
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        p = realloc(p, sizes[i]);
        assert_non_null(p);
        memset(p, 0xc3, sizes[i]);
        check_zeroed(1, sizes[i] / 2);
        check_zeroed(1, 2100000);
    }
    free(p);
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++)
        check_zeroed(1, sizes[i]);
}

/* Dirt in one page, wherever it lies, is found or given back with the rest: all other pages are untouched. */
static void a_block_that_was_used_little_is_zero(void **state)
{
    (void)state;
    static const size_t sizes[] = {65536, 100000, 1000000, 1048576, 3000000, 5000000};
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        for (size_t dirty = 0; dirty < sizes[i]; dirty += 4096 + sizes[i] / 50) {
            unsigned char *p = calloc(1, sizes[i]);
            if (p == NULL || !is_zero(p, sizes[i]))
                fail_msg("calloc(1, %zu) is not all zero, dirt before %zu", sizes[i], dirty);
            p[dirty] = 0xee;
            p[sizes[i] - 1] = 0xee;
            free(p);
        }
    }
}

/* Used in full, but for a stretch that moves through it: of zeros that were written, where a guess goes
 * wrong. */
static void a_block_that_was_used_in_part_is_zero(void **state)
{
    (void)state;
    const size_t size = 6000000, hole = 700000;
    for (size_t at = 0; at + hole < size; at += 311111) {
        unsigned char *p = calloc(1, size);
        if (p == NULL || !is_zero(p, size))
            fail_msg("calloc(1, %zu) is not all zero, hole before %zu", size, at);
        memset(p, 0xdd, at);
        memset(p + at, 0, hole);
        memset(p + at + hole, 0xdd, size - at - hole);
        free(p);
    }
}

static void an_overflow_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t count, size;
    } rows[] = {{SIZE_MAX, 2},         {2, SIZE_MAX},
                {SIZE_MAX / 2 + 1, 2}, {(size_t)1 << 32, (size_t)1 << 32},
                {SIZE_MAX, SIZE_MAX},  {SIZE_MAX / 16 + 2, 16}};
    for (unsigned i = 0; i < HK_COUNT_OF(rows); i++) {
        errno = 0;
        assert_null(calloc(check_hidden_size(rows[i].count), check_hidden_size(rows[i].size)));
        assert_int_equal(errno, ENOMEM);
    }
}

static void none_of_many_is_a_block(void **state)
{
    (void)state;
    void *a = calloc(0, 100), *b = calloc(check_hidden_size(SIZE_MAX), 0);
    assert_non_null(a);
    assert_non_null(b);
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reused_blocks_are_zero),
        cmocka_unit_test(many_reused_blocks_are_zero),
        cmocka_unit_test(reused_runs_are_zero),
        cmocka_unit_test(slabs_of_small_blocks_become_zero_runs),
        cmocka_unit_test(remains_of_resized_blocks_are_zero),
        cmocka_unit_test(a_block_that_was_used_little_is_zero),
        cmocka_unit_test(a_block_that_was_used_in_part_is_zero),
        cmocka_unit_test(an_overflow_is_refused),
        cmocka_unit_test(none_of_many_is_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
