/*
 * burst_test.c - a program that frees half a gigabyte of small blocks and then sleeps has given it back.
 *
 * In whatever order the frees come; what is kept is the budget that the defaults promise.
 */
#include "tests/memory/memory.h"

#define BLOCKS     500000u
#define BYTES      1000u
#define ALL_BYTES  ((uint64_t)BLOCKS * 1024)
#define KEEP_BYTES (2 * HK_MIB) /* retain_bytes as it is by default */
#define KEEP_SHARE 2            /* retain_percent */

static void burst(const char *order)
{
    struct stage s = begin(NULL);
    puppet_say(&s.puppet, "alloc 0 %u %u", BYTES, BLOCKS);
    assert_true(grown(&s) >= (uint64_t)BLOCKS * BYTES);
    check_resident(&s, "with all of it live", ALL_BYTES, SLACK + ALL_BYTES / 50);
    puppet_say(&s.puppet, "free 0 0 %s", order);
    check_resident(&s, "with all of it freed", 0, SLACK);
    /* Nothing was used again, so the budget is what the two settings say. */
    if (budget(&s) > KEEP_BYTES && budget(&s) > ALL_BYTES * (KEEP_SHARE + 1) / 100)
        fail_msg("the budget is %llu bytes after one burst", (unsigned long long)budget(&s));
    finish(&s);
}

static void freed_in_order_it_comes_back(void **state)
{
    (void)state;
    burst("first");
}

static void freed_in_reverse_it_comes_back(void **state)
{
    (void)state;
    burst("last");
}

static void freed_at_random_it_comes_back(void **state)
{
    (void)state;
    burst("random");
}

/* A second burst, of another size, uses what the first left or does without it. */
static void bursts_of_other_sizes_do_not_add_up(void **state)
{
    (void)state;
    static const unsigned sizes[] = {1000, 72, 300, 5000, 30000, 100, 2000};
    struct stage s = begin(NULL);
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        unsigned count = 100000000u / sizes[i];
        puppet_say(&s.puppet, "alloc 0 %u %u", sizes[i], count < 900000 ? count : 900000);
        puppet_say(&s.puppet, "free 0 0 %s", i % 2 ? "random" : "first");
        check_resident(&s, "after a burst", 0, SLACK);
    }
    finish(&s);
}

/* What stays live may hold slabs, but not more than the pages it lies on. */
static void what_stays_is_all_that_stays(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    puppet_say(&s.puppet, "alloc 0 %u %u", BYTES, BLOCKS / 5);
    puppet_say(&s.puppet, "alloc 1 %u %u", BYTES, BLOCKS / 5 * 4);
    puppet_say(&s.puppet, "free 1 0 random");
    check_resident(&s, "with a fifth live", ALL_BYTES / 5, SLACK + ALL_BYTES / 250);
    finish(&s);
}

static uint64_t purged(const struct stage *s)
{
    return greeting_counter(&s->greeting, s->puppet.pid, HK_PROCESS_AT(purged_bytes_total));
}

/* A program that needs its memory again and again comes to keep it. The delay is out of a slow machine's
 * reach: reuse counts however long it takes. */
static void a_program_that_proves_reuse_keeps_its_memory(void **state)
{
    (void)state;
    enum { CYCLES = 40, LAST = 5 };
    const unsigned count = 50000;
    struct stage s = begin("purge_delay_ms=3600000");
    uint64_t before = 0;
    for (unsigned i = 0; i < CYCLES; i++) {
        if (i == CYCLES - LAST)
            before = purged(&s);
        puppet_say(&s.puppet, "alloc 0 %u %u", BYTES, count);
        puppet_say(&s.puppet, "free 0 0 first");
        puppet_say(&s.puppet, "churn 500 2000 1");
    }
    uint64_t lately = purged(&s) - before;
    if (lately > (uint64_t)LAST * count * 1024 / 4)
        fail_msg("the last %d of %d equal bursts purged %llu bytes", LAST, CYCLES,
                 (unsigned long long)lately);
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freed_in_order_it_comes_back),
        cmocka_unit_test(freed_in_reverse_it_comes_back),
        cmocka_unit_test(freed_at_random_it_comes_back),
        cmocka_unit_test(bursts_of_other_sizes_do_not_add_up),
        cmocka_unit_test(what_stays_is_all_that_stays),
        cmocka_unit_test(a_program_that_proves_reuse_keeps_its_memory),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
