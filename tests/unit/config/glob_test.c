/* glob_test.c - shell patterns: what matches, what is malformed, and that no pattern takes long. */
#include "tests/support/test.h"

#include <string.h>

#include "config/glob.h"

static void test_matches(void **state)
{
    static const struct {
        const char *pattern, *text;
        int matches;
    } rows[] = {
        {"", "", 1},
        {"", "a", 0},
        {"a", "", 0},
        {"a", "a", 1},
        {"a", "ab", 0},
        {"*", "", 1},
        {"*", "anything/at all", 1},
        {"**", "x", 1},
        {"a*", "a", 1},
        {"a*c", "abbbc", 1},
        {"a*c", "abbbcd", 0},
        {"*.service", "nginx.service", 1},
        {"*a*b*c*", "xxaxxbxxcxx", 1},
        {"*a*b*c*", "xxaxxcxxbxx", 0},
        {"?", "a", 1},
        {"?", "", 0},
        {"a?c", "abc", 1},
        {"[abc]", "b", 1},
        {"[abc]", "d", 0},
        {"[a-f]x", "dx", 1},
        {"[a-f]x", "gx", 0},
        {"[!a-f]", "g", 1},
        {"[!a-f]", "c", 0},
        {"[^a]", "b", 1},
        {"[]]", "]", 1},
        {"[!]]", "]", 0},
        {"[a-]", "-", 1},
        {"[-a]", "-", 1},
        {"[a-c-e]", "d", 0},
        {"\\*", "*", 1},
        {"\\*", "a", 0},
        {"\\[a]", "[a]", 1},
        {"[\\]", "\\", 1},
        {"*[0-9]", "web-7", 1},
        {"/usr/*/redis", "/usr/local/bin/redis", 1},
        {"A", "a", 0},
        {"\xc3\xa4*", "\xc3\xa4x", 1},
        {"[", "[", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (hk_glob_match(rows[i].pattern, rows[i].text) != rows[i].matches)
            fail_msg("'%s' against '%s'", rows[i].pattern, rows[i].text);
    }
}

static void test_problems(void **state)
{
    static const char *const good[] = {"", "*", "[a]", "[]]", "[!]a]", "\\[", "\\\\", "a\\\\[b]", "x[a-z]?*"};
    static const char *const bad[] = {"[", "[a", "a[", "[]", "[!]", "\\", "a\\", "\\\\["};
    char text[HK_GLOB_MAX + 2];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_null(hk_glob_problem(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (!hk_glob_problem(bad[i]))
            fail_msg("'%s' is taken to be well formed", bad[i]);
    }
    memset(text, 'a', sizeof text);
    text[HK_GLOB_MAX] = '\0';
    assert_null(hk_glob_problem(text));
    text[HK_GLOB_MAX] = 'a';
    text[HK_GLOB_MAX + 1] = '\0';
    assert_non_null(hk_glob_problem(text));
}

/* The pattern that takes others exponential time; here it would be seen as a hang. */
static void test_no_pattern_takes_long(void **state)
{
    char pattern[HK_GLOB_MAX + 1], text[4096];
    (void)state;
    for (size_t i = 0; i + 1 < HK_GLOB_MAX; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[HK_GLOB_MAX - 1] = 'b';
    pattern[HK_GLOB_MAX] = '\0';
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 1000; i++)
        assert_false(hk_glob_match(pattern, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_no_pattern_takes_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
