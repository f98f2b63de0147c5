/* realloc_test.c - contents follow a block through every change of size, in place and moved. */
#include "tests/support/test.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

static uint64_t live_blocks(void)
{
    struct hakmem_snapshot s;
    assert_int_equal(hakmem_snapshot(&s, sizeof s), 0);
    return s.live_blocks;
}

/* Resizes a block that holds the pattern of seed in its first from bytes; it then holds it in all of to. */
static void *resize(void *p, size_t from, size_t to, uint64_t seed)
{
    size_t kept = from < to ? from : to;
    void *q = realloc(p, to);
    if (q == NULL)
        fail_msg("realloc from %zu to %zu bytes failed", from, to);
    if (!is_aligned(q, 16) || malloc_usable_size(q) < to)
        fail_msg("realloc to %zu bytes gave %p with %zu usable bytes", to, q, malloc_usable_size(q));
    size_t at = pattern_check(q, kept, seed);
    if (at != kept)
        fail_msg("realloc from %zu to %zu bytes changed byte %zu", from, to, at);
    pattern_fill(q, to, seed);
    return q;
}

/* Sizes on both sides of every boundary, between small and big and big and huge too. */
static unsigned boundary_sizes(size_t *out)
{
    static const size_t above[] = {65536, 131072, 1u << 20, 31u << 16, 2u << 20, 4u << 20};
    unsigned n = 0;
    for (unsigned i = 0; i < CLASS_COUNT + HK_COUNT_OF(above); i++) {
        size_t size = i < CLASS_COUNT ? class_sizes[i] : above[i - CLASS_COUNT];
        for (size_t d = 0; d < 3; d++)
            out[n++] = size - 1 + d;
    }
    return n;
}

static void contents_survive_each_boundary_up_and_down(void **state)
{
    (void)state;
    size_t sizes[3 * (CLASS_COUNT + 6)];
    unsigned n = boundary_sizes(sizes);
    void *p = malloc(sizes[0]);
    pattern_fill(p, sizes[0], 1);
    for (unsigned i = 1; i < n; i++)
        p = resize(p, sizes[i - 1], sizes[i], 1);
    for (unsigned i = n - 1; i > 0; i--)
        p = resize(p, sizes[i], sizes[i - 1], 1);
    free(p);
}

static void contents_survive_each_step_between_boundaries(void **state)
{
    (void)state;
    size_t sizes[3 * (CLASS_COUNT + 6)];
    unsigned n = boundary_sizes(sizes);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < n; k += 1 + (sizes[i] > 100000 || sizes[k] > 100000) * 5) {
            void *p = malloc(sizes[i]);
            pattern_fill(p, sizes[i], i);
            free(resize(p, sizes[i], sizes[k], i));
        }
    }
}

static void a_block_grows_a_little_at_a_time(void **state)
{
    (void)state;
    size_t size = 1;
    void *p = malloc(size);
    pattern_fill(p, size, 3);
    while (size < 200000) {
        size_t next = size + size / 16 + 1;
        p = resize(p, size, next, 3);
        size = next;
    }
    free(p);
}

/* Each neighbour keeps a huge block from growing in place: it is moved. */
static void a_huge_block_grows_in_place_and_moved(void **state)
{
    (void)state;
    const size_t mib = 1u << 20;
    for (unsigned moved = 0; moved < 2; moved++) {
        size_t size = 3 * mib;
        void *p = malloc(size), *wall = NULL;
        pattern_fill(p, size, 5);
        while (size < 60 * mib) {
            if (moved) {
                free(wall);
                wall = malloc(3 * mib);
                assert_non_null(wall);
                memset(wall, 0x5a, 3 * mib);
            }
            p = resize(p, size, size * 2 + 12345, 5);
            size = size * 2 + 12345;
        }
        p = resize(p, size, 40 * mib + 1, 5);
        p = resize(p, 40 * mib + 1, 3 * mib, 5);
        p = resize(p, 3 * mib, 1000, 5);
        free(p);
        free(wall);
    }
}

static void a_block_may_become_ever_larger_and_small_again(void **state)
{
    (void)state;
    static const size_t sizes[] = {1,        20000,   40000, 500000, 3000000, 9000000, 5000000, 100,
                                   40000000, 2000000, 40000, 32769,  32768,   17,      1 << 21, 1};
    void *p = malloc(sizes[0]);
    pattern_fill(p, sizes[0], 9);
    for (unsigned i = 1; i < HK_COUNT_OF(sizes); i++)
        p = resize(p, sizes[i - 1], sizes[i], 9);
    free(p);
}

