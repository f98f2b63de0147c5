/* large_test.c - big and huge blocks come back too: freed, shrunk, moved, or kept in a cache that has bounds.
 */
#include "tests/memory/memory.h"

static void blocks_of(unsigned bytes, unsigned count, const char *order)
{
    struct stage s = begin(NULL);
    uint64_t rounded = (bytes + 65535ull) / 65536 * 65536;
    puppet_say(&s.puppet, "alloc 0 %u %u", bytes, count);
    puppet_say(&s.puppet, "touch 0");
    assert_true(grown(&s) >= (uint64_t)bytes * count);
    check_resident(&s, "with all of it live", rounded * count, SLACK);
    puppet_say(&s.puppet, "free 0 0 %s", order);
    check_resident(&s, "with all of it freed", 0, SLACK);
    finish(&s);
}

static void big_blocks_come_back(void **state)
{
    (void)state;
    blocks_of(40000, 5000, "random");
    blocks_of(300000, 700, "first");
    blocks_of(1900000, 100, "random");
}

static void huge_blocks_come_back(void **state)
{
    (void)state;
    blocks_of(2100000, 100, "random");
    blocks_of(9000000, 30, "last");
    blocks_of(200000000, 1, "last");
}

/* What a program does not touch is not made resident for it. */
static void untouched_blocks_are_not_resident(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    puppet_say(&s.puppet, "alloc 0 50000000 8");
    check_resident(&s, "untouched", 0, SLACK);
    puppet_say(&s.puppet, "free 0");
    puppet_say(&s.puppet, "calloc 1 1000000 200");
    assert_true(grown(&s) > 0);
    finish(&s);
}

static void shrunk_blocks_give_their_ends_back(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    puppet_say(&s.puppet, "alloc 0 20000000 10");
    puppet_say(&s.puppet, "touch 0");
    puppet_say(&s.puppet, "realloc 0 3000000");
    check_resident(&s, "shrunk to huge", 30000000, SLACK);
    puppet_say(&s.puppet, "realloc 0 200000");
    check_resident(&s, "shrunk to big", 2000000, SLACK);
    puppet_say(&s.puppet, "realloc 0 100");
    check_resident(&s, "shrunk to small", 0, SLACK);
    finish(&s);
}

static void grown_blocks_leave_nothing_behind(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    puppet_say(&s.puppet, "alloc 0 1000000 8");
    for (unsigned bytes = 1000000; bytes < 60000000; bytes = bytes / 2 * 3) {
        puppet_say(&s.puppet, "realloc 0 %u", bytes);
        puppet_say(&s.puppet, "touch 0");
        check_resident(&s, "grown", 8ull * (bytes + 65536), SLACK);
    }
    puppet_say(&s.puppet, "free 0");
    check_resident(&s, "freed", 0, SLACK);
    finish(&s);
}

static void malloc_trim_gives_all_of_it_back(void **state)
{
    (void)state;
    struct stage s = begin("retain_bytes=1GiB,big_cache_bytes=1GiB");
    puppet_say(&s.puppet, "alloc 0 300000 500");
    puppet_say(&s.puppet, "alloc 1 5000000 20");
    puppet_say(&s.puppet, "alloc 2 1000 100000");
    puppet_say(&s.puppet, "touch 0");
    puppet_say(&s.puppet, "touch 1");
    for (unsigned set = 0; set < 3; set++)
        puppet_say(&s.puppet, "free %u", set);
    assert_true(grown(&s) > 200 * HK_MIB); /* it was told to keep it */
    assert_string_equal(puppet_say(&s.puppet, "malloc_trim 0"), "1");
    if (grown(&s) > SLACK)
        fail_msg("%zu KiB are resident after malloc_trim", grown(&s) >> 10);
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(big_blocks_come_back),
        cmocka_unit_test(huge_blocks_come_back),
        cmocka_unit_test(untouched_blocks_are_not_resident),
        cmocka_unit_test(shrunk_blocks_give_their_ends_back),
        cmocka_unit_test(grown_blocks_leave_nothing_behind),
        cmocka_unit_test(malloc_trim_gives_all_of_it_back),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
