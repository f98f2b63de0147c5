/* malloc_test.c - every size from 0 to 64 KiB, and some beyond: aligned, distinct, all of it writable. */
#include "tests/support/test.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/blocks.h"

#define LAST_SIZE 65536
#define WINDOW    512 /* blocks live at a time */

struct live {
    void *p;
    size_t usable;
    uint64_t seed;
};

static struct live take(size_t size, uint64_t seed)
{
    struct live b = {.p = malloc(size), .seed = seed};
    if (b.p == NULL)
        fail_msg("malloc(%zu) failed", size);
    b.usable = malloc_usable_size(b.p);
    if (!is_aligned(b.p, 16))
        fail_msg("malloc(%zu) is at %p, not aligned to 16", size, b.p);
    if (b.usable < size)
        fail_msg("malloc(%zu) has only %zu usable bytes", size, b.usable);
    pattern_fill(b.p, b.usable, seed);
    return b;
}

static void give(struct live *b)
{
    if (b->p == NULL)
        return;
    size_t at = pattern_check(b->p, b->usable, b->seed);
    if (at != b->usable)
        fail_msg("block %p of %zu usable bytes has changed at byte %zu", b->p, b->usable, at);
    free(b->p);
    b->p = NULL;
}

/* Blocks live side by side with WINDOW others of like sizes, full to their last usable byte. */
static void each_size_is_aligned_distinct_and_kept(void **state)
{
    (void)state;
    static struct live window[WINDOW];
    for (size_t size = 0; size <= LAST_SIZE; size++) {
        struct live *b = &window[size % WINDOW];
        give(b);
        *b = take(size, size);
    }
    for (unsigned i = 0; i < WINDOW; i++)
        give(&window[i]);
}

static void many_of_one_size_are_distinct(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    static struct live blocks[MANY];
    static const size_t sizes[] = {0, 1, 16, 17, 100, 1024, 1025};
    for (unsigned s = 0; s < HK_COUNT_OF(sizes); s++) {
        for (unsigned i = 0; i < MANY; i++)
            blocks[i] = take(sizes[s], (uint64_t)s * MANY + i);
        for (unsigned i = 0; i < MANY; i++)
            give(&blocks[i]);
    }
}

/* Around every boundary between small, big and huge, and between SuperSlabs. */
static void large_sizes_are_aligned_distinct_and_kept(void **state)
{
    (void)state;
    static const size_t around[] = {32768,    65536,    131072,   1u << 20, 31u << 16,
                                    2u << 20, 4u << 20, 6u << 20, 32u << 20};
    for (unsigned i = 0; i < HK_COUNT_OF(around); i++) {
        struct live three[3];
        for (size_t k = 0; k < 3; k++)
            three[k] = take(around[i] - 1 + k, i * 3 + k);
        for (unsigned k = 0; k < 3; k++)
            give(&three[k]);
    }
}

static void sizes_round_up_to_no_more_than_a_fifth(void **state)
{
    (void)state;
    for (size_t size = 129; size <= 32768; size += 13) {
        void *p = malloc(size);
        assert_non_null(p);
        if (malloc_usable_size(p) > size + size / 4)
            fail_msg("malloc(%zu) takes %zu bytes", size, malloc_usable_size(p));
        free(p);
    }
}

static void nothing_is_a_block_of_no_bytes(void **state)
{
    (void)state;
    void *a = malloc(0), *b = malloc(0);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    free(a);
    free(b);
}

static void null_may_be_freed_and_measured(void **state)
{
    (void)state;
    free(NULL);
    assert_int_equal(malloc_usable_size(NULL), 0);
}

/* These have no declaration in the headers of every C library that has them. */
void cfree(void *p);
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size);
#pragma weak cfree
#pragma weak free_sized
#pragma weak free_aligned_sized

static void a_block_may_be_freed_by_any_of_the_names(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 100, 5000, 100000, 5000000};
    assert_true(cfree != NULL && free_sized != NULL && free_aligned_sized != NULL);
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        struct mallinfo2 before = mallinfo2();
        cfree(malloc(sizes[i]));
        free_sized(malloc(sizes[i]), sizes[i]);
        free_sized(calloc(1, sizes[i]), sizes[i]);
        free_aligned_sized(aligned_alloc(64, sizes[i]), 64, sizes[i]);
        cfree(NULL);
        free_sized(NULL, 0);
        free_aligned_sized(NULL, 64, 0);
        struct mallinfo2 after = mallinfo2();
        assert_int_equal(after.uordblks + after.hblkhd, before.uordblks + before.hblkhd);
    }
}

/* Free blocks are the program's litter: whatever is written there, malloc goes on, and hands out none twice.
 */
static void writing_to_free_blocks_harms_no_others(void **state)
{
    (void)state;
    static const uintptr_t words[] = {0, 7, 0x4141414141414141, UINTPTR_MAX, (uintptr_t)&words};
    static struct live blocks[4000];
    static void *freed[HK_COUNT_OF(blocks) / 2];
    if (getenv("HAKMEM_HARDEN") != NULL)
        skip(); /* it would be told */
    for (unsigned round = 0; round < 2 * HK_COUNT_OF(words); round++) {
        for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
            blocks[i] = take(48, i);
        for (unsigned i = 0; i < HK_COUNT_OF(freed); i++) {
            freed[i] = blocks[2 * i].p;
            give(&blocks[2 * i]);
        }
        if (round % 2 != 0)
            malloc_trim(0);
        for (unsigned i = 0; i < HK_COUNT_OF(freed); i++)
            memcpy(freed[i], &words[round / 2], sizeof words[0]);
        for (unsigned i = 0; i < HK_COUNT_OF(freed); i++)
            blocks[2 * i] = take(48, HK_COUNT_OF(blocks) + i);
        for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
            give(&blocks[i]);
    }
}

/* The tables below the arena are out of reach of what is written in front of the first block. */
static void what_is_below_the_blocks_is_not_mapped(void **state)
{
    (void)state;
    if (getenv("HAKMEM_HARDEN") != NULL)
        skip(); /* guards are in front of this block, and holes that other tests left */
    char line[512];
    uintptr_t from, to, below = 0, at = (uintptr_t)malloc(100), gap = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL && gap == 0) {
        assert_int_equal(sscanf(line, "%lx-%lx", &from, &to), 2);
        if (from <= at && at < to)
            gap = from - below;
        below = to;
    }
    fclose(maps);
    free((void *)at);
    assert_true(gap >= (uintptr_t)32 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_size_is_aligned_distinct_and_kept),
        cmocka_unit_test(many_of_one_size_are_distinct),
        cmocka_unit_test(large_sizes_are_aligned_distinct_and_kept),
        cmocka_unit_test(sizes_round_up_to_no_more_than_a_fifth),
        cmocka_unit_test(nothing_is_a_block_of_no_bytes),
        cmocka_unit_test(null_may_be_freed_and_measured),
        cmocka_unit_test(a_block_may_be_freed_by_any_of_the_names),
        cmocka_unit_test(writing_to_free_blocks_harms_no_others),
        cmocka_unit_test(what_is_below_the_blocks_is_not_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
