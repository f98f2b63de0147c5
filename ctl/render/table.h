/*
 * table.h - aligned columns that fit the width there is.
 *
 * A table is filled cell by cell and printed at the end. Where it is too wide, columns are left out, the
 * highest rank first, until the rest fits with its texts elided; then texts are shortened, the longest
 * first, and those that are to stay whole last. Knows no unit, no JSON and no subcommand.
 */
#ifndef HAKMEM_CTL_RENDER_TABLE_H
#define HAKMEM_CTL_RENDER_TABLE_H

#include <stdbool.h>
#include <stdio.h>

enum hk_align { HK_ALIGN_LEFT = 0, HK_ALIGN_RIGHT = 1 };

enum hk_style {
    HK_STYLE_PLAIN = 0,
    HK_STYLE_TITLE,
    HK_STYLE_DIM,
    HK_STYLE_GOOD,
    HK_STYLE_WARN,
    HK_STYLE_BAD
};

struct hk_column {
    const char *title;
    enum hk_align align;
    unsigned rank;   /* 0: never left out */
    unsigned narrow; /* may be elided to this many columns; 0: never */
    unsigned pinch;  /* may be elided to this many once there is no column left to leave out; 0: never */
    bool keep_end;   /* the beginning is what is elided */
    bool optional;   /* left out where no cell says anything ("" and "-") */
    unsigned wide;   /* takes at least this many columns */
};

struct hk_table;

/* columns are copied, titles too. */
struct hk_table *hk_table_new(const struct hk_column *columns, unsigned count);
void hk_table_free(struct hk_table *table);

/* Appends the next cell; rows fill up by themselves. The text is copied and cleaned
 * (ctl/base/terminal_text.h). */
void hk_table_cell(struct hk_table *table, const char *text);
void hk_table_cell_styled(struct hk_table *table, enum hk_style style, const char *text);

/* Rows that are complete. */
unsigned hk_table_rows(const struct hk_table *table);

struct hk_table_form {
    unsigned width; /* of the page, in columns */
    bool color;
    bool headless; /* without the line of titles */
    unsigned indent;
};

/* No line ends in a blank. Write errors are the stream's (ferror). */
void hk_table_print(const struct hk_table *table, FILE *out, const struct hk_table_form *form);

/* The terminal's sequence that begins a style, "" for a plain one; hk_style_end ends all but the plain. */
const char *hk_style_begin(enum hk_style style);
#define hk_style_end "\033[0m"

#endif
