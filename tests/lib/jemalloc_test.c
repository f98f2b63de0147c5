/* jemalloc_test.c - jemalloc's calls for blocks, each with each of its flags; and all of them at random
 * against a shadow. Run under HAKMEM_HARDEN too, where a block has just the bytes that were asked for. */
#include "tests/support/test.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"
#include "tests/support/jemalloc_api.h"

static bool is_hardened(void)
{
    const char *harden = getenv("HAKMEM_HARDEN");
    return harden != NULL && harden[0] != '\0';
}

/* Below, at and above where classes, big and huge blocks begin. */
static const size_t sizes[] = {1,      8,       15,      16,      17,      100,     1000,   1024,
                               1025,   4096,    16385,   32767,   32768,   32769,   65536,  65537,
                               200000, 1048576, 2031616, 2031617, 2097152, 3000000, 8388608};

/* For each with each. */
static const size_t few[] = {1,     16,    17,     1000,    1025,    4096,   32768,
                             32769, 65537, 300000, 1048576, 2031617, 3000000};

static void *made(size_t size, int flags)
{
    void *p = mallocx(size, flags);
    if (p == NULL)
        fail_msg("mallocx(%zu, 0x%x) is NULL", size, (unsigned)flags);
    return p;
}

/* ---- each call ---- */

static void sizes_agree(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        for (unsigned lg = 0; lg <= 22; lg++) {
            char *p = made(sizes[i], MALLOCX_LG_ALIGN(lg));
            size_t has = sallocx(p, 0);
            if (!is_aligned(p, (size_t)1 << lg) || has < sizes[i] ||
                has != nallocx(sizes[i], MALLOCX_LG_ALIGN(lg)) || has != malloc_usable_size(p))
                fail_msg("%zu bytes at 1 << %u: %p has %zu, nallocx says %zu", sizes[i], lg, p, has,
                         nallocx(sizes[i], MALLOCX_LG_ALIGN(lg)));
            memset(p, 0xa5, has);
            sdallocx(p, i % 2 != 0 ? has : sizes[i], MALLOCX_LG_ALIGN(lg));
        }
    }
}

static void alignments_are_macros_of_the_header(void **state)
{
    (void)state;
    for (size_t align = 1; align <= (size_t)4 << 20; align *= 2) {
        void *p = made(5, MALLOCX_ALIGN(align));
        assert_true(is_aligned(p, align));
        dallocx(p, 0);
    }
}

static void dirty(size_t size)
{
    void *p = made(size, 0);
    memset(p, 0xff, sallocx(p, 0));
    dallocx(p, 0);
}

static void zeros_reach_to_the_real_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        for (int align = 0; align <= 16; align += 4) {
            dirty(sizes[i]);
            void *p = made(sizes[i], MALLOCX_ZERO | MALLOCX_LG_ALIGN(align));
            assert_true(is_zero(p, sallocx(p, 0)));
            memset(p, 0xff, sallocx(p, 0));
            dallocx(p, 0);
        }
    }
}

static void arenas_and_caches_are_accepted(void **state)
{
    (void)state;
    static const int flags[] = {MALLOCX_TCACHE_NONE, MALLOCX_TCACHE(0), MALLOCX_TCACHE(4093),
                                MALLOCX_ARENA(0), MALLOCX_ARENA(4094)};
    for (unsigned i = 0; i < HK_COUNT_OF(flags); i++) {
        char *p = made(1000, flags[i]);
        memset(p, 1, 1000);
        p = rallocx(p, 100000, flags[i] | MALLOCX_ZERO);
        assert_non_null(p);
        assert_int_equal(p[999], 1);
        assert_int_equal(p[99999], 0);
        assert_true(xallocx(p, 100000, 0, flags[i]) >= 100000);
        if (i % 2 != 0)
            dallocx(p, flags[i]);
        else
            sdallocx(p, 100000, flags[i]);
    }
}

