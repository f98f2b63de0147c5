/* stats_lines.c - a line each time, of a process or the host; see stats_pages.h. */
#include <time.h>

#include "ctl/base/quantity.h"
#include "ctl/render/counter_keys.h"
#include "ctl/render/stats_blocks.h"
#include "ctl/render/stats_pages.h"

enum where { TOP, GAUGE, RATE };

struct field {
    enum where where;
    const char *key;
    const char *title;
    unsigned rank;
    bool of_host; /* else of both */
    bool of_process;
};

static const struct field fields[] = {
    {TOP, "processes", "PROCESSES", 5, true, false},
    {TOP, HK_KEY_DERIVED(threads), "THREADS", 6, true, true},
    {GAUGE, HK_KEY_DERIVED(live_bytes), "LIVE", 0, true, true},
    {GAUGE, HK_KEY_DERIVED(bin_bytes), "IN BINS", 4, true, true},
    {GAUGE, HK_KEY_DERIVED(partial_bytes), "PARTLY", 5, true, true},
    {GAUGE, HK_KEY_PROCESS(retained_bytes), "RETAINED", 3, true, true},
    {GAUGE, HK_KEY_PROCESS(mapped_bytes), "MAPPED", 7, true, true},
    {TOP, "rss_bytes", "RSS", 1, false, true},
    {RATE, "allocs_per_s", "ALLOCS", 0, true, true},
    {RATE, "frees_per_s", "FREES", 2, true, true},
    {RATE, "refills_per_s", "REFILLS", 2, true, true},
};

const char *hk_local_time_text(char *buf, size_t size)
{
    struct tm local;
    time_t now = time(NULL);
    if (!localtime_r(&now, &local) || strftime(buf, size, "%H:%M:%S", &local) == 0)
        snprintf(buf, size, "?");
    return buf;
}

/* Columns keep a width of their own, so that lines printed one by one stay below each other. */
static void print_line(const struct hk_output *out, const cJSON *object, bool host, bool titles)
{
    struct hk_column columns[HK_COUNT_OF(fields) + 2];
    const struct field *shown[HK_COUNT_OF(fields)];
    unsigned n = 0;
    char now[32];
    columns[0] = (struct hk_column){.title = "TIME"};
    for (unsigned i = 0; i < HK_COUNT_OF(fields); i++) {
        const struct field *f = &fields[i];
        if (!(host ? f->of_host : f->of_process))
            continue;
        shown[n++] = f;
        columns[n] = (struct hk_column){
            .title = f->title, .align = HK_ALIGN_RIGHT, .rank = f->rank, .wide = f->where == TOP ? 7 : 8};
    }
    columns[n + 1] = (struct hk_column){.title = "ALLOCS/REFILL", .align = HK_ALIGN_RIGHT, .rank = 8};
    struct hk_table *table = hk_table_new(columns, n + 2);
    const cJSON *totals = hk_json_get_member(object, "totals"), *rates = hk_json_get_member(object, "rates");
    const cJSON *const objects[] = {object, hk_json_get_member(object, "gauges"), rates};
    hk_table_cell(table, hk_local_time_text(now, sizeof now));
    for (unsigned i = 0; i < n; i++)
        hk_table_cell(
            table,
            hk_quantity_by_key(shown[i]->key, hk_json_get_number(objects[shown[i]->where], shown[i]->key)).s);
    hk_table_cell(table, hk_quantity_count(hk_stats_allocs_per_refill(totals, rates)).s);
    if (titles)
        hk_output_table(out, table, 0);
    else
        hk_output_rows(out, table, 0);
}

void hk_stats_line_process(const struct hk_output *out, const cJSON *process, bool titles)
{
    print_line(out, process, false, titles);
}

void hk_stats_line_host(const struct hk_output *out, const cJSON *host, bool titles)
{
    print_line(out, host, true, titles);
}
