/* jsonc_test.c - JSON with comments: what is taken, and that every problem has the right line. */
#include "tests/support/test.h"

#include <string.h>

#include "config/jsonc.h"

static int parse(struct hk_jsonc *doc, const char *text, struct hk_problems *problems)
{
    return hk_jsonc_open(doc, "f", text, strlen(text), problems);
}

static void test_comments(void **state)
{
    static const char *const good[] = {
        "{}",
        "// first\n{}",
        "{} // last",
        "/**/{/* in */}/***/",
        "{\"a//b\": \"/* no */\"}",
        "{\"\\\"//\": 1} // x",
        "\xef\xbb\xbf{}",
        "/* // */ {}",
        "// /*\n{}",
        "[1, /* two */ 2] \n\t\r ",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct hk_problems problems = {0};
        struct hk_jsonc doc;
        if (parse(&doc, good[i], &problems) != 0)
            fail_msg("'%s': %s", good[i], problems.lines[0]);
        assert_int_equal(problems.count, 0);
        hk_jsonc_close(&doc);
    }
}

static void test_problems(void **state)
{
    static const struct {
        const char *text, *problem;
    } rows[] = {
        {"", "f:1:1: not JSON: it ends too early"},
        {"\n\n ", "f:3:2: not JSON: it ends too early"},
        {"{", "f:1:2: not JSON: it ends too early"},
        {"{\n\"a\": }", "f:2:6: not JSON"},
        {"{\n\"a\": 1,\n}", "f:3:1: not JSON"},
        {"{\n a: 1}", "f:2:2: not JSON"},
        {"[{},\n{,}]", "f:2:2: not JSON"},
        {"[{} x]", "f:1:5: not JSON"},
        {"{}\n x", "f:2:2: something follows after the JSON value"},
        {"{} /* a\n */ {}", "f:2:5: something follows after the JSON value"},
        {"\n /* never", "f:2:2: this comment does not end"},
        {"{/*/}", "f:1:2: this comment does not end"},
        {"/", "f:1:1: not JSON"},
        {"'a'", "f:1:1: not JSON"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hk_problems problems = {0};
        struct hk_jsonc doc;
        assert_int_not_equal(parse(&doc, rows[i].text, &problems), 0);
        assert_int_equal(problems.kept, 1);
        assert_string_equal(problems.lines[0], rows[i].problem);
        hk_jsonc_close(&doc);
        hk_problems_clear(&problems);
    }
}

static void test_nul_and_size(void **state)
{
    static char large[HK_JSONC_MAX + 1];
    struct hk_problems problems = {0};
    struct hk_jsonc doc;
    (void)state;
    assert_int_not_equal(hk_jsonc_open(&doc, "f", "{\n\0}", 4, &problems), 0);
    assert_string_equal(problems.lines[0], "f:2:1: a NUL byte: this is not text");
    hk_jsonc_close(&doc);
    memset(large, ' ', sizeof large);
    assert_int_not_equal(hk_jsonc_open(&doc, "f", large, sizeof large, &problems), 0);
    hk_jsonc_close(&doc);
    hk_problems_clear(&problems);
}

/* Each value in the text says the line it stands on. */
static void check_lines(const struct hk_jsonc *doc, const cJSON *item)
{
    for (; item; item = item->next) {
        if (cJSON_IsNumber(item))
            assert_int_equal(hk_jsonc_line(doc, item), item->valueint);
        if (item->child)
            check_lines(doc, item->child);
    }
}

static void test_lines(void **state)
{
    static const char text[] = "/* 1\n"
                               "2 */ {\n"
                               "  \"a\": 3, \"b\": {\"c\": 3,\n"
                               "  \"d\": [4, 4,\n"
                               "  5, {\"e\\\"{,:[\": 6e0}, \"]}\", true,\n"
                               "  null, 6, []], \"x\":\n"
                               "  6},\n"
                               "  // \"none\": 0\n"
                               "  \"f\": {}, \"g\": \"\\\\\", \"h\": 9\n"
                               "}";
    struct hk_problems problems = {0};
    struct hk_jsonc doc;
    (void)state;
    assert_int_equal(parse(&doc, text, &problems), 0);
    cJSON_SetNumberValue(
        cJSON_GetObjectItem(
            cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(doc.root, "b"), "d"), 3), "e\"{,:["),
        5);
    check_lines(&doc, doc.root);
    assert_int_equal(hk_jsonc_line(&doc, doc.root), 2);
    hk_jsonc_problem(&doc, cJSON_GetObjectItem(doc.root, "h"), "h", "is %d", 9);
    hk_jsonc_problem(&doc, doc.root, "", "is wrong");
    assert_string_equal(problems.lines[0], "f:9: h: is 9");
    assert_string_equal(problems.lines[1], "f:2: is wrong");
    hk_jsonc_close(&doc);
    hk_problems_clear(&problems);
}

static void test_problems_are_bounded(void **state)
{
    struct hk_problems problems = {0};
    (void)state;
    for (int i = 0; i < 100; i++)
        hk_problems_add(&problems, "%01000d", i);
    assert_int_equal(problems.count, 100);
    assert_int_equal(problems.kept, HK_PROBLEMS_KEPT);
    assert_int_equal(strlen(problems.lines[0]), HK_PROBLEM_LENGTH - 1);
    hk_problems_clear(&problems);
    assert_int_equal(problems.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comments),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_nul_and_size),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_problems_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
