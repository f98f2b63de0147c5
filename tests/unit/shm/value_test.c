/* value_test.c - tunables as text: names, units, bounds, and what is said of a mistake. */
#include "tests/support/test.h"

#include <string.h>

#include "shm/text.h"
#include "shm/value.h"

static const uint32_t classes[] = {16, 256, 32768};

static int find(const char *name, enum hk_value_error *error)
{
    return hk_value_find(name, strlen(name), classes, HK_COUNT_OF(classes), error);
}

static enum hk_value_error parse(enum hk_tunable_id id, const char *text, uint64_t *out)
{
    return hk_value_parse(&hk_tunables[id], text, strlen(text), out);
}

static const char *explain(enum hk_value_error error, const char *name, const char *text, char *buf,
                           size_t size)
{
    return hk_value_explain(error, name, strlen(name), text, strlen(text), buf, size);
}

static void finds_every_name(void **state)
{
    (void)state;
    enum hk_value_error error;
    for (unsigned i = 0; i < HK_TUNABLES; i++) {
        assert_int_equal(find(hk_tunables[i].name, &error), i);
        assert_int_equal(error, HK_VALUE_OK);
    }
    for (unsigned id = 0; id < HK_CLASS_TUNABLES; id++) {
        for (unsigned c = 0; c < HK_COUNT_OF(classes); c++) {
            unsigned index = hk_class_value_index((enum hk_class_tunable_id)id, c);
            char name[HK_NAME_BYTES + 16];
            hk_value_name(index, classes, HK_COUNT_OF(classes), name, sizeof name);
            assert_int_equal(find(name, &error), index);
            assert_int_equal(error, HK_VALUE_OK);
        }
    }
}

static void refuses_names_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum hk_value_error error;
    } cases[] = {
        {"", HK_VALUE_NO_NAME},
        {".", HK_VALUE_NO_NAME},
        {"refill", HK_VALUE_NO_NAME},
        {"refill_batch2", HK_VALUE_NO_NAME},
        {"Refill_batch", HK_VALUE_NO_NAME},
        {"refill_batch ", HK_VALUE_NO_NAME},
        {"bin_cap.256", HK_VALUE_NO_NAME},
        {"refill_batch.", HK_VALUE_NO_CLASS},
        {"refill_batch.255", HK_VALUE_NO_CLASS},
        {"refill_batch.256x", HK_VALUE_NO_CLASS},
        {"refill_batch.256.256", HK_VALUE_NO_CLASS},
        {"refill_batch.-16", HK_VALUE_NO_CLASS},
        {"refill_batch.18446744073709551632", HK_VALUE_NO_CLASS}, /* 16 + 2^64 */
    };
    for (unsigned i = 0; i < HK_COUNT_OF(cases); i++) {
        enum hk_value_error error;
        assert_int_equal(find(cases[i].name, &error), -1);
        assert_int_equal(error, cases[i].error);
    }
    enum hk_value_error error;
    assert_int_equal(hk_value_find("refill_batch.16", 15, NULL, 0, &error), -1);
    assert_int_equal(error, HK_VALUE_NO_CLASS);
}

/* Names and values come out of longer strings: what follows them must not be read. */
static void reads_no_further_than_told(void **state)
{
    (void)state;
    enum hk_value_error error;
    uint64_t v;
    assert_int_equal(hk_value_find("bin_cap=64,thp=off", 7, classes, 3, &error), HK_TUNE_bin_cap);
    assert_int_equal(hk_value_parse(&hk_tunables[HK_TUNE_bin_cap], "64,thp", 2, &v), HK_VALUE_OK);
    assert_int_equal(v, 64);
    assert_int_equal(hk_value_parse(&hk_tunables[HK_TUNE_thp], "offset", 3, &v), HK_VALUE_OK);
    assert_int_equal(hk_value_parse(&hk_tunables[HK_TUNE_thp], "off", 2, &v), HK_VALUE_NOT_NUMBER);
    assert_int_equal(hk_value_parse(&hk_tunables[HK_TUNE_retain_bytes], "1k", 1, &v), HK_VALUE_OK);
    assert_int_equal(v, 1);
}