/* What the manual leaves undefined does no harm. */
static void nothing_is_one(void **state)
{
    (void)state;
    char *p = made(check_hidden_size(0), 0);
    assert_true(sallocx(p, 0) >= 1);
    assert_true(nallocx(check_hidden_size(0), 0) >= 1);
    p = rallocx(p, check_hidden_size(0), 0);
    assert_non_null(p);
    assert_true(xallocx(p, check_hidden_size(0), 0, 0) >= 1);
    p[0] = 1;
    dallocx(p, 0);
    dallocx(NULL, 0);
    sdallocx(NULL, 1, 0);
    assert_int_equal(sallocx(NULL, 0), 0);
    p = rallocx(NULL, 10, MALLOCX_ZERO);
    assert_true(is_zero(p, 10));
    dallocx(p, 0);
}

static void too_much_is_refused(void **state)
{
    (void)state;
    static const size_t much[] = {
        ((size_t)1 << 40) + 1, (size_t)1 << 47, PTRDIFF_MAX, (size_t)PTRDIFF_MAX + 1,
        SIZE_MAX - 4096,       SIZE_MAX - 15,   SIZE_MAX};
    char *p = made(100, 0);
    memset(p, 7, 100);
    for (unsigned i = 0; i < HK_COUNT_OF(much); i++) {
        size_t size = check_hidden_size(much[i]);
        for (int flags = 0; flags <= MALLOCX_ZERO; flags += MALLOCX_ZERO) {
            assert_null(mallocx(size, flags));
            assert_null(mallocx(size, flags | MALLOCX_LG_ALIGN(16)));
            assert_null(rallocx(p, size, flags));
            assert_null(rallocx(p, size, flags | MALLOCX_LG_ALIGN(12)));
            assert_true(xallocx(p, size, 0, flags) < size);
            assert_int_equal(nallocx(size, flags), 0);
        }
    }
    for (int lg = 48; lg <= 63; lg++) {
        assert_null(mallocx(1, MALLOCX_LG_ALIGN(lg)));
        assert_null(rallocx(p, 1, MALLOCX_LG_ALIGN(lg)));
        assert_int_equal(nallocx(1, MALLOCX_LG_ALIGN(lg)), 0);
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 7);
    dallocx(p, 0);
}

/* ---- changing sizes ---- */

/* What there was stays, up to the smaller real size, and from the former one on there are zeros. */
static void *checked_rallocx(unsigned char *p, size_t size, int flags)
{
    size_t had = sallocx(p, 0);
    memset(p, 0x5a, had);
    unsigned char *to = rallocx(p, size, flags);
    assert_non_null(to);
    size_t has = sallocx(to, 0), kept = had < size ? had : size;
    assert_true(has >= size);
    assert_true(is_aligned(to, (size_t)1 << (flags & 63)));
    for (size_t i = 0; i < kept; i++)
        assert_int_equal(to[i], 0x5a);
    if ((flags & MALLOCX_ZERO) != 0 && has > had)
        assert_true(is_zero(to + had, has - had));
    return to;
}

static void resized_blocks_keep_their_contents(void **state)
{
    (void)state;
    static const int flags[] = {0, MALLOCX_ZERO, MALLOCX_LG_ALIGN(6), MALLOCX_ZERO | MALLOCX_LG_ALIGN(12),
                                MALLOCX_ZERO | MALLOCX_LG_ALIGN(17)};
    for (unsigned f = 0; f < HK_COUNT_OF(flags); f++) {
        for (unsigned i = 0; i < HK_COUNT_OF(few); i++) {
            for (unsigned j = 0; j < HK_COUNT_OF(few); j++) {
                dirty(few[j]);
                dallocx(checked_rallocx(made(few[i], f % 2 != 0 ? flags[f] : 0), few[j], flags[f]), 0);
            }
        }
    }
}

/* A block that shrinks with MALLOCX_ZERO keeps zeros behind the size that was asked for. */
static void zeros_stay_when_a_block_shrinks(void **state)
{
    (void)state;
    char *p = made(4096, MALLOCX_ZERO);
    p[0] = 1;
    p = rallocx(p, 1100, MALLOCX_ZERO);
    assert_non_null(p);
    p = rallocx(p, 4096, MALLOCX_ZERO);
    assert_non_null(p);
    assert_int_equal(p[0], 1);
    assert_true(is_zero(p + 1, 4095));
    dallocx(p, 0);
}

