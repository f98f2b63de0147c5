/* stats_blocks.c - see stats_blocks.h. */
#include "ctl/render/stats_blocks.h"

#include <math.h>
#include <string.h>

#include "ctl/base/quantity.h"
#include "ctl/render/counter_keys.h"
#include "shm/schema.h"

#define INDENT 2

static bool ends_with(const char *key, const char *tail)
{
    size_t len = strlen(key), n = strlen(tail);
    return len >= n && strcmp(key + len - n, tail) == 0;
}

const char *hk_stats_key_words(const char *key, char *buf, size_t size)
{
    static const char *const tails[] = {"_total", "_per_s"};
    snprintf(buf, size, "%s", key);
    for (unsigned i = 0; i < HK_COUNT_OF(tails); i++) {
        if (ends_with(buf, tails[i]) && strlen(buf) > strlen(tails[i]))
            buf[strlen(buf) - strlen(tails[i])] = '\0';
    }
    for (char *c = buf; *c; c++) {
        if (*c == '_')
            *c = ' ';
    }
    return buf;
}

/* ---- memory ---- */

static const struct {
    const char *key, *name, *meaning;
} parts[] = {
    {HK_KEY_DERIVED(live_bytes), "live", "in the program's hands"},
    {HK_KEY_DERIVED(bin_bytes), "in bins", "ready for the next malloc"},
    {HK_KEY_DERIVED(partial_bytes), "partly used slabs", "free blocks beside live ones"},
    {HK_KEY_PROCESS(retained_bytes), "retained", "free, kept for reuse"},
};

static void add_part(struct hk_table *table, const char *sign, const char *name, double bytes, unsigned scale,
                     const char *meaning)
{
    hk_table_cell(table, sign);
    hk_table_cell(table, name);
    hk_table_cell(table, hk_quantity_bytes_at(bytes, scale).s);
    hk_table_cell_styled(table, HK_STYLE_DIM, meaning);
}

void hk_stats_block_memory(const struct hk_output *out, const cJSON *gauges, double rss_bytes)
{
    static const struct hk_column columns[] = {{.title = ""},
                                               {.title = ""},
                                               {.title = "", .align = HK_ALIGN_RIGHT},
                                               {.title = "", .rank = 1, .narrow = 24}};
    double mapped = hk_json_get_number(gauges, HK_KEY_PROCESS(mapped_bytes)), sum = 0;
    double budget = hk_json_get_number(gauges, HK_KEY_PROCESS(retain_budget_bytes));
    unsigned scale = hk_quantity_byte_scale(fmax(mapped, rss_bytes));
    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(columns));
    for (unsigned i = 0; i < HK_COUNT_OF(parts); i++) {
        double bytes = hk_json_get_number(gauges, parts[i].key);
        char meaning[96];
        bool has_budget = strcmp(parts[i].key, HK_KEY_PROCESS(retained_bytes)) == 0 && isfinite(budget);
        snprintf(meaning, sizeof meaning, has_budget ? "%s (at most %s)" : "%s", parts[i].meaning,
                 hk_quantity_bytes(budget).s);
        add_part(table, i ? "+" : "", parts[i].name, bytes, scale, meaning);
        sum += isfinite(bytes) ? bytes : 0;
    }
    /* The parts are read while they move: together they may be a little more than what is mapped. */
    if (isfinite(mapped) && mapped >= sum)
        add_part(table, "+", "given back, unused", mapped - sum, scale,
                 "addresses without memory behind them");
    add_part(table, "=", "mapped", isfinite(mapped) && mapped >= sum ? mapped : sum, scale, "by hakmem");
    if (isfinite(rss_bytes))
        add_part(table, "", "resident (RSS)", rss_bytes, scale, "all of the process, code and stacks too");
    hk_output_line(out, HK_STYLE_TITLE, "Memory");
    hk_output_rows(out, table, INDENT);
}

/* ---- counters and gauges ---- */

static const struct hk_counter_info *find_info(const char *name)
{
    static const struct {
        const struct hk_counter_info *list;
        unsigned count;
    } lists[] = {{hk_class_counters, HK_CLASS_COUNTERS},
                 {hk_heap_counters, HK_HEAP_COUNTERS},
                 {hk_process_counters, HK_PROCESS_COUNTERS}};
    for (unsigned l = 0; l < HK_COUNT_OF(lists); l++) {
        for (unsigned i = 0; i < lists[l].count; i++) {
            if (strcmp(lists[l].list[i].name, name) == 0)
                return &lists[l].list[i];
        }
    }
    for (unsigned i = 0; i < hk_derived_counter_count; i++) {
        if (strcmp(hk_derived_counters[i].name, name) == 0)
            return &hk_derived_counters[i];
    }
    return NULL;
}

