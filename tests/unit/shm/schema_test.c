/* schema_test.c - the rules every row of counters.def and tunables.def keeps. */
#include "tests/support/test.h"

#include <string.h>

#include "shm/schema.h"

#define NAMES_MAX 256

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static void check_name(const char *name)
{
    assert_true(name[0] >= 'a' && name[0] <= 'z');
    assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
    assert_true(strlen(name) < HK_NAME_BYTES);
}

/* Help is one phrase: tables and manuals put it behind a dash. */
static void check_help(const char *help)
{
    assert_true(strlen(help) > 5);
    assert_false(ends_with(help, "."));
    assert_null(strpbrk(help, "|\n\t"));
}

static void check_counter(const struct hk_counter_info *c, enum hk_scope scope, bool derived)
{
    check_name(c->name);
    check_help(c->help);
    if (!derived)
        assert_int_equal(c->scope, scope);
    assert_int_equal(c->derived, derived);
    assert_true(c->kind == HK_KIND_COUNTER || c->kind == HK_KIND_GAUGE);
    assert_int_equal(c->kind == HK_KIND_COUNTER, ends_with(c->name, "_total"));
    assert_string_not_equal(hk_unit_name(c->unit), "?");
    if (ends_with(c->name, "_bytes") || ends_with(c->name, "_bytes_total"))
        assert_int_equal(c->unit, HK_UNIT_BYTES);
    if (ends_with(c->name, "_ns"))
        assert_int_equal(c->unit, HK_UNIT_NANOSECONDS);
}

static void counters_keep_the_rules(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++)
        check_counter(&hk_class_counters[i], HK_SCOPE_CLASS, false);
    for (unsigned i = 0; i < HK_HEAP_COUNTERS; i++)
        check_counter(&hk_heap_counters[i], HK_SCOPE_HEAP, false);
    for (unsigned i = 0; i < HK_PROCESS_COUNTERS; i++)
        check_counter(&hk_process_counters[i], HK_SCOPE_PROCESS, false);
    for (unsigned i = 0; i < hk_derived_counter_count; i++)
        check_counter(&hk_derived_counters[i], 0, true);
}

static void check_offsets(const struct hk_counter_info *list, unsigned n, size_t row_bytes)
{
    assert_int_equal(row_bytes, n * 8);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(list[i].offset, i * 8);
}

static void stored_counters_fill_their_rows(void **state)
{
    (void)state;
    check_offsets(hk_class_counters, HK_CLASS_COUNTERS, sizeof(struct hk_class_row));
    check_offsets(hk_heap_counters, HK_HEAP_COUNTERS, sizeof(struct hk_heap_row));
    check_offsets(hk_process_counters, HK_PROCESS_COUNTERS, sizeof(struct hk_process_row));
}

/* Sums over classes and heaps stand beside the process's own counters in one JSON object. */
static void counter_names_are_unique(void **state)
{
    (void)state;
    const char *names[NAMES_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++)
        names[n++] = hk_class_counters[i].name;
    for (unsigned i = 0; i < HK_HEAP_COUNTERS; i++)
        names[n++] = hk_heap_counters[i].name;
    for (unsigned i = 0; i < HK_PROCESS_COUNTERS; i++)
        names[n++] = hk_process_counters[i].name;
    for (unsigned i = 0; i < hk_derived_counter_count; i++)
        names[n++] = hk_derived_counters[i].name;
    assert_true(n < NAMES_MAX);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = i + 1; k < n; k++)
            assert_string_not_equal(names[i], names[k]);
    }
}

static unsigned count_choices(const char *choices)
{
    unsigned n = 1;
    for (const char *c = choices; *c; c++)
        n += *c == ',';
    return n;
}

static void check_tunable(const struct hk_tunable_info *t)
{
    check_name(t->name);
    check_help(t->help);
    assert_true(t->min <= t->max);
    assert_true(t->max < (uint64_t)1 << 53); /* a JSON number holds it */
    assert_true(t->effect > HK_EFFECT_NONE && t->effect <= HK_EFFECT_OPEN);
    assert_string_not_equal(hk_unit_name(t->unit), "?");
    if (t->type == HK_TYPE_CHOICE) {
        assert_int_equal(t->min, 0);
        assert_int_equal(t->max, count_choices(t->choices) - 1);
        assert_int_equal(t->unit, HK_UNIT_NONE);
    } else {
        assert_int_equal(t->type, HK_TYPE_UINT);
        assert_string_equal(t->choices, "");
    }
}