static void xallocx_never_moves(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_COUNT_OF(few); i++) {
        for (unsigned j = 0; j < HK_COUNT_OF(few); j++) {
            unsigned char *p = made(few[i], 0);
            size_t had = sallocx(p, 0);
            memset(p, 0x5a, had);
            size_t extra = j % 3 * 10000, has = xallocx(p, few[j], extra, MALLOCX_ZERO);
            assert_int_equal(has, sallocx(p, 0));
            size_t kept = had < has ? had : has;
            for (size_t at = 0; at < kept; at += 61)
                assert_int_equal(p[at], 0x5a);
            if (has > had)
                assert_true(is_zero(p + had, has - had));
            memset(p, 0x5b, has);
            sdallocx(p, has, 0);
        }
    }
}

static void xallocx_uses_what_is_there(void **state)
{
    (void)state;
    void *p = made(3, 0);
    if (!is_hardened())
        assert_int_equal(xallocx(p, 3, 1000, 0), 16);
    size_t has = xallocx(p, 3, SIZE_MAX - 3, 0);
    assert_int_equal(has, sallocx(p, 0));
    dallocx(p, 0);
    /* A run of slabs, within its last slab. */
    p = made(100000, 0);
    assert_true(xallocx(p, 100001, 0, 0) >= 100001);
    assert_true(xallocx(p, 100001, 20000, 0) >= 100001);
    dallocx(p, 0);
    p = made(1000000, 0);
    assert_true(xallocx(p, 500000, 0, 0) < 1000000);
    assert_true(xallocx(p, 2, 0, 0) >= 2);
    dallocx(p, 0);
    /* One that is not where it was asked to be cannot be put there. */
    char *q = made(64, MALLOCX_LG_ALIGN(6));
    assert_int_equal(xallocx(q, 64, 0, MALLOCX_LG_ALIGN(6)), sallocx(q, 0));
    dallocx(q, 0);
}

/* ---- mixed with the C library's ---- */

extern void *__libc_malloc(size_t size);

static void blocks_mix_with_mallocs(void **state)
{
    (void)state;
    char *p = malloc(100);
    assert_int_equal(sallocx(p, 0), malloc_usable_size(p));
    dallocx(p, 0);
    p = realloc(made(100, 0), 3000);
    p = rallocx(p, 300000, 0);
    free(p);
    free(made(100000, MALLOCX_LG_ALIGN(16)));
    p = aligned_alloc(4096, 8192);
    sdallocx(p, 8192, MALLOCX_LG_ALIGN(12));
    errno = 0;
    p = made(10, MALLOCX_ZERO);
    dallocx(p, 0);
    assert_int_equal(errno, 0);
}

static void the_c_librarys_blocks_go_back_to_it(void **state)
{
    (void)state;
    for (size_t size = 100; size <= 1000000; size *= 100) {
        char *p = __libc_malloc(size);
        memset(p, 3, size);
        assert_true(sallocx(p, 0) >= size);
        assert_int_equal(xallocx(p, size * 2, 0, 0), sallocx(p, 0));
        p = rallocx(p, size * 3, MALLOCX_ZERO);
        assert_non_null(p);
        assert_int_equal(p[size - 1], 3);
        dallocx(p, 0);
        p = __libc_malloc(size);
        memset(p, 3, size);
        p = rallocx(p, size + 7, MALLOCX_LG_ALIGN(13));
        assert_true(is_aligned(p, 8192));
        assert_int_equal(p[size - 1], 3);
        sdallocx(p, size + 7, MALLOCX_LG_ALIGN(13));
        sdallocx(__libc_malloc(size), size, 0);
    }
}

/* ---- at random, against a shadow ---- */

struct shadow {
    unsigned char *p;
    size_t filled; /* bytes that hold its pattern */
    uint64_t seed;
};

static uint64_t dice_state;

static uint64_t dice(uint64_t below)
{
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 7;
    dice_state ^= dice_state << 17;
    return dice_state % below;
}

