/* table.c - see table.h. */
#include "ctl/render/table.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/terminal_text.h"

#define GAP 2u /* blanks between columns */

struct cell {
    char *text;
    unsigned width;
    enum hk_style style;
};

struct column {
    struct hk_column spec; /* title owned */
    unsigned natural;      /* width of the widest cell or title */
    bool has_text;         /* some cell says something */
};

struct hk_table {
    struct column *columns;
    unsigned column_count;
    struct cell *cells;
    size_t cell_count, cell_capacity;
};

/* What printing decides: the width of each column, 0 for one that is left out. */
struct layout {
    unsigned *widths;
    unsigned total;
};

const char *hk_style_begin(enum hk_style style)
{
    static const char *const sequences[] = {"", "\033[1m", "\033[2m", "\033[32m", "\033[33m", "\033[31m"};
    return sequences[style];
}

struct hk_table *hk_table_new(const struct hk_column *columns, unsigned count)
{
    struct hk_table *t = hk_need(calloc(1, sizeof *t));
    t->columns = hk_need(calloc(count, sizeof *t->columns));
    t->column_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct column *c = &t->columns[i];
        c->spec = columns[i];
        c->spec.title = hk_terminal_text_clean(columns[i].title);
        c->natural = hk_terminal_text_width(c->spec.title);
        if (c->natural < columns[i].wide)
            c->natural = columns[i].wide;
    }
    return t;
}

void hk_table_free(struct hk_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i].text);
    for (unsigned i = 0; i < table->column_count; i++)
        free((void *)(uintptr_t)table->columns[i].spec.title);
    free(table->cells);
    free(table->columns);
    free(table);
}

void hk_table_cell_styled(struct hk_table *table, enum hk_style style, const char *text)
{
    table->cells = hk_grow(table->cells, table->cell_count, &table->cell_capacity, sizeof *table->cells);
    struct column *column = &table->columns[table->cell_count % table->column_count];
    struct cell *cell = &table->cells[table->cell_count++];
    cell->text = hk_terminal_text_clean(text);
    cell->width = hk_terminal_text_width(cell->text);
    cell->style = style;
    if (column->natural < cell->width)
        column->natural = cell->width;
    column->has_text |= cell->text[0] != '\0' && strcmp(cell->text, "-") != 0;
}

void hk_table_cell(struct hk_table *table, const char *text)
{
    hk_table_cell_styled(table, HK_STYLE_PLAIN, text);
}

unsigned hk_table_rows(const struct hk_table *table)
{
    return (unsigned)(table->cell_count / table->column_count);
}

/* ---- layout ---- */

static unsigned least_width(const struct column *c)
{
    return c->spec.narrow && c->spec.narrow < c->natural ? c->spec.narrow : c->natural;
}

/* What stays whole as long as something else can go is cut now, the widest first. */
static void pinch(const struct hk_table *t, struct layout *layout, unsigned width)
{
    while (layout->total > width) {
        unsigned widest = t->column_count;
        for (unsigned i = 0; i < t->column_count; i++) {
            unsigned least = t->columns[i].spec.pinch;
            bool can = least > 0 && layout->widths[i] > least;
            if (can && (widest == t->column_count || layout->widths[i] > layout->widths[widest]))
                widest = i;
        }
        if (widest == t->column_count)
            return;
        layout->widths[widest]--;
        layout->total--;
    }
}

static void sum_up(struct layout *layout, unsigned count)
{
    layout->total = 0;
    for (unsigned i = 0; i < count; i++) {
        if (layout->widths[i] > 0)
            layout->total += layout->widths[i] + (layout->total ? GAP : 0);
    }
}

/* Leaves out the shown column of the highest rank, the rightmost of them. False if none may go. */
static bool drop_one(const struct hk_table *t, struct layout *layout)
{
    unsigned worst = t->column_count;
    for (unsigned i = 0; i < t->column_count; i++) {
        unsigned rank = t->columns[i].spec.rank;
        if (layout->widths[i] > 0 && rank > 0 &&
            (worst == t->column_count || rank >= t->columns[worst].spec.rank))
            worst = i;
    }
    if (worst == t->column_count)
        return false;
    layout->widths[worst] = 0;
    sum_up(layout, t->column_count);
    return true;
}

