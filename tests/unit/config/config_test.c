/* config_test.c - the configuration: defaults, bounds, merging, printing, and that its manual is whole. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

static void load(struct hk_config *config, const char *text, struct hk_problems *problems)
{
    hk_config_add_text(config, "f", text, strlen(text), problems);
    hk_config_order(config);
}

/* Every row of the table: its default is in its bounds, both bounds are taken, what is beyond is not. */
static void test_every_number(void **state)
{
    static const struct {
        const char *name;
        int limit;
        uint32_t min, max, dflt;
    } rows[] = {
#define HK_SETTING(name, min, max, dflt, help) {#name, 0, min, max, dflt},
#define HK_LIMIT(name, min, max, dflt, help)   {#name, 1, min, max, dflt},
#include "config/config_keys.def"
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[128], number[32];
        double values[] = {rows[i].min, rows[i].max, (double)rows[i].min - 1, (double)rows[i].max + 1,
                           rows[i].min + 0.5};
        assert_true(rows[i].dflt >= rows[i].min && rows[i].dflt <= rows[i].max);
        for (int k = 0; k < 5; k++) {
            struct hk_problems problems = {0};
            struct hk_config config;
            hk_config_init(&config);
            snprintf(number, sizeof number, "%.15g", values[k]);
            snprintf(text, sizeof text, "{%s\"%s\": %s%s}", rows[i].limit ? "\"limits\": {" : "",
                     rows[i].name, number, rows[i].limit ? "}" : "");
            load(&config, text, &problems);
            if ((problems.count == 0) != (k < 2))
                fail_msg("%s: %u problems", text, problems.count);
            hk_problems_clear(&problems);
            hk_config_clear(&config);
        }
        snprintf(text, sizeof text, "%s%s", rows[i].limit ? "limits." : "", rows[i].name);
        uint32_t min, max;
        assert_true(hk_config_bounds(text, &min, &max));
        assert_true(min == rows[i].min && max == rows[i].max);
    }
}

static void test_later_files_win(void **state)
{
    struct hk_problems problems = {0};
    struct hk_config config;
    (void)state;
    hk_config_init(&config);
    load(&config,
         "{\"interval_ms\": 100, \"dead_keep_s\": 7, \"policies\": ["
         "{\"name\": \"a\", \"match\": {}, \"tunables\": {\"bin_cap\": 10}},"
         "{\"name\": \"b\", \"match\": {}, \"tunables\": {\"bin_cap\": 11}, \"priority\": 5},"
         "{\"name\": \"c\", \"match\": {}, \"tunables\": {\"bin_cap\": 12}}]}",
         &problems);
    load(&config,
         "{\"interval_ms\": 200, \"policies\": ["
         "{\"name\": \"a\", \"match\": {\"comm\": \"x\"}, \"tunables\": {\"bin_cap\": 13}},"
         "{\"name\": \"d\", \"match\": {}, \"tunables\": {\"bin_cap\": 14}, \"priority\": -1}]}",
         &problems);
    assert_int_equal(problems.count, 0);
    assert_int_equal(config.interval_ms, 200);
    assert_int_equal(config.dead_keep_s, 7);
    assert_int_equal(config.policy_count, 4);
    static const char *const order[] = {"d", "c", "a", "b"};
    for (unsigned i = 0; i < 4; i++)
        assert_string_equal(config.policies[i].name, order[i]);
    assert_int_equal(config.policies[2].match.glob_count[HK_MATCH_COMM], 1);
    hk_config_clear(&config);
}

