/* class_table.c - size classes as a table: a column for each member of the daemon's objects; see
 * stats_blocks.h. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/quantity.h"
#include "ctl/render/counter_keys.h"
#include "ctl/render/stats_blocks.h"

#define SIZE_KEY  "size_bytes"
#define COLUMNS   64u
#define NOT_FIRST 10u /* rank of the first of the columns that a narrow page does without */

/* A column: a member of the object, or a figure computed from several. */
struct class_column {
    const char *key; /* NULL: computed */
    double (*compute)(const cJSON *size_class);
    struct hk_quantity_text (*as_text)(double value);
    char title[64];
    unsigned rank;
};

static double live_bytes(const cJSON *c)
{
    return hk_json_get_number(c, SIZE_KEY) * hk_json_get_number(c, HK_KEY_DERIVED_CLASS(live_blocks));
}

static double allocs_per_refill(const cJSON *c)
{
    return hk_stats_allocs_per_refill(c, c);
}

static bool ends_with(const char *key, const char *tail)
{
    size_t len = strlen(key), n = strlen(tail);
    return len > n && strcmp(key + len - n, tail) == 0;
}

/* What a column is about: figures of the moment, rates, totals. */
static unsigned kind_of(const char *key)
{
    return ends_with(key, "_per_s")        ? 1
           : ends_with(key, "_total")      ? 2
           : ends_with(key, "_lag_blocks") ? 3
                                           : 0;
}

static void set_title(struct class_column *column, const char *key, bool rate)
{
    char words[60];
    hk_stats_key_words(key, words, sizeof words);
    if (ends_with(words, " blocks"))
        words[strlen(words) - strlen(" blocks")] = '\0';
    snprintf(column->title, sizeof column->title, "%s%s", words, rate ? "/s" : "");
    for (char *c = column->title; *c; c++)
        *c = (char)toupper((unsigned char)*c);
}

static unsigned add_members(struct class_column *columns, unsigned n, const cJSON *sample, unsigned kind)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, sample)
    {
        if (!cJSON_IsNumber(member) || kind_of(member->string) != kind ||
            strcmp(member->string, SIZE_KEY) == 0 || n >= COLUMNS)
            continue;
        columns[n].key = member->string;
        columns[n].rank = kind < 2 ? 2 + n : NOT_FIRST + n;
        set_title(&columns[n], member->string, kind == 1);
        n++;
    }
    return n;
}

static unsigned plan(struct class_column *columns, const cJSON *sample)
{
    unsigned n = 0;
    columns[n++] = (struct class_column){.key = SIZE_KEY, .as_text = hk_quantity_plain, .title = "SIZE"};
    columns[n++] = (struct class_column){
        .compute = live_bytes, .as_text = hk_quantity_bytes, .title = "LIVE BYTES", .rank = 1};
    n = add_members(columns, n, sample, 0);
    n = add_members(columns, n, sample, 1);
    columns[n++] = (struct class_column){
        .compute = allocs_per_refill, .as_text = hk_quantity_count, .title = "ALLOCS/REFILL", .rank = 2};
    n = add_members(columns, n, sample, 2);
    return add_members(columns, n, sample, 3);
}

static void add_row(struct hk_table *table, const struct class_column *columns, unsigned n, const cJSON *c)
{
    for (unsigned i = 0; i < n; i++) {
        double value = columns[i].key ? hk_json_get_number(c, columns[i].key) : columns[i].compute(c);
        struct hk_quantity_text text = columns[i].as_text ? columns[i].as_text(value)
                                                          : hk_quantity_by_key(columns[i].key, value);
        hk_table_cell(table, text.s);
    }
}

void hk_stats_block_classes(const struct hk_output *out, const cJSON *classes)
{
    struct class_column *columns = hk_need(calloc(COLUMNS + 4, sizeof *columns));
    struct hk_column titles[COLUMNS + 4];
    const cJSON *c;
    if (hk_json_count(classes) == 0) {
        hk_output_line(out, HK_STYLE_PLAIN, "no size class has been used yet");
        free(columns);
        return;
    }
    unsigned n = plan(columns, classes->child);
    for (unsigned i = 0; i < n; i++)
        titles[i] = (struct hk_column){
            .title = columns[i].title, .align = HK_ALIGN_RIGHT, .rank = columns[i].rank};
    struct hk_table *table = hk_table_new(titles, n);
    cJSON_ArrayForEach(c, classes) add_row(table, columns, n, c);
    hk_output_table(out, table, 0);
    free(columns);
}