/* Gives columns back what their texts want, while there is room: the one furthest from it last. */
static void widen(const struct hk_table *t, struct layout *layout, unsigned width)
{
    while (layout->total < width) {
        unsigned next = t->column_count, shortest = UINT32_MAX;
        for (unsigned i = 0; i < t->column_count; i++) {
            bool wants = layout->widths[i] > 0 && layout->widths[i] < t->columns[i].natural;
            if (wants && layout->widths[i] < shortest) {
                next = i;
                shortest = layout->widths[i];
            }
        }
        if (next == t->column_count)
            return;
        layout->widths[next]++;
        layout->total++;
    }
}

static struct layout make_layout(const struct hk_table *t, unsigned width)
{
    struct layout layout = {.widths = hk_need(calloc(t->column_count, sizeof *layout.widths)), .total = 0};
    for (unsigned i = 0; i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        layout.widths[i] = c->spec.optional && !c->has_text ? 0 : least_width(c);
    }
    sum_up(&layout, t->column_count);
    while (layout.total > width && drop_one(t, &layout))
        ;
    pinch(t, &layout, width);
    widen(t, &layout, width);
    return layout;
}

/* ---- printing ---- */

static void print_blanks(FILE *out, unsigned n)
{
    for (; n > 0; n--)
        fputc(' ', out);
}

static void print_text(FILE *out, const char *text, enum hk_style style, bool color)
{
    bool styled = color && style != HK_STYLE_PLAIN && text[0] != '\0';
    fprintf(out, "%s%s%s", styled ? hk_style_begin(style) : "", text, styled ? hk_style_end : "");
}

/* Blanks are owed rather than printed, so that none end a line. */
static unsigned print_cell(FILE *out, const struct cell *cell, const struct hk_column *spec, unsigned width,
                           unsigned pending, bool color)
{
    char *cut = hk_terminal_text_elide(cell->text, width, spec->keep_end);
    unsigned taken = hk_terminal_text_width(cut);
    unsigned before = spec->align == HK_ALIGN_RIGHT ? width - taken : 0;
    unsigned after = width - taken - before;
    if (taken == 0) {
        free(cut);
        return pending + width;
    }
    print_blanks(out, pending + before);
    print_text(out, cut, cell->style, color);
    free(cut);
    return after;
}

static void print_row(const struct hk_table *t, FILE *out, const struct layout *layout,
                      const struct cell *row, const struct hk_table_form *form)
{
    unsigned pending = form->indent;
    bool first = true;
    for (unsigned i = 0; i < t->column_count; i++) {
        if (layout->widths[i] == 0)
            continue;
        pending += first ? 0 : GAP;
        first = false;
        pending = print_cell(out, &row[i], &t->columns[i].spec, layout->widths[i], pending, form->color);
    }
    fputc('\n', out);
}

static void print_titles(const struct hk_table *t, FILE *out, const struct layout *layout,
                         const struct hk_table_form *form)
{
    struct cell *titles = hk_need(calloc(t->column_count, sizeof *titles));
    for (unsigned i = 0; i < t->column_count; i++) {
        char *title = (char *)(uintptr_t)t->columns[i].spec.title;
        titles[i] = (struct cell){
            .text = title, .width = hk_terminal_text_width(title), .style = HK_STYLE_TITLE};
    }
    print_row(t, out, layout, titles, form);
    free(titles);
}

void hk_table_print(const struct hk_table *table, FILE *out, const struct hk_table_form *form)
{
    unsigned width = form->width > form->indent ? form->width - form->indent : 0;
    struct layout layout = make_layout(table, width);
    if (!form->headless)
        print_titles(table, out, &layout, form);
    for (unsigned i = 0; i < hk_table_rows(table); i++)
        print_row(table, out, &layout, &table->cells[(size_t)i * table->column_count], form);
    free(layout.widths);
}
