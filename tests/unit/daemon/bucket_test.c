/* bucket_test.c - how often something may happen. */
#include "tests/support/test.h"

#include "daemon/base/token_bucket.h"

static void test_burst_then_rate(void **state)
{
    struct hk_bucket bucket = {0};
    uint64_t now = 1000 * HK_NS_PER_S;
    (void)state;
    for (int i = 0; i < 20; i++)
        assert_true(hk_bucket_take(&bucket, 10, 20, 1, now));
    assert_false(hk_bucket_take(&bucket, 10, 20, 1, now));
    now += HK_NS_PER_S / 10;
    assert_true(hk_bucket_take(&bucket, 10, 20, 1, now));
    assert_false(hk_bucket_take(&bucket, 10, 20, 1, now));
    now += 1000 * HK_NS_PER_S; /* never fuller than full */
    for (int i = 0; i < 20; i++)
        assert_true(hk_bucket_take(&bucket, 10, 20, 1, now));
    assert_false(hk_bucket_take(&bucket, 10, 20, 1, now));
}

static void test_large_costs_are_paid_later(void **state)
{
    struct hk_bucket bucket = {0};
    uint64_t now = HK_NS_PER_S;
    (void)state;
    assert_true(hk_bucket_take(&bucket, 10, 20, 200, now));
    now += 10 * HK_NS_PER_S;
    assert_false(hk_bucket_take(&bucket, 10, 20, 1, now));
    now += 10 * HK_NS_PER_S;
    assert_true(hk_bucket_take(&bucket, 10, 20, 1, now));
}

static void test_time_that_runs_backwards(void **state)
{
    struct hk_bucket bucket = {0};
    (void)state;
    assert_true(hk_bucket_take(&bucket, 1, 1, 1, 100 * HK_NS_PER_S));
    assert_false(hk_bucket_take(&bucket, 1, 1, 1, 50 * HK_NS_PER_S));
    assert_true(hk_bucket_take(&bucket, 1, 1, 1, 52 * HK_NS_PER_S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_then_rate),
        cmocka_unit_test(test_large_costs_are_paid_later),
        cmocka_unit_test(test_time_that_runs_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
