/* tune_table_test.c - which source wins, how lives end, and what a new daemon believes. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/tuning/tuning_requests.h"

#define S HK_NS_PER_S

/* A library whose value indices are this tree's, shifted by one, with four classes. */
static struct hk_reader *reader(unsigned shift)
{
    struct hk_reader *r = calloc(1, sizeof *r);
    r->class_count = 4;
    for (unsigned i = 0; i < 4; i++)
        r->classes[i] = 16 << i;
    for (unsigned i = 0; i < HK_TUNABLES; i++)
        r->tunable_index[i] = i + shift;
    for (unsigned i = 0; i < HK_CLASS_TUNABLES; i++)
        r->class_tunable_index[i] = hk_class_value_index(i, 0) + shift;
    return r;
}

static void test_higher_sources_win(void **state)
{
    struct hk_tune_table *t = calloc(1, sizeof *t);
    unsigned i = HK_TUNE_bin_cap;
    (void)state;
    assert_int_equal(hk_tune_winner(t, i), -1);
    hk_tune_set(t, i, HK_STEER_POLICY, 10, 0);
    assert_int_equal(hk_tune_winner(t, i), HK_STEER_POLICY);
    hk_tune_set(t, i, HK_STEER_OPERATOR, 30, 0);
    hk_tune_set(t, i, HK_STEER_AUTOTUNE, 20, 0);
    assert_int_equal(hk_tune_winner(t, i), HK_STEER_OPERATOR);
    assert_true(hk_tune_clear(t, i, HK_STEER_OPERATOR));
    assert_false(hk_tune_clear(t, i, HK_STEER_OPERATOR));
    assert_int_equal(hk_tune_winner(t, i), HK_STEER_AUTOTUNE);
    hk_tune_clear(t, i, HK_STEER_AUTOTUNE);
    assert_int_equal(t->wishes[i][hk_tune_winner(t, i)].value, 10);
    for (unsigned s = 1; s < HK_STEERS; s++)
        assert_true(hk_steer_source(s) > hk_steer_source(s - 1));
    free(t);
}

static void test_lives(void **state)
{
    struct hk_tune_table *t = calloc(1, sizeof *t);
    (void)state;
    hk_tune_set(t, HK_TUNE_bin_cap, HK_STEER_POLICY, 10, 0);
    hk_tune_set(t, HK_TUNE_bin_cap, HK_STEER_OPERATOR, 30, 100 * S);
    hk_tune_set(t, HK_TUNE_thp, HK_STEER_OPERATOR, 1, 50 * S);
    assert_int_equal(hk_wish_remaining_s(&t->wishes[HK_TUNE_thp][HK_STEER_OPERATOR], 40 * S), 10);
    assert_int_equal(hk_wish_remaining_s(&t->wishes[HK_TUNE_thp][HK_STEER_OPERATOR], 40 * S + 1), 10);
    assert_int_equal(hk_wish_remaining_s(&t->wishes[HK_TUNE_thp][HK_STEER_OPERATOR], 50 * S - 1), 1);
    /* Never 0, which would mean for ever. */
    assert_int_equal(hk_wish_remaining_s(&t->wishes[HK_TUNE_thp][HK_STEER_OPERATOR], 60 * S), 1);
    assert_int_equal(hk_wish_remaining_s(&t->wishes[HK_TUNE_bin_cap][HK_STEER_POLICY], 60 * S), 0);
    assert_false(hk_tune_lapse(t, 50 * S - 1));
    assert_true(hk_tune_lapse(t, 50 * S));
    assert_int_equal(hk_tune_winner(t, HK_TUNE_thp), -1);
    assert_int_equal(hk_tune_winner(t, HK_TUNE_bin_cap), HK_STEER_OPERATOR);
    assert_false(hk_tune_lapse(t, 99 * S));
    assert_true(hk_tune_lapse(t, 1000 * S));
    assert_int_equal(hk_tune_winner(t, HK_TUNE_bin_cap), HK_STEER_POLICY);
    assert_false(hk_tune_lapse(t, 2000 * S));
    /* A value set again without an end outlives its former life. */
    hk_tune_set(t, HK_TUNE_thp, HK_STEER_OPERATOR, 1, 3000 * S);
    hk_tune_set(t, HK_TUNE_thp, HK_STEER_OPERATOR, 1, 0);
    assert_false(hk_tune_lapse(t, 4000 * S));
    assert_int_equal(hk_tune_winner(t, HK_TUNE_thp), HK_STEER_OPERATOR);
    free(t);
}