static void test_slips(void **state)
{
    static const struct {
        const char *text, *problem;
    } rows[] = {
        {"[]", "f:1: an object is wanted"},
        {"{\"interval_ms\": \"1s\"}", "f:1: interval_ms: a number is wanted"},
        {"{\"interval_ms\": 1e400}", "f:1: interval_ms: inf is out of range, 20..60000"},
        {"{\"interval_ms\": 50,\n\"interval_ms\": 60}", "f:2: interval_ms: given twice"},
        {"{\"limits\": {\"clients\": 5, \"clients\": 6}}", "f:1: limits.clients: given twice"},
        {"{\"limits\": 5}", "f:1: limits: an object is wanted"},
        {"{\"Interval_ms\": 50}", "f:1: Interval_ms: no such key; nearest: interval_ms"},
        {"{\"qqqqqqqqqq\": 50}", "f:1: qqqqqqqqqq: no such key"},
        {"{\"admin_group\": 5}", "f:1: admin_group: a group's name, or null, is wanted"},
        {"{\"policies\": {}}", "f:1: policies: an array is wanted"},
        {"{\"policies\": [{\"name\": \"a\", \"match\": {}, \"tunables\": {\"thp\": \"off\"}},\n"
         "{\"name\": \"a\", \"match\": {}, \"tunables\": {\"thp\": \"off\"}}]}",
         "f:2: policies[1]: two policies named 'a' in one file"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hk_problems problems = {0};
        struct hk_config config;
        hk_config_init(&config);
        load(&config, rows[i].text, &problems);
        assert_int_equal(problems.count, 1);
        assert_string_equal(problems.lines[0], rows[i].problem);
        hk_problems_clear(&problems);
        hk_config_clear(&config);
    }
}

/* Printed, read and printed again it is the same. */
static void test_print(void **state)
{
    static const char text[] =
        "{\"admin_group\": \"g\\u00e4\", \"log_level\": \"warn\", \"limits\": {\"dead\": 0}, \"policies\": [{"
        "\"name\": \"a \\\"quoted\\\"\", \"priority\": 3,"
        "\"match\": {\"comm\": \"a*\", \"exe\": [\"/b\", \"/c\"], \"unit\": \"d\", \"label\": \"e\", \"uid\": 5},"
        "\"tunables\": {\"purge_kind\": \"free\", \"retain_bytes\": \"2gib\", \"refill_batch.48\": 5}}]}";
    char *printed[2] = {NULL, NULL};
    size_t size;
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct hk_problems problems = {0};
        struct hk_config config;
        FILE *out = open_memstream(&printed[i], &size);
        hk_config_init(&config);
        load(&config, i == 0 ? text : printed[0], &problems);
        assert_int_equal(problems.count, 0);
        assert_int_equal(hk_config_print(&config, out), 0);
        fclose(out);
        hk_config_clear(&config);
    }
    assert_string_equal(printed[0], printed[1]);
    assert_non_null(strstr(printed[0], "\"purge_kind\":\t\"free\""));
    free(printed[0]);
    free(printed[1]);
}

static void test_policies_are_bounded(void **state)
{
    struct hk_problems problems = {0};
    struct hk_config config;
    char *text = malloc(HK_POLICIES_MAX * 100);
    char *p = text + sprintf(text, "{\"policies\": [");
    (void)state;
    for (int i = 0; i <= HK_POLICIES_MAX; i++)
        p += sprintf(p, "%s{\"name\": \"p%d\", \"match\": {}, \"tunables\": {\"bin_cap\": 2}}", i ? "," : "",
                     i);
    sprintf(p, "]}");
    hk_config_init(&config);
    load(&config, text, &problems);
    assert_int_equal(config.policy_count, HK_POLICIES_MAX);
    assert_int_equal(problems.count, 1);
    hk_problems_clear(&problems);
    hk_config_clear(&config);
    free(text);
}

/* docs/configuration.md has a row for every number, with its default and bounds. */
static void test_manual(void **state)
{
    static char manual[1 << 16];
    const char *source = getenv("HAKMEM_SOURCE");
    char path[1024];
    (void)state;
    snprintf(path, sizeof path, "%s/docs/configuration.md", source ? source : "../../..");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(manual, 1, sizeof manual - 1, file);
    fclose(file);
    manual[n] = '\0';
#define ROW(prefix, name, min, max, dflt, help)                                                              \
    do {                                                                                                     \
        char row[256];                                                                                       \
        snprintf(row, sizeof row, "| `" prefix #name "` | %u | %u..%u | %s |", dflt, min, max, help);        \
        if (!strstr(manual, row))                                                                            \
            fail_msg("docs/configuration.md lacks this row:\n%s", row);                                      \
    } while (0);
#define HK_SETTING(name, min, max, dflt, help) ROW("", name, min, max, dflt, help)
#define HK_LIMIT(name, min, max, dflt, help)   ROW("limits.", name, min, max, dflt, help)
#include "config/config_keys.def"
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_number),
        cmocka_unit_test(test_later_files_win),
        cmocka_unit_test(test_slips),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_policies_are_bounded),
        cmocka_unit_test(test_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