/* A block that grows a little at a time is not moved each time, and says no more than it was asked for above
 * 32 KiB; what was taken with it comes back when it shrinks. */
static void a_big_block_grows_with_room(void **state)
{
    (void)state;
    const size_t step = 65536;
    unsigned moves = 0;
    size_t size = 40000;
    unsigned char *p = malloc(size);
    pattern_fill(p, size, 11);
    for (; size < 30 * 1048576; size += step) {
        unsigned char *q = resize(p, size, size + step, 11);
        moves += q != p;
        p = q;
        assert_true(malloc_usable_size(p) < size + 2 * step);
    }
    if (moves > 60)
        fail_msg("%u moves", moves);
    p = resize(p, size, size / 2, 11);
    assert_true(malloc_usable_size(p) < size / 2 + 2 * step);
    free(p);
}

/* What follows a block in memory is not touched when the block grows in place. */
static void a_growing_block_leaves_its_neighbours_alone(void **state)
{
    (void)state;
    enum { N = 40 };
    void *blocks[N];
    for (unsigned i = 0; i < N; i++) {
        blocks[i] = malloc(70000);
        pattern_fill(blocks[i], 70000, i);
    }
    for (unsigned i = 0; i < N; i += 2) {
        blocks[i] = realloc(blocks[i], 120000 + i * 20000);
        assert_non_null(blocks[i]);
        assert_int_equal(pattern_check(blocks[i], 70000, i), 70000);
        memset(blocks[i], 0xee, 120000 + i * 20000);
    }
    for (unsigned i = 1; i < N; i += 2)
        assert_int_equal(pattern_check(blocks[i], 70000, i), 70000);
    for (unsigned i = 0; i < N; i++)
        free(blocks[i]);
}

static void null_is_allocated(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, 100000, 5000000};
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        uint64_t before = live_blocks();
        void *p = realloc(NULL, sizes[i]);
        assert_non_null(p);
        memset(p, 1, sizes[i]);
        assert_int_equal(live_blocks(), before + 1);
        free(p);
    }
}

static void no_bytes_is_a_free(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 1000, 100000, 5000000};
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        uint64_t before = live_blocks();
        void *p = malloc(sizes[i]);
        errno = 0;
        assert_null(realloc(p, check_hidden_size(0)));
        assert_int_equal(errno, 0);
        assert_int_equal(live_blocks(), before);
    }
}

static void a_refused_resize_leaves_the_block(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 1000, 32768, 100000, 5000000};
    static const size_t too_large[] = {(size_t)PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX,
                                       SIZE_MAX - 4096, (size_t)1 << 46};
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        void *p = malloc(sizes[i]);
        pattern_fill(p, sizes[i], i);
        for (unsigned k = 0; k < HK_COUNT_OF(too_large); k++) {
            errno = 0;
            assert_null(realloc(check_hidden_pointer(p), check_hidden_size(too_large[k])));
            assert_int_equal(errno, ENOMEM);
            errno = 0;
            assert_null(reallocarray(check_hidden_pointer(p), check_hidden_size(SIZE_MAX / 2), 3));
            assert_int_equal(errno, ENOMEM);
            assert_int_equal(pattern_check(p, sizes[i], i), sizes[i]);
        }
        free(p);
    }
}

static void reallocarray_multiplies(void **state)
{
    (void)state;
    char *p = reallocarray(NULL, 100, 30);
    assert_non_null(p);
    assert_true(malloc_usable_size(p) >= 3000);
    pattern_fill(p, 3000, 1);
    p = reallocarray(p, 1000, 30);
    assert_non_null(p);
    assert_true(malloc_usable_size(p) >= 30000);
    assert_int_equal(pattern_check(p, 3000, 1), 3000);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_survive_each_boundary_up_and_down),
        cmocka_unit_test(contents_survive_each_step_between_boundaries),
        cmocka_unit_test(a_block_grows_a_little_at_a_time),
        cmocka_unit_test(a_huge_block_grows_in_place_and_moved),
        cmocka_unit_test(a_block_may_become_ever_larger_and_small_again),
        cmocka_unit_test(a_big_block_grows_with_room),
        cmocka_unit_test(a_growing_block_leaves_its_neighbours_alone),
        cmocka_unit_test(null_is_allocated),
        cmocka_unit_test(no_bytes_is_a_free),
        cmocka_unit_test(a_refused_resize_leaves_the_block),
        cmocka_unit_test(reallocarray_multiplies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