static void every_unit_multiplies(void **state)
{
    (void)state;
    static const struct {
        enum hk_tunable_id id;
        const char *text;
        uint64_t value;
    } cases[] = {
        {HK_TUNE_retain_bytes, "7", 7},
        {HK_TUNE_retain_bytes, "7b", 7},
        {HK_TUNE_retain_bytes, "7B", 7},
        {HK_TUNE_retain_bytes, "7k", 7 * HK_KIB},
        {HK_TUNE_retain_bytes, "7kB", 7 * HK_KIB},
        {HK_TUNE_retain_bytes, "7KiB", 7 * HK_KIB},
        {HK_TUNE_retain_bytes, "7m", 7 * HK_MIB},
        {HK_TUNE_retain_bytes, "7MB", 7 * HK_MIB},
        {HK_TUNE_retain_bytes, "7MiB", 7 * HK_MIB},
        {HK_TUNE_retain_bytes, "7G", 7 * HK_GIB},
        {HK_TUNE_retain_bytes, "7gb", 7 * HK_GIB},
        {HK_TUNE_retain_bytes, "7gib", 7 * HK_GIB},
        {HK_TUNE_soft_limit_bytes, "7t", 7 * HK_TIB},
        {HK_TUNE_soft_limit_bytes, "7TB", 7 * HK_TIB},
        {HK_TUNE_soft_limit_bytes, "7TiB", 7 * HK_TIB},
        {HK_TUNE_retain_percent, "50", 50},
        {HK_TUNE_retain_percent, "50%", 50},
        {HK_TUNE_purge_delay_ms, "250", 250},
        {HK_TUNE_purge_delay_ms, "250ms", 250},
        {HK_TUNE_purge_delay_ms, "2s", 2000},
        {HK_TUNE_purge_delay_ms, "3min", 180000},
        {HK_TUNE_bin_cap, "0064", 64},
        {HK_TUNE_purge_kind, "dontneed", 0},
        {HK_TUNE_purge_kind, "free", 1},
    };
    for (unsigned i = 0; i < HK_COUNT_OF(cases); i++) {
        uint64_t v = 99;
        assert_int_equal(parse(cases[i].id, cases[i].text, &v), HK_VALUE_OK);
        assert_int_equal(v, cases[i].value);
    }
}

static void refuses_what_is_no_value(void **state)
{
    (void)state;
    static const struct {
        enum hk_tunable_id id;
        const char *text;
    } cases[] = {
        {HK_TUNE_retain_bytes, ""},
        {HK_TUNE_retain_bytes, "-1"},
        {HK_TUNE_retain_bytes, "+1"},
        {HK_TUNE_retain_bytes, " 1"},
        {HK_TUNE_retain_bytes, "1 "},
        {HK_TUNE_retain_bytes, "1 MiB"},
        {HK_TUNE_retain_bytes, "MiB"},
        {HK_TUNE_retain_bytes, "1.5m"},
        {HK_TUNE_retain_bytes, "0x10"},
        {HK_TUNE_retain_bytes, "1%"},
        {HK_TUNE_retain_bytes, "1s"},
        {HK_TUNE_retain_bytes, "1mibs"},
        {HK_TUNE_retain_percent, "5m"},
        {HK_TUNE_retain_percent, "5%%"},
        {HK_TUNE_purge_delay_ms, "5k"},
        {HK_TUNE_purge_delay_ms, "5m"},
        {HK_TUNE_bin_cap, "64b"},
        {HK_TUNE_bin_cap, "64blocks"},
        {HK_TUNE_purge_kind, ""},
        {HK_TUNE_purge_kind, "0"},
        {HK_TUNE_purge_kind, "Free"},
        {HK_TUNE_purge_kind, "dontneed,"},
        {HK_TUNE_purge_kind, "dontneed,free"},
    };
    for (unsigned i = 0; i < HK_COUNT_OF(cases); i++) {
        uint64_t v;
        assert_int_equal(parse(cases[i].id, cases[i].text, &v), HK_VALUE_NOT_NUMBER);
    }
}

static const char *number(uint64_t v, char *buf, size_t size)
{
    struct hk_text t = hk_text_in(buf, size);
    hk_text_add_u64(&t, v);
    return buf;
}

static void bounds_hold_for_every_tunable(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_VALUES; i++) {
        const struct hk_tunable_info *info = hk_value_info(i);
        char text[24];
        uint64_t v;
        if (info->type == HK_TYPE_CHOICE)
            continue;
        for (unsigned k = 0; k < 2; k++) {
            uint64_t bound = k == 0 ? info->min : info->max;
            number(bound, text, sizeof text);
            assert_int_equal(hk_value_parse(info, text, strlen(text), &v), HK_VALUE_OK);
            assert_int_equal(v, bound);
        }
        number(info->max + 1, text, sizeof text);
        assert_int_equal(hk_value_parse(info, text, strlen(text), &v), HK_VALUE_RANGE);
        assert_int_equal(v, info->max + 1);
        if (info->min > 0) {
            number(info->min - 1, text, sizeof text);
            assert_int_equal(hk_value_parse(info, text, strlen(text), &v), HK_VALUE_RANGE);
        }
    }
}

