/* limits_test.c - the settings that bound what is kept: retain_bytes, retain_percent, soft_limit_bytes. */
#include "tests/memory/memory.h"

#define BYTES 1000u

static uint64_t retained(struct stage *s)
{
    return puppet_number(puppet_say(&s->puppet, "snapshot"), 6);
}

static void nothing_is_retained_where_nothing_may_be(void **state)
{
    (void)state;
    struct stage s = begin("retain_bytes=0,retain_percent=0");
    puppet_say(&s.puppet, "alloc 0 %u 200000", BYTES);
    puppet_say(&s.puppet, "alloc 1 100000 300");
    puppet_say(&s.puppet, "touch 1");
    puppet_say(&s.puppet, "free 0 0 random");
    puppet_say(&s.puppet, "free 1 0 random");
    assert_int_equal(retained(&s), 0);
    check_resident(&s, "after all was freed", 0, SLACK);
    finish(&s);
}

static void retain_bytes_is_what_is_retained(void **state)
{
    (void)state;
    const uint64_t keep = 50 * HK_MIB;
    struct stage s = begin("retain_bytes=50MiB,retain_percent=0");
    puppet_say(&s.puppet, "alloc 0 %u 200000", BYTES);
    puppet_say(&s.puppet, "free 0");
    if (retained(&s) > keep || retained(&s) < keep / 2)
        fail_msg("%llu bytes are retained, %llu may be", (unsigned long long)retained(&s),
                 (unsigned long long)keep);
    check_resident(&s, "after all was freed", 0, SLACK);
    finish(&s);
}

static void retain_percent_is_of_the_peak(void **state)
{
    (void)state;
    const uint64_t share = (uint64_t)200000 * 1024 / 4;
    struct stage s = begin("retain_bytes=0,retain_percent=25");
    puppet_say(&s.puppet, "alloc 0 %u 200000", BYTES);
    puppet_say(&s.puppet, "free 0");
    if (retained(&s) > share + 2 * HK_MIB || retained(&s) < share / 2)
        fail_msg("%llu bytes are retained, a quarter is %llu", (unsigned long long)retained(&s),
                 (unsigned long long)share);
    finish(&s);
}

/* Above the soft limit nothing free is kept, and no allocation fails. */
static void above_the_soft_limit_nothing_is_kept(void **state)
{
    (void)state;
    struct stage s = begin("soft_limit_bytes=64MiB,retain_bytes=1GiB");
    puppet_say(&s.puppet, "alloc 0 %u 150000", BYTES);
    puppet_say(&s.puppet, "alloc 1 %u 100000", BYTES);
    puppet_say(&s.puppet, "alloc 2 3000000 20");
    puppet_say(&s.puppet, "touch 2");
    puppet_say(&s.puppet, "free 2");
    puppet_say(&s.puppet, "free 1 0 random");
    size_t resident = grown(&s);
    if (resident > 150000ull * 1024 + SLACK + 4 * HK_MIB)
        fail_msg("%zu KiB are resident with %u KiB live above the limit", resident >> 10, 150000);
    finish(&s);
}

static void below_the_soft_limit_memory_is_kept(void **state)
{
    (void)state;
    struct stage s = begin("soft_limit_bytes=1GiB,retain_bytes=1GiB");
    puppet_say(&s.puppet, "alloc 0 %u 150000", BYTES);
    puppet_say(&s.puppet, "free 0");
    assert_true(retained(&s) > 100 * HK_MIB);
    finish(&s);
}

/* Caches of threads shrink as well. */
static void above_the_soft_limit_bins_are_small(void **state)
{
    (void)state;
    struct stage s = begin("soft_limit_bytes=16MiB");
    struct hk_totals totals;
    puppet_say(&s.puppet, "alloc 0 %u 50000", BYTES);
    puppet_say(&s.puppet, "start 0 49");
    for (unsigned bytes = 500; bytes < 30000; bytes *= 2)
        puppet_say(&s.puppet, "on 0 49 churn %u 200 2", bytes);
    greeting_totals(&s.greeting, s.puppet.pid, &totals);
    if (totals.bin_bytes > 50 * 256 * HK_KIB)
        fail_msg("50 threads cache %llu KiB above the soft limit",
                 (unsigned long long)totals.bin_bytes >> 10);
    puppet_say(&s.puppet, "stop 0 49");
    finish(&s);
}

/* Of all classes together; a quarter more is a batch that was under way. */
static void heap_cache_bytes_bounds_a_threads_bins(void **state)
{
    (void)state;
    static const char *const tunes[] = {"heap_cache_bytes=64KiB", "heap_cache_bytes=256KiB",
                                        "heap_cache_bytes=1MiB"};
    static const uint64_t limits[] = {64 * HK_KIB, 256 * HK_KIB, HK_MIB};
    for (unsigned i = 0; i < HK_COUNT_OF(tunes); i++) {
        struct stage s = begin(tunes[i]);
        struct hk_totals totals;
        for (unsigned bytes = 16; bytes < 32768; bytes += bytes / 4)
            puppet_say(&s.puppet, "churn %u 400 5", bytes);
        puppet_say(&s.puppet, "snapshot");
        greeting_totals(&s.greeting, s.puppet.pid, &totals);
        CHECK(totals.bin_bytes <= limits[i] + limits[i] / 4, "a thread that may cache %llu KiB caches %llu",
              (unsigned long long)limits[i] >> 10, (unsigned long long)totals.bin_bytes >> 10);
        finish(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_retained_where_nothing_may_be),
        cmocka_unit_test(retain_bytes_is_what_is_retained),
        cmocka_unit_test(retain_percent_is_of_the_peak),
        cmocka_unit_test(above_the_soft_limit_nothing_is_kept),
        cmocka_unit_test(below_the_soft_limit_memory_is_kept),
        cmocka_unit_test(above_the_soft_limit_bins_are_small),
        cmocka_unit_test(heap_cache_bytes_bounds_a_threads_bins),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