static void test_fill_goes_by_the_librarys_indices(void **state)
{
    struct hk_tune_table *t = calloc(1, sizeof *t);
    struct hk_reader *r = reader(1);
    struct hk_tuning_copy copy;
    (void)state;
    r->tunable_index[HK_TUNE_thp] = UINT32_MAX; /* a library that has no such tunable */
    hk_tune_set(t, HK_TUNE_thp, HK_STEER_OPERATOR, 1, 0);
    hk_tune_set(t, HK_TUNE_bin_cap, HK_STEER_OPERATOR, 64, 15 * S);
    hk_tune_set(t, hk_class_value_index(HK_TUNE_CLASS_refill_batch, 2), HK_STEER_POLICY, 9, 0);
    hk_tune_set(t, hk_class_value_index(HK_TUNE_CLASS_refill_batch, 7), HK_STEER_POLICY, 9, 0); /* no class */
    hk_tune_fill(t, r, 5 * S, &copy);
    unsigned set = 0;
    for (unsigned i = 0; i < HK_VALUES; i++)
        set += copy.values[i].set;
    assert_int_equal(set, 2);
    const struct hk_tuning_value *v = &copy.values[HK_TUNE_bin_cap + 1];
    assert_true(v->set && v->value == 64 && v->life_s == 10 && v->source == HK_SOURCE_OPERATOR);
    v = &copy.values[hk_class_value_index(HK_TUNE_CLASS_refill_batch, 2) + 1];
    assert_true(v->set && v->value == 9 && v->life_s == 0 && v->source == HK_SOURCE_POLICY);
    /* Indices beyond the page are a newer library's, or a lie. */
    r->tunable_index[HK_TUNE_bin_cap] = 60000;
    hk_tune_fill(t, r, 5 * S, &copy);
    assert_false(copy.values[HK_TUNE_bin_cap + 1].set);
    free(t);
    free(r);
}

static void test_adopting_from_the_page(void **state)
{
    struct hk_tune_table *t = calloc(1, sizeof *t), *back = calloc(1, sizeof *back);
    struct hk_reader *r = reader(1);
    struct hk_tuning_copy copy;
    (void)state;
    hk_tune_set(t, HK_TUNE_bin_cap, HK_STEER_OPERATOR, 64, 15 * S);
    hk_tune_set(t, HK_TUNE_retain_percent, HK_STEER_OPERATOR, 5, 0);
    hk_tune_set(t, HK_TUNE_thp, HK_STEER_POLICY, 1, 0);
    hk_tune_fill(t, r, 5 * S, &copy);
    copy.values[HK_TUNE_retain_bytes + 1] = (struct hk_tuning_value){
        .set = true, .source = HK_SOURCE_OPERATOR, .value = UINT64_MAX};
    hk_tune_adopt_page(back, r, &copy, 100 * S);
    assert_int_equal(back->wishes[HK_TUNE_bin_cap][HK_STEER_OPERATOR].value, 64);
    assert_true(back->wishes[HK_TUNE_bin_cap][HK_STEER_OPERATOR].expires_ns == 110 * S);
    assert_true(back->wishes[HK_TUNE_retain_percent][HK_STEER_OPERATOR].set);
    assert_int_equal(hk_tune_winner(back, HK_TUNE_thp), -1);          /* policies are found anew */
    assert_int_equal(hk_tune_winner(back, HK_TUNE_retain_bytes), -1); /* out of range */
    assert_true(hk_tune_lapse(back, 110 * S));
    free(t);
    free(back);
    free(r);
}

