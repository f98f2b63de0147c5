/* terminal_text_test.c - text on a terminal: its width, its cuts, and what is not let through. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/base/terminal_text.h"
#include "shm/base.h"

static int setup(void **state)
{
    (void)state;
    hk_terminal_text_init();
    return 0;
}

static void expect_clean(const char *text, const char *expected)
{
    char *clean = hk_terminal_text_clean(text);
    assert_string_equal(clean, expected);
    free(clean);
}

static void lets_nothing_steer_the_terminal(void **state)
{
    /* Not as a literal: it would turn this text, too. */
    static const char override[] = {'a', (char)0xe2, (char)0x80, (char)0xae, 'b', '\0'};
    (void)state;
    expect_clean("plain text", "plain text");
    expect_clean("\033[31mred\033[0m", "?[31mred?[0m");
    expect_clean("a\nb\tc\rd\x7f", "a?b?c?d?");
    expect_clean("\302\23331m", "?31m"); /* CSI as one character */
    expect_clean(override, "a?b");
    expect_clean("\xff\xc3z", "??z"); /* not UTF-8 */
    expect_clean("caf\xc3\xa9 \xe6\xbc\xa2", "caf\xc3\xa9 \xe6\xbc\xa2");
    expect_clean("", "");
    expect_clean(NULL, "");
}

static void counts_columns_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(hk_terminal_text_width(""), 0);
    assert_int_equal(hk_terminal_text_width("abc"), 3);
    assert_int_equal(hk_terminal_text_width("caf\xc3\xa9"), 4);
    assert_int_equal(hk_terminal_text_width("\xe6\xbc\xa2"), 2); /* takes two */
    assert_int_equal(hk_terminal_text_width("e\xcc\x81"), 1);    /* a combining accent */
}

static void cuts_with_an_ellipsis(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned width;
        const char *cut;
        bool keep_end;
    } cases[] = {
        {"abcdef", 6, "abcdef", false},
        {"abcdef", 5, "abcd\xe2\x80\xa6", false},
        {"abcdef", 1, "\xe2\x80\xa6", false},
        {"abcdef", 0, "", false},
        {"\xe6\xbc\xa2\xe5\xad\x97", 3, "\xe6\xbc\xa2\xe2\x80\xa6", false},
        {"\xe6\xbc\xa2\xe5\xad\x97", 2, "\xe2\x80\xa6", false}, /* half of a wide one is not shown */
        {"abcdef", 6, "abcdef", true},
        {"abcdef", 4, "\342\200\246def", true},
        {"abcdef", 0, "", true},
        {"\xe6\xbc\xa2\xe5\xad\x97", 2, "\xe2\x80\xa6", true},
    };
    for (unsigned i = 0; i < HK_COUNT_OF(cases); i++) {
        char *cut = hk_terminal_text_elide(cases[i].text, cases[i].width, cases[i].keep_end);
        assert_string_equal(cut, cases[i].cut);
        assert_true(hk_terminal_text_width(cut) <= cases[i].width);
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lets_nothing_steer_the_terminal),
        cmocka_unit_test(counts_columns_not_bytes),
        cmocka_unit_test(cuts_with_an_ellipsis),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
