/* aggregate_test.c - figures, rates over recent samples, and sums over processes. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/model/aggregate.h"

#define S UINT64_C(1000000000)

/* A process with classes of 16, 32, ... bytes, of which one has traffic. */
static struct hk_figures *figures(unsigned class_count, unsigned size_class, uint64_t allocs, uint64_t frees)
{
    struct hk_figures *f = calloc(1, sizeof *f);
    f->totals.class_count = class_count;
    for (unsigned c = 0; c < class_count; c++)
        f->totals.class_bytes[c] = 16 * (c + 1);
    uint64_t *n = f->totals.classes[size_class].counters;
    n[HK_CLASS_AT(allocs_total)] = allocs;
    n[HK_CLASS_AT(frees_total)] = frees;
    n[HK_CLASS_AT(refilled_blocks_total)] = allocs + 5;
    f->totals.process[HK_PROCESS_AT(big_allocs_total)] = 3;
    f->totals.process[HK_PROCESS_AT(heaps_live)] = 2;
    hk_figures_finish(f, NULL);
    return f;
}

static void test_lists(void **state)
{
    unsigned counters = 0, gauges = 0;
    (void)state;
#define HK_CLASS_COUNTER(name, kind, ...)                                                                    \
    if (HK_KIND_##kind == HK_KIND_COUNTER)                                                                   \
        counters++;
#define HK_HEAP_COUNTER HK_CLASS_COUNTER
#define HK_PROCESS_COUNTER(name, kind, ...)                                                                  \
    if (HK_KIND_##kind == HK_KIND_COUNTER)                                                                   \
        counters++;                                                                                          \
    else                                                                                                     \
        gauges++;
#include "shm/counters.def"
    assert_int_equal(hk_total_count, counters);
    for (unsigned i = 0; i < hk_derived_counter_count; i++)
        gauges += hk_derived_counters[i].scope == HK_SCOPE_PROCESS;
    for (unsigned i = 0; i < HK_HEAP_COUNTERS; i++)
        gauges += hk_heap_counters[i].kind == HK_KIND_GAUGE && hk_heap_counters[i].unit != HK_UNIT_NUMBER &&
                  hk_heap_counters[i].unit != HK_UNIT_NANOSECONDS;
    assert_int_equal(hk_gauge_count, gauges);
    for (unsigned i = 0; i < hk_total_count; i++) {
        const char *name = hk_total_info(i)->name;
        char rate[HK_RATE_NAME_BYTES];
        assert_int_equal(hk_total_index(name), i);
        assert_string_equal(name + strlen(name) - 6, "_total");
        hk_rate_name(name, rate);
        assert_string_equal(rate + strlen(rate) - 6, "_per_s");
        assert_int_equal(strlen(rate), strlen(name));
    }
    for (unsigned i = 0; i < hk_gauge_count; i++)
        assert_int_equal(hk_gauge_index(hk_gauge_info(i)->name), i);
    assert_false(hk_gauge_adds_up(hk_gauge_index("generation_applied")));
    assert_false(hk_gauge_adds_up(hk_gauge_index("last_slow_path_ns")));
    assert_true(hk_gauge_adds_up(hk_gauge_index("live_bytes")));
}

static void test_totals_take_in_big_blocks(void **state)
{
    struct hk_figures *f = figures(4, 1, 100, 40);
    (void)state;
    assert_int_equal(hk_figures_total(f, hk_total_index("allocs_total")), 103);
    assert_int_equal(hk_figures_total(f, hk_total_index("frees_total")), 40);
    assert_int_equal(hk_figures_total(f, hk_total_index("refilled_blocks_total")), 105);
    assert_int_equal(hk_figures_gauge(f, hk_gauge_index("live_bytes")), 60 * 32);
    free(f);
}

static void test_counters_do_not_fall(void **state)
{
    struct hk_figures *before = figures(4, 1, 100, 40), *now = figures(4, 1, 70, 50);
    (void)state;
    now->totals.process[HK_PROCESS_AT(heaps_live)] = 1;
    now->heap[HK_HEAP_AT(attaches_total)] = 1;
    before->heap[HK_HEAP_AT(attaches_total)] = 9;
    hk_figures_finish(now, before);
    assert_int_equal(now->totals.classes[1].counters[HK_CLASS_AT(allocs_total)], 100);
    assert_int_equal(now->totals.classes[1].counters[HK_CLASS_AT(frees_total)], 50);
    assert_int_equal(now->totals.classes[1].live_blocks, 50);
    assert_int_equal(now->heap[HK_HEAP_AT(attaches_total)], 9);
    assert_int_equal(now->totals.process[HK_PROCESS_AT(heaps_live)], 1); /* a gauge may */
    /* Other classes are another library's, and nothing is carried over. */
    struct hk_figures *other = figures(5, 1, 10, 5);
    hk_figures_finish(other, before);
    assert_int_equal(other->totals.classes[1].counters[HK_CLASS_AT(allocs_total)], 10);
    free(before);
    free(now);
    free(other);
}

static double allocs_rate(const struct hk_history *h)
{
    return hk_history_rate(h, hk_total_index("allocs_total"));
}

static void add(struct hk_history *h, uint64_t allocs, bool moved, uint64_t at_ns)
{
    struct hk_figures *f = figures(4, 1, allocs, 0);
    hk_history_add(h, f, moved, at_ns);
    free(f);
}

static void test_rates(void **state)
{
    struct hk_history *h = calloc(1, sizeof *h);
    (void)state;
    assert_int_equal(hk_history_window_ms(h), 0);
    assert_true(allocs_rate(h) == 0);
    add(h, 100, true, 10 * S);
    assert_true(allocs_rate(h) == 0);
    add(h, 200, true, 11 * S);
    assert_int_equal(hk_history_window_ms(h), 1000);
    assert_true(allocs_rate(h) == 100);
    assert_true(hk_history_class_rate(h, 1, 0) == 100);
    assert_true(hk_history_class_rate(h, 0, 0) == 0);
    for (unsigned i = 0; i < HK_HISTORY; i++)
        add(h, 200 + 50 * (i + 1), true, (12 + i) * S);
    assert_int_equal(hk_history_window_ms(h), (HK_HISTORY - 1) * 1000);
    assert_true(allocs_rate(h) == 50);
    /* Standing still the rate sinks to nothing, and stays there at no cost. */
    uint64_t at = (12 + HK_HISTORY) * S;
    for (unsigned i = 0; i < 100; i++, at += S)
        add(h, 500, false, at);
    assert_true(allocs_rate(h) == 0);
    /* Awake again, the long rest does not count. */
    add(h, 1500, true, at);
    assert_true(allocs_rate(h) == 1000);
    assert_int_equal(hk_history_window_ms(h), 1000);
    free(h);
}

static void test_rates_of_odd_times(void **state)
{
    struct hk_history *h = calloc(1, sizeof *h);
    (void)state;
    add(h, 100, true, 10 * S);
    add(h, 200, true, 10 * S); /* no time went by */
    assert_true(allocs_rate(h) == 0);
    add(h, 50, true, 11 * S); /* and it ran backwards */
    assert_true(allocs_rate(h) == 0);
    add(h, 300, true, 9 * S);
    assert_true(allocs_rate(h) == 0);
    free(h);
}

static void test_sums(void **state)
{
    struct hk_sum *sum = calloc(1, sizeof *sum);
    struct hk_figures *a = figures(4, 1, 100, 40), *b = figures(4, 1, 50, 0);
    struct hk_history *h = calloc(1, sizeof *h);
    (void)state;
    add(h, 0, true, S);
    add(h, 100, true, 3 * S);
    hk_sum_add(sum, a, h);
    hk_sum_add(sum, b, NULL);
    hk_counts_add(&sum->counts, b); /* one that has ended */
    assert_int_equal(sum->processes, 2);
    assert_int_equal(sum->counts.totals[hk_total_index("allocs_total")], 209);
    assert_int_equal(sum->gauges[hk_gauge_index("threads")], 4);
    assert_int_equal(sum->gauges[hk_gauge_index("live_bytes")], (60 + 50) * 32);
    assert_true(sum->rates[hk_total_index("allocs_total")] == 50);
    assert_int_equal(sum->window_ms, 2000);
    assert_int_equal(sum->counts.class_count, 4);
    assert_int_equal(sum->counts.classes[1][HK_CLASS_AT(allocs_total)], 200);
    assert_true(sum->classes[1].rates[0] == 50);
    struct hk_counts *more = calloc(1, sizeof *more);
    hk_counts_add_counts(more, &sum->counts);
    hk_counts_add_counts(more, &sum->counts);
    assert_int_equal(more->totals[hk_total_index("allocs_total")], 418);
    assert_int_equal(more->classes[1][HK_CLASS_AT(allocs_total)], 400);
    free(more);
    free(sum);
    free(a);
    free(b);
    free(h);
}

static void test_sums_of_other_libraries(void **state)
{
    struct hk_counts *sum = calloc(1, sizeof *sum);
    struct hk_figures *a = figures(4, 1, 100, 0), *b = figures(2, 1, 10, 0);
    (void)state;
    b->totals.class_bytes[0] = 24;
    b->totals.class_bytes[1] = 64;
    hk_counts_add(sum, a);
    hk_counts_add(sum, b);
    assert_int_equal(sum->class_count, 5);
    assert_int_equal(sum->class_bytes[4], 24);
    assert_int_equal(sum->classes[3][HK_CLASS_AT(allocs_total)], 10);
    /* More sizes than there is room for end up together in the last place. */
    for (unsigned i = 0; i < 2 * HK_MAX_CLASSES; i++) {
        b->totals.class_bytes[0] = 100000 + 2 * i;
        b->totals.class_bytes[1] = 100001 + 2 * i;
        hk_counts_add(sum, b);
    }
    assert_int_equal(sum->class_count, HK_MAX_CLASSES);
    free(sum);
    free(a);
    free(b);
}

static void test_sums_stop_at_the_largest(void **state)
{
    struct hk_counts *sum = calloc(1, sizeof *sum);
    struct hk_figures *a = figures(4, 1, 0, 0);
    (void)state;
    a->totals.process[HK_PROCESS_AT(purged_bytes_total)] = UINT64_MAX - 5;
    hk_counts_add(sum, a);
    hk_counts_add(sum, a);
    assert_true(sum->totals[hk_total_index("purged_bytes_total")] == UINT64_MAX);
    free(sum);
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_totals_take_in_big_blocks),
        cmocka_unit_test(test_counters_do_not_fall),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_rates_of_odd_times),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_sums_of_other_libraries),
        cmocka_unit_test(test_sums_stop_at_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