static void test_adopting_from_what_is_applied(void **state)
{
    static const struct {
        struct hk_applied_view a;
        bool adopted;
    } rows[] = {
        {{.value = 64, .generation = 3, .source = HK_SOURCE_OPERATOR, .verdict = HK_VERDICT_APPLIED}, true},
        {{.value = 64, .generation = 3, .source = HK_SOURCE_OPERATOR, .verdict = HK_VERDICT_CLAMPED}, true},
        {{.value = 64, .generation = 3, .source = HK_SOURCE_OPERATOR, .verdict = HK_VERDICT_LAPSED}, true},
        {{.value = 64, .generation = 3, .source = HK_SOURCE_OPERATOR, .verdict = HK_VERDICT_UNKNOWN}, false},
        {{.value = 64, .generation = 3, .source = HK_SOURCE_OPERATOR, .verdict = HK_VERDICT_NONE}, false},
        {{.value = 64, .generation = 3, .source = HK_SOURCE_OPERATOR, .verdict = 777}, false},
        {{.value = 64, .generation = 0, .source = HK_SOURCE_OPERATOR, .verdict = HK_VERDICT_APPLIED}, false},
        {{.value = 64, .generation = UINT64_MAX, .source = HK_SOURCE_OPERATOR, .verdict = HK_VERDICT_APPLIED},
         false},
        {{.value = 64, .generation = 3, .source = HK_SOURCE_POLICY, .verdict = HK_VERDICT_APPLIED}, false},
        {{.value = 64, .generation = 3, .source = 99, .verdict = HK_VERDICT_APPLIED}, false},
        {{.value = 1, .generation = 3, .source = HK_SOURCE_OPERATOR, .verdict = HK_VERDICT_APPLIED}, false},
        {{.value = 64,
          .generation = 3,
          .life_s = UINT32_MAX,
          .source = HK_SOURCE_OPERATOR,
          .verdict = HK_VERDICT_APPLIED},
         true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hk_tune_table *t = calloc(1, sizeof *t);
        struct hk_area_view *area = calloc(1, sizeof *area);
        area->applied[HK_TUNE_bin_cap] = rows[i].a;
        hk_tune_adopt_applied(t, area, 100 * S);
        if ((hk_tune_winner(t, HK_TUNE_bin_cap) == HK_STEER_OPERATOR) != rows[i].adopted)
            fail_msg("row %zu", i);
        free(t);
        free(area);
    }
}

static void test_copying_one_steer(void **state)
{
    struct hk_tune_table *from = calloc(1, sizeof *from), *to = calloc(1, sizeof *to);
    (void)state;
    hk_tune_set(from, HK_TUNE_bin_cap, HK_STEER_OPERATOR, 30, 50 * S);
    hk_tune_set(from, HK_TUNE_thp, HK_STEER_POLICY, 1, 0);
    hk_tune_set(to, HK_TUNE_retain_bytes, HK_STEER_OPERATOR, 5, 0);
    hk_tune_set(to, HK_TUNE_bin_bytes, HK_STEER_POLICY, 8192, 0);
    hk_tune_copy(to, from, HK_STEER_OPERATOR);
    assert_int_equal(to->wishes[HK_TUNE_bin_cap][HK_STEER_OPERATOR].value, 30);
    assert_int_equal(hk_tune_winner(to, HK_TUNE_retain_bytes), -1);
    assert_int_equal(hk_tune_winner(to, HK_TUNE_thp), -1);
    assert_int_equal(hk_tune_winner(to, HK_TUNE_bin_bytes), HK_STEER_POLICY);
    assert_true(hk_tune_lapse(to, 50 * S));
    free(from);
    free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_higher_sources_win),
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_fill_goes_by_the_librarys_indices),
        cmocka_unit_test(test_adopting_from_the_page),
        cmocka_unit_test(test_adopting_from_what_is_applied),
        cmocka_unit_test(test_copying_one_steer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