/* Neither the digits nor the unit may wrap around to a number in range. */
static void overflow_is_out_of_range(void **state)
{
    (void)state;
    static const char *const texts[] = {"18446744073709551615",    "18446744073709551616",
                                        "18446744073709551617000", "16777216t",
                                        "18014398509481985k",      "99999999999999999999999999999999t"};
    for (unsigned i = 0; i < HK_COUNT_OF(texts); i++) {
        uint64_t v;
        assert_int_equal(parse(HK_TUNE_soft_limit_bytes, texts[i], &v), HK_VALUE_RANGE);
    }
}

static void choices_have_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_TUNABLES; i++) {
        const struct hk_tunable_info *info = &hk_tunables[i];
        char buf[HK_CHOICES_BYTES];
        if (info->type != HK_TYPE_CHOICE) {
            assert_null(hk_value_choice(info, 0, buf, sizeof buf));
            continue;
        }
        for (uint64_t c = 0; c <= info->max; c++) {
            uint64_t v;
            const char *word = hk_value_choice(info, c, buf, sizeof buf);
            assert_non_null(word);
            assert_int_equal(hk_value_parse(info, word, strlen(word), &v), HK_VALUE_OK);
            assert_int_equal(v, c);
        }
        assert_null(hk_value_choice(info, info->max + 1, buf, sizeof buf));
        assert_null(hk_value_choice(info, UINT64_MAX, buf, sizeof buf));
    }
}

static void names_values(void **state)
{
    (void)state;
    char buf[64];
    assert_string_equal(hk_value_name(HK_TUNE_thp, classes, 3, buf, sizeof buf), "thp");
    unsigned index = hk_class_value_index(HK_TUNE_CLASS_refill_batch, 1);
    assert_string_equal(hk_value_name(index, classes, 3, buf, sizeof buf), "refill_batch.256");
    assert_string_equal(hk_value_name(index, classes, 1, buf, sizeof buf), "refill_batch.?");
    assert_string_equal(hk_value_name(index, classes, 3, buf, 8), "refill_");
}

static void suggests_the_nearest_names(void **state)
{
    (void)state;
    static const struct {
        const char *written, *meant;
    } cases[] = {
        {"refil_batch", "refill_batch"},
        {"refill_bacth", "refill_batch"},
        {"bincap", "bin_cap"},
        {"purge_delay", "purge_delay_ms"},
        {"refil_batch.256", "refill_batch"},
        {"tph", "thp"},
        {"retain_byte", "retain_bytes"},
        {"bin-bytes", "bin_bytes"},
        {"refill", "refill_batch"},
        {"retain", "retain_bytes"},
        {"soft", "soft_limit_bytes"},
        {"refill.256", "refill_batch"},
    };
    for (unsigned i = 0; i < HK_COUNT_OF(cases); i++) {
        const char *near[3];
        unsigned n = hk_value_nearest(cases[i].written, strlen(cases[i].written), near, HK_COUNT_OF(near));
        assert_uint_in_range(n, 1, 3);
        assert_string_equal(near[0], cases[i].meant);
        for (unsigned k = 1; k < n; k++)
            assert_string_not_equal(near[k], near[0]);
    }
}

static void suggests_nothing_for_what_is_far(void **state)
{
    (void)state;
    static const char *const far[] = {
        "nope", "",
        "x",    "xyz",
        "thin", /* two slips in four letters */
        "b",    /* the beginning of several */
        "tp",   "frobnicate_the_heap",
        ".16",  "an_extremely_long_name_that_is_longer_than_any_descriptor_can_hold"};
    const char *near[2] = {NULL, NULL};
    for (unsigned i = 0; i < HK_COUNT_OF(far); i++)
        assert_int_equal(hk_value_nearest(far[i], strlen(far[i]), near, HK_COUNT_OF(near)), 0);
    assert_int_equal(hk_value_nearest("refil_batch", 11, near, 0), 0);
}