static size_t any_size(void)
{
    return 1 + dice((uint64_t)1 << (4 + dice(18)));
}

static int any_flags(void)
{
    int flags = dice(3) == 0 ? MALLOCX_LG_ALIGN(dice(18)) : 0;
    flags |= dice(3) == 0 ? MALLOCX_ZERO : 0;
    flags |= dice(5) == 0 ? MALLOCX_TCACHE_NONE : 0;
    return flags | (dice(5) == 0 ? MALLOCX_ARENA(dice(3)) : 0);
}

static void fill(struct shadow *b)
{
    b->filled = sallocx(b->p, 0);
    b->seed = dice_state;
    pattern_fill(b->p, b->filled, b->seed);
}

static void expect(const struct shadow *b, size_t bytes, const char *after)
{
    if (bytes == b->filled && pattern_check(b->p, bytes, b->seed) != bytes)
        fail_msg("after %s %p of %zu bytes is damaged at %zu", after, (void *)b->p, bytes,
                 pattern_check(b->p, bytes, b->seed));
    /* The pattern's last word is cut: whole ones are looked at. */
    if (bytes < b->filled && pattern_check(b->p, bytes & ~(size_t)7, b->seed) != (bytes & ~(size_t)7))
        fail_msg("after %s %p of %zu bytes is damaged", after, (void *)b->p, bytes);
}

static void step(struct shadow *b)
{
    size_t size = any_size(), had = b->filled, extra = dice(2) * dice(100000), has;
    int flags = any_flags();
    if (b->p == NULL) {
        b->p = made(size, flags);
        if ((flags & MALLOCX_ZERO) != 0)
            assert_true(is_zero(b->p, sallocx(b->p, 0)));
        fill(b);
        return;
    }
    expect(b, had, "the step before");
    switch (dice(4)) {
    case 0:
        sdallocx(b->p, sallocx(b->p, 0), 0);
        b->p = NULL;
        return;
    case 1:
        dallocx(b->p, flags & ~63);
        b->p = NULL;
        return;
    case 2:
        has = xallocx(b->p, size, extra, flags);
        assert_int_equal(has, sallocx(b->p, 0));
        break;
    default:
        b->p = rallocx(b->p, size, flags);
        assert_non_null(b->p);
        has = sallocx(b->p, 0);
        assert_true(has >= size && is_aligned(b->p, (size_t)1 << (flags & 63)));
        break;
    }
    /* What a change of size keeps: all of the smaller block, or what was asked for of it. */
    size_t kept = had < has ? had : has;
    expect(b, kept < size ? kept : size, "a change of size");
    if ((flags & MALLOCX_ZERO) != 0 && has > had)
        assert_true(is_zero(b->p + had, has - had));
    fill(b);
}

static void a_shadow_agrees(void **state)
{
    (void)state;
    static struct shadow blocks[64];
    const char *said = getenv("HAKMEM_TEST_SEED");
    uint64_t seed = said != NULL ? strtoull(said, NULL, 0) : (check_now_ns() ^ (uint64_t)getpid() << 40) | 1;
    dice_state = seed;
    printf("HAKMEM_TEST_SEED=%llu\n", (unsigned long long)seed);
    for (unsigned i = 0; i < 20000; i++)
        step(&blocks[dice(HK_COUNT_OF(blocks))]);
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
        dallocx(blocks[i].p, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_agree),
        cmocka_unit_test(alignments_are_macros_of_the_header),
        cmocka_unit_test(zeros_reach_to_the_real_end),
        cmocka_unit_test(arenas_and_caches_are_accepted),
        cmocka_unit_test(nothing_is_one),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(resized_blocks_keep_their_contents),
        cmocka_unit_test(zeros_stay_when_a_block_shrinks),
        cmocka_unit_test(xallocx_never_moves),
        cmocka_unit_test(xallocx_uses_what_is_there),
        cmocka_unit_test(blocks_mix_with_mallocs),
        cmocka_unit_test(the_c_librarys_blocks_go_back_to_it),
        cmocka_unit_test(a_shadow_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
