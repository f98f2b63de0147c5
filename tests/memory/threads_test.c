/* threads_test.c - memory comes back whoever made it and whoever frees it, though its maker sleeps or is
 * gone. */
#include "tests/memory/memory.h"

#define BYTES 1000u

static void blocks_of_ended_threads_come_back(void **state)
{
    (void)state;
    enum { THREADS = 8 };
    struct stage s = begin(NULL);
    puppet_say(&s.puppet, "start 0 %d", THREADS - 1);
    puppet_say(&s.puppet, "on 0 %d alloc 0 %u 40000", THREADS - 1, BYTES);
    puppet_say(&s.puppet, "stop 0 %d", THREADS - 1);
    assert_true(grown(&s) > 300 * HK_MIB);
    for (unsigned set = 0; set < THREADS; set++)
        puppet_say(&s.puppet, "free %u 0 random", set);
    check_resident(&s, "after main freed it all", 0, SLACK);
    finish(&s);
}

/* The producer sleeps and never calls the allocator again. */
static void a_consumer_gives_back_what_a_sleeper_made(void **state)
{
    (void)state;
    static const unsigned sizes[] = {100, 1000, 8000};
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        struct stage s = begin(NULL);
        puppet_say(&s.puppet, "start 0 1");
        puppet_say(&s.puppet, "on 0 alloc 0 %u %u", sizes[i],
                   300000000 / sizes[i] / (sizes[i] < 1000 ? 4 : 1));
        puppet_say(&s.puppet, "on 1 free 0 0 %s", i % 2 ? "random" : "first");
        check_resident(&s, "after the consumer freed it", 0, SLACK);
        puppet_say(&s.puppet, "stop 0 1");
        finish(&s);
    }
}

/* Blocks of one thread, freed by eight at once. */
static void many_consumers_give_it_back(void **state)
{
    (void)state;
    enum { THREADS = 8 };
    struct stage s = begin(NULL);
    puppet_say(&s.puppet, "start 0 %d", THREADS);
    for (unsigned set = 0; set < THREADS; set++)
        puppet_say(&s.puppet, "on %d alloc %u %u 40000", THREADS, set, BYTES);
    puppet_say(&s.puppet, "on 0 %d free 0 0 random", THREADS - 1);
    check_resident(&s, "after all was freed", 0, SLACK);
    puppet_say(&s.puppet, "stop 0 %d", THREADS);
    finish(&s);
}

/* A thousand threads fill their caches; ten are left. What each of the thousand leaves behind for ever is
 * its heap's record and its slot in the segment: less than 16 KiB. */
static void a_thousand_threads_shrink_to_ten(void **state)
{
    (void)state;
    enum { THREADS = 1000, LEFT = 10 };
    static const unsigned sizes[] = {64, 200, 1000, 4000};
    struct stage s = begin(NULL);
    puppet_say(&s.puppet, "start 0 %d", THREADS - 1);
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++)
        puppet_say(&s.puppet, "on 0 %d churn %u 300 3", THREADS - 1, sizes[i]);
    size_t at_most = grown(&s);
    puppet_say(&s.puppet, "stop %d %d", LEFT, THREADS - 1);
    struct hk_totals totals;
    greeting_totals(&s.greeting, s.puppet.pid, &totals);
    assert_int_equal(totals.threads, LEFT + 1);
    if (at_most < 2 * grown(&s))
        fail_msg("%zu KiB were resident with %d threads, %zu are with %d", at_most >> 10, THREADS,
                 grown(&s) >> 10, LEFT);
    check_resident(&s, "with ten threads left", totals.bin_bytes, SLACK + (uint64_t)THREADS * 16 * HK_KIB);
    puppet_say(&s.puppet, "stop 0 %d", LEFT - 1);
    finish(&s);
}

/* Threads that come and go use the heaps of those before them. */
static void generations_of_threads_do_not_add_up(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    for (unsigned generation = 0; generation < 30; generation++) {
        puppet_say(&s.puppet, "start 0 19");
        puppet_say(&s.puppet, "on 0 19 alloc 0 %u 500", BYTES);
        puppet_say(&s.puppet, "on 0 19 churn 200 400 3");
        puppet_say(&s.puppet, "stop 0 19");
        for (unsigned set = 0; set < 20; set++)
            puppet_say(&s.puppet, "free %u", set);
        check_resident(&s, "after a generation", 0, SLACK);
    }
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_ended_threads_come_back),
        cmocka_unit_test(a_consumer_gives_back_what_a_sleeper_made),
        cmocka_unit_test(many_consumers_give_it_back),
        cmocka_unit_test(a_thousand_threads_shrink_to_ten),
        cmocka_unit_test(generations_of_threads_do_not_add_up),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