static void tunables_keep_the_rules(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_TUNABLES; i++) {
        check_tunable(&hk_tunables[i]);
        assert_uint_in_range(hk_tunables[i].dflt, hk_tunables[i].min, hk_tunables[i].max);
        for (unsigned k = i + 1; k < HK_TUNABLES; k++)
            assert_string_not_equal(hk_tunables[i].name, hk_tunables[k].name);
    }
    for (unsigned i = 0; i < HK_CLASS_TUNABLES; i++)
        check_tunable(&hk_class_tunables[i]);
}

static void every_value_has_a_description(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_TUNABLES; i++)
        assert_ptr_equal(hk_value_info(i), &hk_tunables[i]);
    for (unsigned id = 0; id < HK_CLASS_TUNABLES; id++) {
        for (unsigned c = 0; c < HK_MAX_CLASSES; c++) {
            unsigned index = hk_class_value_index((enum hk_class_tunable_id)id, c);
            assert_true(index < HK_VALUES);
            assert_ptr_equal(hk_value_info(index), &hk_class_tunables[id]);
        }
    }
}

static void descriptors_say_what_the_schema_says(void **state)
{
    (void)state;
    struct hk_desc d[HK_DESCRIPTORS];
    memset(d, 0xff, sizeof d);
    hk_schema_descriptors(d);
    const struct hk_counter_info *lists[] = {hk_class_counters, hk_heap_counters, hk_process_counters};
    const unsigned counts[] = {HK_CLASS_COUNTERS, HK_HEAP_COUNTERS, HK_PROCESS_COUNTERS};
    unsigned n = 0;
    for (unsigned l = 0; l < 3; l++) {
        for (unsigned i = 0; i < counts[l]; i++, n++) {
            assert_string_equal(d[n].name, lists[l][i].name);
            assert_int_equal(d[n].scope, l + HK_SCOPE_CLASS);
            assert_int_equal(d[n].kind, lists[l][i].kind);
            assert_int_equal(d[n].unit, lists[l][i].unit);
            assert_int_equal(d[n].offset, lists[l][i].offset);
            assert_int_equal(d[n].min | d[n].max | d[n].dflt, 0);
        }
    }
    for (unsigned i = 0; i < HK_TUNABLES; i++, n++) {
        assert_string_equal(d[n].name, hk_tunables[i].name);
        assert_string_equal(d[n].choices, hk_tunables[i].choices);
        assert_int_equal(d[n].scope, HK_SCOPE_TUNABLE);
        assert_int_equal(d[n].kind, HK_KIND_TUNABLE);
        assert_int_equal(d[n].type, hk_tunables[i].type);
        assert_int_equal(d[n].offset, i);
        assert_int_equal(d[n].min, hk_tunables[i].min);
        assert_int_equal(d[n].max, hk_tunables[i].max);
        assert_int_equal(d[n].dflt, hk_tunables[i].dflt);
    }
    for (unsigned i = 0; i < HK_CLASS_TUNABLES; i++, n++) {
        assert_string_equal(d[n].name, hk_class_tunables[i].name);
        assert_int_equal(d[n].scope, HK_SCOPE_TUNABLE_PER_CLASS);
        assert_int_equal(d[n].offset, hk_class_value_index((enum hk_class_tunable_id)i, 0));
    }
    assert_int_equal(n, HK_DESCRIPTORS);
}

static void enums_have_words(void **state)
{
    (void)state;
    for (unsigned i = HK_UNIT_NONE; i <= HK_UNIT_MILLISECONDS; i++)
        assert_string_not_equal(hk_unit_name(i), "?");
    for (unsigned i = HK_KIND_COUNTER; i <= HK_KIND_TUNABLE; i++)
        assert_string_not_equal(hk_kind_name(i), "?");
    for (unsigned i = 0; i < HK_SOURCES; i++)
        assert_string_not_equal(hk_source_name(i), "?");
    for (unsigned i = 0; i < HK_VERDICTS; i++)
        assert_string_not_equal(hk_verdict_name(i), "?");
    assert_string_equal(hk_unit_name(HK_UNIT_MILLISECONDS + 1), "?");
    assert_string_equal(hk_kind_name(0), "?");
    assert_string_equal(hk_kind_name(HK_KIND_TUNABLE + 1), "?");
    assert_string_equal(hk_source_name(HK_SOURCES), "?");
    assert_string_equal(hk_verdict_name(UINT32_MAX), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_keep_the_rules),
        cmocka_unit_test(stored_counters_fill_their_rows),
        cmocka_unit_test(counter_names_are_unique),
        cmocka_unit_test(tunables_keep_the_rules),
        cmocka_unit_test(every_value_has_a_description),
        cmocka_unit_test(descriptors_say_what_the_schema_says),
        cmocka_unit_test(enums_have_words),
    };
    return cmocka_run_group_tests_name("shm.schema", tests, NULL, NULL);
}
