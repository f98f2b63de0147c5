/* stats_pages.c - the pages of stats; see stats_pages.h. */
#include "ctl/render/stats_pages.h"

#include <math.h>
#include <string.h>

#include "ctl/base/quantity.h"
#include "ctl/render/counter_keys.h"
#include "ctl/render/process_table.h"
#include "ctl/render/stats_blocks.h"
#include "ctl/render/tunable_table.h"

static void add_fact(struct hk_table *table, const char *name, const char *text)
{
    if (!text || !text[0])
        return;
    hk_table_cell_styled(table, HK_STYLE_DIM, name);
    hk_table_cell(table, text);
}

static void show_identity(const struct hk_output *out, const cJSON *p)
{
    static const struct hk_column columns[] = {{.title = ""}, {.title = "", .narrow = 20}};
    char end[64], user[96], text[640];
    const char *comm = hk_json_get_string(p, "comm"), *exe = hk_json_get_string(p, "exe");
    const char *program = hk_json_get_string(p, "program");
    const char *version = hk_json_get_string(p, "version");
    hk_process_end_text(p, end, sizeof end);
    hk_output_line(out, HK_STYLE_TITLE, "%s, process %s, %s%s", comm ? comm : "?",
                   hk_quantity_plain(hk_json_get_number(p, "pid")).s, end[0] ? "" : "up ",
                   end[0] ? end : hk_quantity_duration(hk_json_get_number(p, "age_s") * 1e3).s);

    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(columns));
    bool link = exe && program && strcmp(exe, program) != 0;
    snprintf(text, sizeof text, "%s%s%s%s",
             link  ? program
             : exe ? exe
                   : "",
             link ? ", a link to " : "", link ? exe : "",
             exe && hk_json_get_true(p, "exe_claimed") ? " (as it says)" : "");
    add_fact(table, "program", text);
    add_fact(table, "unit", hk_json_get_string(p, "unit"));
    add_fact(table, "label", hk_json_get_string(p, "label"));
    snprintf(text, sizeof text, "user %s, parent %s, family %s", hk_process_user_text(p, user, sizeof user),
             hk_quantity_plain(hk_json_get_number(p, "ppid")).s,
             hk_quantity_plain(hk_json_get_number(p, "family")).s);
    add_fact(table, "process", text);
    double threads = hk_json_get_number(p, HK_KEY_DERIVED(threads)), idle = hk_json_get_number(p, "idle_ms");
    snprintf(text, sizeof text, "%s, %s thread%s, generation %s%s%s%s", version ? version : "?",
             hk_quantity_plain(threads).s, threads == 1 ? "" : "s",
             hk_quantity_plain(hk_json_get_number(p, HK_KEY_PROCESS(generation_applied))).s,
             isfinite(idle) ? ", slow path " : "", isfinite(idle) ? hk_quantity_duration(idle).s : "",
             isfinite(idle) ? " ago" : "");
    add_fact(table, "hakmem", text);
    hk_output_rows(out, table, 2);
}

void hk_stats_page_process(const struct hk_output *out, const cJSON *process, const cJSON *tuning)
{
    const cJSON *gauges = hk_json_get_member(process, "gauges"),
                *classes = hk_json_get_member(process, "classes");
    show_identity(out, process);
    hk_output_gap(out);
    hk_stats_block_memory(out, gauges, hk_json_get_number(process, "rss_bytes"));
    hk_stats_block_counters(out, hk_json_get_member(process, "totals"), hk_json_get_member(process, "rates"));
    hk_stats_block_gauges(out, gauges);
    if (tuning) {
        hk_output_gap(out);
        hk_output_line(out, HK_STYLE_TITLE, "Tunables that differ from their defaults");
        hk_tunable_table_show(out, tuning, NULL, 0, true);
    }
    if (classes) {
        hk_output_gap(out);
        hk_stats_block_classes(out, classes);
    }
}

void hk_stats_page_processes(const struct hk_output *out, const cJSON *processes, bool folded)
{
    const cJSON *process;
    hk_process_table_show(out, processes, folded);
    cJSON_ArrayForEach(process, processes)
    {
        const cJSON *classes = hk_json_get_member(process, "classes");
        const char *comm = hk_json_get_string(process, "comm");
        if (!classes)
            continue;
        hk_output_gap(out);
        hk_output_line(out, HK_STYLE_TITLE, "%s, process %s", comm ? comm : "?",
                       hk_quantity_plain(hk_json_get_number(process, "pid")).s);
        hk_stats_block_classes(out, classes);
    }
}

static void show_units(const struct hk_output *out, const cJSON *units)
{
    static const struct hk_column columns[] = {
        {.title = "UNIT", .narrow = 12},
        {.title = "PROCESSES", .align = HK_ALIGN_RIGHT, .rank = 2},
        {.title = "LIVE", .align = HK_ALIGN_RIGHT},
        {.title = "RETAINED", .align = HK_ALIGN_RIGHT, .rank = 1},
        {.title = "MAPPED", .align = HK_ALIGN_RIGHT, .rank = 3},
        {.title = "ALLOCS", .align = HK_ALIGN_RIGHT, .rank = 1},
    };
    static const char *const keys[] = {HK_KEY_DERIVED(live_bytes), HK_KEY_PROCESS(retained_bytes),
                                       HK_KEY_PROCESS(mapped_bytes)};
    const cJSON *unit;
    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(columns));
    cJSON_ArrayForEach(unit, units)
    {
        const char *name = hk_json_get_string(unit, "unit");
        const cJSON *gauges = hk_json_get_member(unit, "gauges");
        hk_table_cell(table, name && name[0] ? name : "-");
        hk_table_cell(table, hk_quantity_plain(hk_json_get_number(unit, "processes")).s);
        for (unsigned i = 0; i < HK_COUNT_OF(keys); i++)
            hk_table_cell(table, hk_quantity_bytes(hk_json_get_number(gauges, keys[i])).s);
        hk_table_cell(
            table, hk_quantity_rate(hk_json_get_number(hk_json_get_member(unit, "rates"), "allocs_per_s")).s);
    }
    hk_output_table(out, table, 0);
}

void hk_stats_page_host(const struct hk_output *out, const cJSON *result, const cJSON *processes, bool folded)
{
    const cJSON *host = hk_json_get_member(result, "host"), *units = hk_json_get_member(result, "units");
    const cJSON *gauges = hk_json_get_member(host, "gauges"), *classes = hk_json_get_member(host, "classes");
    double count = hk_json_get_number(host, "processes"),
           threads = hk_json_get_number(host, HK_KEY_DERIVED(threads));
    hk_output_line(out, HK_STYLE_TITLE, "%s process%s, %s thread%s", hk_quantity_plain(count).s,
                   count == 1 ? "" : "es", hk_quantity_plain(threads).s, threads == 1 ? "" : "s");
    hk_output_gap(out);
    hk_stats_block_memory(out, gauges, NAN);
    hk_stats_block_counters(out, hk_json_get_member(host, "totals"), hk_json_get_member(host, "rates"));
    hk_stats_block_gauges(out, gauges);
    if (classes) {
        hk_output_gap(out);
        hk_stats_block_classes(out, classes);
    }
    if (hk_json_count(units) > 0) {
        hk_output_gap(out);
        show_units(out, units);
    }
    if (hk_json_count(processes) > 0) {
        hk_output_gap(out);
        hk_process_table_show(out, processes, folded);
    }
}
