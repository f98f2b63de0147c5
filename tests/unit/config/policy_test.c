/* policy_test.c - which policies match, and which of them wins. */
#include "tests/support/test.h"

#include <string.h>

#include "config/config.h"
#include "config/tunable_json.h"

static const uint32_t classes[] = {16, 32, 64, 128};

static void choose(const char *text, const struct hk_facts *facts, struct hk_policy_choice out[HK_VALUES])
{
    static struct hk_config config; /* out points into it until the next call */
    struct hk_problems problems = {0};
    hk_config_clear(&config);
    hk_config_init(&config);
    hk_config_add_text(&config, "f", text, strlen(text), &problems);
    hk_config_order(&config);
    if (problems.count)
        fail_msg("%s", problems.lines[0]);
    hk_policies_choose(config.policies, config.policy_count, facts, classes, 4, out);
}

static const struct hk_facts facts = {
    .text = {[HK_MATCH_COMM] = "nginx", [HK_MATCH_EXE] = "/usr/sbin/nginx", [HK_MATCH_UNIT] = "web.service"},
    .uid = 33,
};

static void test_matching(void **state)
{
    static const struct {
        const char *match;
        int matches;
    } rows[] = {
        {"{}", 1},
        {"{\"comm\": \"nginx\"}", 1},
        {"{\"comm\": [\"apache\", \"ngin?\"]}", 1},
        {"{\"comm\": \"apache\"}", 0},
        {"{\"comm\": \"nginx\", \"exe\": \"/usr/*\", \"unit\": \"*.service\", \"uid\": 33}", 1},
        {"{\"comm\": \"nginx\", \"exe\": \"/opt/*\"}", 0},
        {"{\"uid\": [0, 33]}", 1},
        {"{\"uid\": [0, 34]}", 0},
        /* What is not known matches nothing. */
        {"{\"label\": \"*\"}", 0},
        {"{\"label\": \"\\\\*\"}", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hk_policy_choice out[HK_VALUES];
        char text[512];
        snprintf(text, sizeof text,
                 "{\"policies\": [{\"name\": \"p\", \"match\": %s, \"tunables\": {\"bin_cap\": 7}}]}",
                 rows[i].match);
        choose(text, &facts, out);
        if ((out[HK_TUNE_bin_cap].policy != NULL) != rows[i].matches)
            fail_msg("%s", rows[i].match);
    }
}

static void test_merging(void **state)
{
    struct hk_policy_choice out[HK_VALUES];
    (void)state;
    choose("{\"policies\": ["
           "{\"name\": \"high\", \"match\": {}, \"priority\": 1, \"tunables\": {\"thp\": \"madvise\"}},"
           "{\"name\": \"first\", \"match\": {}, \"tunables\": {\"bin_cap\": 7, \"retain_percent\": 1}},"
           "{\"name\": \"other\", \"match\": {\"comm\": \"x\"}, \"tunables\": {\"bin_cap\": 8}},"
           "{\"name\": \"second\", \"match\": {}, \"tunables\": {\"bin_cap\": 9, \"thp\": \"off\","
           "\"refill_batch.64\": 5, \"refill_batch.65\": 6}}]}",
           &facts, out);
    assert_int_equal(out[HK_TUNE_bin_cap].value, 9);
    assert_string_equal(out[HK_TUNE_bin_cap].policy->name, "second");
    assert_int_equal(out[HK_TUNE_retain_percent].value, 1);
    assert_int_equal(out[HK_TUNE_thp].value, 1);
    assert_string_equal(out[HK_TUNE_thp].policy->name, "high");
    assert_int_equal(out[hk_class_value_index(HK_TUNE_CLASS_refill_batch, 2)].value, 5);
    unsigned set = 0;
    for (unsigned i = 0; i < HK_VALUES; i++)
        set += out[i].policy != NULL;
    assert_int_equal(set, 4); /* a size that is no class in this library is left out */
}

static void test_values(void **state)
{
    static const struct {
        const char *name, *json, *why; /* why NULL: good */
        uint64_t value;
    } rows[] = {
        {"bin_cap", "64", NULL, 64},
        {"bin_cap", "\"64\"", NULL, 64},
        {"retain_bytes", "\"64MiB\"", NULL, 64 << 20},
        {"retain_bytes", "1099511627776", NULL, UINT64_C(1) << 40},
        {"purge_delay_ms", "\"2s\"", NULL, 2000},
        {"thp", "\"madvise\"", NULL, 1},
        {"refill_batch.12345", "5", NULL, 5},
        {"thp", "1", "thp: '1' is not a value, one of off,madvise,large", 0},
        {"bin_cap", "1", "bin_cap: '1' is out of range, 2..8192 blocks", 0},
        {"bin_cap", "1.5", "bin_cap: '1.5' is not a value, 2..8192 blocks", 0},
        {"bin_cap", "-1", "bin_cap: '-1' is not a value, 2..8192 blocks", 0},
        {"bin_cap", "1e300", "bin_cap: '1e+300' is not a value, 2..8192 blocks", 0},
        {"bin_cap", "true", "bin_cap: a number or a string is wanted", 0},
        {"refill_batch.0", "5", "refill_batch.0: no such size class", 0},
        {"refill_batch.", "5", "refill_batch.: no such size class", 0},
        {"refill_batch.64x", "5", "refill_batch.64x: no such size class", 0},
        {"refill_batch.99999999999999999999", "5", "refill_batch.99999999999999999999: no such size class",
         0},
        {"bin_cpa", "5", "no tunable named 'bin_cpa'; nearest: bin_cap", 0},
        {"bin_cap.64", "5", "no tunable named 'bin_cap.64'; nearest: bin_cap", 0},
        {"", "5", "no tunable named ''", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char why[HK_TUNABLE_WHY_BYTES] = "";
        uint64_t value = 0;
        cJSON *item = cJSON_Parse(rows[i].json);
        bool good = hk_tunable_from_json(rows[i].name, item, &value, why, sizeof why);
        cJSON_Delete(item);
        assert_int_equal(good, rows[i].why == NULL);
        if (good)
            assert_int_equal(value, rows[i].value);
        else
            assert_string_equal(why, rows[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_merging),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