static const char *meaning_of(const char *key)
{
    const struct hk_counter_info *info = find_info(key);
    return info ? info->help : "";
}

/* The rate of a counter: its name with _per_s in place of _total. */
static double rate_of(const cJSON *rates, const char *counter, char *key, size_t size)
{
    size_t stem = strlen(counter) - (ends_with(counter, "_total") ? strlen("_total") : 0);
    snprintf(key, size, "%.*s_per_s", (int)stem, counter);
    return hk_json_get_number(rates, key);
}

void hk_stats_block_counters(const struct hk_output *out, const cJSON *totals, const cJSON *rates)
{
    static const struct hk_column columns[] = {
        {.title = "Counters"},
        {.title = "now", .align = HK_ALIGN_RIGHT, .wide = 11},
        {.title = "since start", .align = HK_ALIGN_RIGHT, .wide = 11},
        {.title = "", .rank = 1, .narrow = 40},
    };
    char words[96], key[96];
    const cJSON *total;
    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(columns));
    cJSON_ArrayForEach(total, totals)
    {
        if (!cJSON_IsNumber(total) || total->valuedouble == 0)
            continue;
        double rate = rate_of(rates, total->string, key, sizeof key);
        char indented[128];
        snprintf(indented, sizeof indented, "  %s", hk_stats_key_words(total->string, words, sizeof words));
        hk_table_cell(table, indented);
        hk_table_cell(table, hk_quantity_by_key(key, rate).s);
        hk_table_cell(table, hk_quantity_by_key(total->string, total->valuedouble).s);
        hk_table_cell_styled(table, HK_STYLE_DIM, meaning_of(total->string));
    }
    if (hk_table_rows(table) == 0) {
        hk_table_free(table);
        return;
    }
    hk_output_gap(out);
    hk_output_table(out, table, 0);
    double served = hk_stats_allocs_per_refill(totals, rates);
    if (isfinite(served))
        hk_output_line(out, HK_STYLE_PLAIN, "  1 refill for %s allocations", hk_quantity_count(served).s);
}

/* Whether the sum above shows it, or it says nothing to people. */
static bool is_shown_elsewhere(const char *key)
{
    const struct hk_counter_info *info = find_info(key);
    for (unsigned i = 0; i < HK_COUNT_OF(parts); i++) {
        if (strcmp(parts[i].key, key) == 0)
            return true;
    }
    return strcmp(key, HK_KEY_PROCESS(mapped_bytes)) == 0 ||
           strcmp(key, HK_KEY_PROCESS(retain_budget_bytes)) == 0 ||
           (info && info->unit == HK_UNIT_NANOSECONDS);
}

void hk_stats_block_gauges(const struct hk_output *out, const cJSON *gauges)
{
    static const struct hk_column columns[] = {
        {.title = "Gauges"},
        {.title = "now", .align = HK_ALIGN_RIGHT, .wide = 11},
        {.title = "", .rank = 1, .narrow = 40},
    };
    const cJSON *gauge;
    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(columns));
    cJSON_ArrayForEach(gauge, gauges)
    {
        char words[96], indented[128];
        if (!cJSON_IsNumber(gauge) || gauge->valuedouble == 0 || is_shown_elsewhere(gauge->string))
            continue;
        snprintf(indented, sizeof indented, "  %s", hk_stats_key_words(gauge->string, words, sizeof words));
        hk_table_cell(table, indented);
        hk_table_cell(table, hk_quantity_by_key(gauge->string, gauge->valuedouble).s);
        hk_table_cell_styled(table, HK_STYLE_DIM, meaning_of(gauge->string));
    }
    if (hk_table_rows(table) == 0) {
        hk_table_free(table);
        return;
    }
    hk_output_gap(out);
    hk_output_table(out, table, 0);
}

double hk_stats_allocs_per_refill(const cJSON *totals, const cJSON *rates)
{
    char key[96];
    double refills = rate_of(rates, HK_KEY_CLASS(refills_total), key, sizeof key);
    double allocs = rate_of(rates, HK_KEY_CLASS(allocs_total), key, sizeof key);
    if (!(refills > 0) || !isfinite(allocs)) {
        refills = hk_json_get_number(totals, HK_KEY_CLASS(refills_total));
        allocs = hk_json_get_number(totals, HK_KEY_CLASS(allocs_total));
    }
    return refills > 0 ? allocs / refills : NAN;
}
