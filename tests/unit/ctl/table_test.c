/* table_test.c - columns: alignment, what goes first where room is short, and no blanks at ends of lines. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/base/terminal_text.h"
#include "ctl/render/table.h"
#include "shm/base.h"

static int setup(void **state)
{
    (void)state;
    hk_terminal_text_init();
    return 0;
}

/* The table as printed, to be freed. */
static char *print(struct hk_table *table, struct hk_table_form form)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    hk_table_print(table, out, &form);
    fclose(out);
    return text;
}

static void expect(struct hk_table *table, struct hk_table_form form, const char *expected)
{
    char *text = print(table, form);
    assert_string_equal(text, expected);
    free(text);
}

static struct hk_table *make(const struct hk_column *columns, unsigned count, const char *const *cells,
                             unsigned cell_count)
{
    struct hk_table *table = hk_table_new(columns, count);
    for (unsigned i = 0; i < cell_count; i++)
        hk_table_cell(table, cells[i]);
    return table;
}

#define MAKE(columns, cells) make(columns, HK_COUNT_OF(columns), cells, HK_COUNT_OF(cells))

static const struct hk_column three[] = {
    {.title = "PID", .align = HK_ALIGN_RIGHT},
    {.title = "COMM", .narrow = 4, .rank = 1},
    {.title = "LIVE", .align = HK_ALIGN_RIGHT, .rank = 2},
};
static const char *const cells[] = {"1", "a", "1.2 MiB", "12345", "server-of-things", "3 B"};

static void aligns_and_leaves_no_blanks_behind(void **state)
{
    (void)state;
    static const struct hk_column columns[] = {
        {.title = "N", .align = HK_ALIGN_RIGHT}, {.title = "NAME"}, {.title = "NOTE"}};
    static const char *const rows[] = {"1", "long name", "", "200", "x", "said"};
    struct hk_table *table = MAKE(columns, rows);
    assert_int_equal(hk_table_rows(table), 2);
    expect(table, (struct hk_table_form){.width = 80},
           "  N  NAME       NOTE\n"
           "  1  long name\n"
           "200  x          said\n");
    expect(table, (struct hk_table_form){.width = 80, .headless = true, .indent = 2},
           "    1  long name\n"
           "  200  x          said\n");
    hk_table_free(table);
}

static void drops_columns_by_rank_then_elides(void **state)
{
    (void)state;
    struct hk_table *table = MAKE(three, cells);
    expect(table, (struct hk_table_form){.width = 80},
           "  PID  COMM                 LIVE\n"
           "    1  a                 1.2 MiB\n"
           "12345  server-of-things      3 B\n");
    /* All three fit, with COMM at its narrowest or a little wider. */
    expect(table, (struct hk_table_form){.width = 22},
           "  PID  COMM       LIVE\n"
           "    1  a       1.2 MiB\n"
           "12345  serve\xe2\x80\xa6      3 B\n");
    /* They do not: LIVE goes, and COMM has its place. */
    expect(table, (struct hk_table_form){.width = 19},
           "  PID  COMM\n"
           "    1  a\n"
           "12345  server-of-t\xe2\x80\xa6\n");
    /* Nothing that may go is left: what has rank 0 stays whole. */
    expect(table, (struct hk_table_form){.width = 3},
           "  PID\n"
           "    1\n"
           "12345\n");
    hk_table_free(table);
}

/* Whatever the width, no line is wider, while there is anything to drop or elide, and none ends in a blank.
 */
static void fits_every_width(void **state)
{
    (void)state;
    struct hk_table *table = MAKE(three, cells);
    for (unsigned width = 5; width < 60; width++) {
        char *text = print(table, (struct hk_table_form){.width = width});
        for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL && rest;) {
            assert_true(hk_terminal_text_width(line) <= width);
            assert_true(line[0] != '\0' && line[strlen(line) - 1] != ' ');
        }
        free(text);
    }
    hk_table_free(table);
}

static void leaves_out_optional_columns_that_say_nothing(void **state)
{
    (void)state;
    static const struct hk_column columns[] = {
        {.title = "A"}, {.title = "B", .optional = true}, {.title = "C"}};
    static const char *const silent[] = {"1", "-", "3", "4", "", "6"};
    static const char *const speaking[] = {"1", "-", "3", "4", "x", "6"};
    struct hk_table *table = MAKE(columns, silent);
    expect(table, (struct hk_table_form){.width = 80}, "A  C\n1  3\n4  6\n");
    hk_table_free(table);
    table = MAKE(columns, speaking);
    expect(table, (struct hk_table_form){.width = 80}, "A  B  C\n1  -  3\n4  x  6\n");
    hk_table_free(table);
}

static void pinches_when_nothing_else_can_go(void **state)
{
    (void)state;
    static const struct hk_column columns[] = {
        {.title = "NAME", .pinch = 4}, {.title = "B", .rank = 1}, {.title = "C"}};
    static const char *const rows[] = {"long-name", "22", "333"};
    struct hk_table *table = MAKE(columns, rows);
    expect(table, (struct hk_table_form){.width = 18}, "NAME       B   C\nlong-name  22  333\n");
    expect(table, (struct hk_table_form){.width = 17}, "NAME       C\nlong-name  333\n");
    expect(table, (struct hk_table_form){.width = 12}, "NAME     C\nlong-n\xe2\x80\xa6  333\n");
    expect(table, (struct hk_table_form){.width = 3}, "NAME  C\nlon\xe2\x80\xa6  333\n");
    hk_table_free(table);
}

static void keeps_a_width_of_its_own(void **state)
{
    (void)state;
    static const struct hk_column columns[] = {{.title = "A", .align = HK_ALIGN_RIGHT, .wide = 5},
                                               {.title = "B"}};
    static const char *const rows[] = {"1", "x"};
    struct hk_table *table = MAKE(columns, rows);
    expect(table, (struct hk_table_form){.width = 80, .headless = true}, "    1  x\n");
    hk_table_free(table);
}

static void colours_only_if_told(void **state)
{
    (void)state;
    static const struct hk_column columns[] = {{.title = "A", .align = HK_ALIGN_RIGHT}};
    struct hk_table *table = hk_table_new(columns, 1);
    hk_table_cell_styled(table, HK_STYLE_BAD, "no");
    expect(table, (struct hk_table_form){.width = 80}, " A\nno\n");
    expect(table, (struct hk_table_form){.width = 80, .color = true},
           " \033[1mA\033[0m\n\033[31mno\033[0m\n");
    hk_table_free(table);
}

static void cleans_what_it_is_given(void **state)
{
    (void)state;
    static const struct hk_column columns[] = {{.title = "A"}};
    static const char *const rows[] = {"\033[2J\n"};
    struct hk_table *table = MAKE(columns, rows);
    expect(table, (struct hk_table_form){.width = 80}, "A\n?[2J?\n");
    hk_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligns_and_leaves_no_blanks_behind),
        cmocka_unit_test(drops_columns_by_rank_then_elides),
        cmocka_unit_test(fits_every_width),
        cmocka_unit_test(leaves_out_optional_columns_that_say_nothing),
        cmocka_unit_test(pinches_when_nothing_else_can_go),
        cmocka_unit_test(keeps_a_width_of_its_own),
        cmocka_unit_test(colours_only_if_told),
        cmocka_unit_test(cleans_what_it_is_given),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