static void explains_mistakes(void **state)
{
    (void)state;
    char buf[256];
    assert_string_equal(explain(HK_VALUE_NO_NAME, "refil_batch", "1", buf, sizeof buf),
                        "no tunable named 'refil_batch'; nearest: refill_batch");
    assert_string_equal(explain(HK_VALUE_NO_NAME, "frobnicate", "1", buf, sizeof buf),
                        "no tunable named 'frobnicate'");
    assert_string_equal(explain(HK_VALUE_NO_CLASS, "refill_batch.250", "1", buf, sizeof buf),
                        "refill_batch.250: no such size class");
    assert_string_equal(explain(HK_VALUE_RANGE, "bin_cap", "1", buf, sizeof buf),
                        "bin_cap: '1' is out of range, 2..8192 blocks");
    assert_string_equal(explain(HK_VALUE_RANGE, "refill_batch.256", "9999", buf, sizeof buf),
                        "refill_batch.256: '9999' is out of range, 1..4096 blocks");
    assert_string_equal(explain(HK_VALUE_NOT_NUMBER, "retain_percent", "lots", buf, sizeof buf),
                        "retain_percent: 'lots' is not a value, 0%..1000%");
    assert_string_equal(explain(HK_VALUE_NOT_NUMBER, "purge_kind", "never", buf, sizeof buf),
                        "purge_kind: 'never' is not a value, one of dontneed,free");
    /* Ranges are written as they may be typed. */
    assert_string_equal(explain(HK_VALUE_RANGE, "retain_bytes", "2TiB", buf, sizeof buf),
                        "retain_bytes: '2TiB' is out of range, 0..1TiB");
    assert_string_equal(explain(HK_VALUE_RANGE, "bin_bytes", "1", buf, sizeof buf),
                        "bin_bytes: '1' is out of range, 4KiB..16MiB");
    assert_string_equal(explain(HK_VALUE_RANGE, "purge_delay_ms", "61min", buf, sizeof buf),
                        "purge_delay_ms: '61min' is out of range, 0..60min");
    assert_string_equal(explain(HK_VALUE_OK, "bin_cap", "64", buf, sizeof buf), "");
}

/* What a message says of a range is taken at its ends. */
static void bounds_that_are_shown_can_be_typed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_TUNABLES; i++) {
        const struct hk_tunable_info *info = &hk_tunables[i];
        char buf[256];
        uint64_t v;
        if (info->type == HK_TYPE_CHOICE)
            continue;
        explain(HK_VALUE_RANGE, info->name, "x", buf, sizeof buf);
        const char *least = strrchr(buf, ',') + 2, *dots = strstr(least, ".."), *most = dots + 2;
        assert_int_equal(hk_value_parse(info, least, (size_t)(dots - least), &v), HK_VALUE_OK);
        assert_true(v == info->min);
        assert_int_equal(hk_value_parse(info, most, strcspn(most, " "), &v), HK_VALUE_OK);
        assert_true(v == info->max);
    }
}

static void explanations_stay_short(void **state)
{
    (void)state;
    char name[4096], buf[512], tiny[10];
    memset(name, 'n', sizeof name);
    hk_value_explain(HK_VALUE_NO_NAME, name, sizeof name, name, sizeof name, buf, sizeof buf);
    assert_true(strlen(buf) < 256);
    hk_value_explain(HK_VALUE_NOT_NUMBER, "thp", 3, name, sizeof name, buf, sizeof buf);
    assert_true(strlen(buf) < 256);
    assert_non_null(strstr(buf, "one of off,madvise,large"));
    assert_string_equal(explain(HK_VALUE_RANGE, "bin_cap", "1", tiny, sizeof tiny), "bin_cap: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_name),
        cmocka_unit_test(refuses_names_that_are_none),
        cmocka_unit_test(reads_no_further_than_told),
        cmocka_unit_test(every_unit_multiplies),
        cmocka_unit_test(refuses_what_is_no_value),
        cmocka_unit_test(bounds_hold_for_every_tunable),
        cmocka_unit_test(overflow_is_out_of_range),
        cmocka_unit_test(choices_have_words),
        cmocka_unit_test(names_values),
        cmocka_unit_test(suggests_the_nearest_names),
        cmocka_unit_test(suggests_nothing_for_what_is_far),
        cmocka_unit_test(explains_mistakes),
        cmocka_unit_test(bounds_that_are_shown_can_be_typed),
        cmocka_unit_test(explanations_stay_short),
    };
    return cmocka_run_group_tests_name("shm.value", tests, NULL, NULL);
}
