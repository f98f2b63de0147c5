/* tunable_table.c - see tunable_table.h. */
#include "ctl/render/tunable_table.h"

#include <string.h>

#include "ctl/base/quantity.h"
#include "shm/schema.h"

bool hk_tunable_is_changed(const cJSON *tunable)
{
    const char *source = hk_json_get_string(tunable, "source");
    const cJSON *value = hk_json_get_member(tunable, "value"), *dflt = hk_json_get_member(tunable, "default");
    return !cJSON_Compare(value, dflt, true) ||
           (source && strcmp(source, hk_source_name(HK_SOURCE_DEFAULT)) != 0);
}

/* A number in the tunable's unit, a choice's word, or "-" for null. */
static const char *text_of(const cJSON *tunable, const char *key, struct hk_quantity_text *buf)
{
    const cJSON *value = hk_json_get_member(tunable, key);
    const char *unit = hk_json_get_string(tunable, "unit");
    if (cJSON_IsString(value))
        return value->valuestring;
    *buf = hk_quantity_exact(hk_json_get_number(tunable, key), unit ? unit : "");
    return buf->s;
}

static bool is_named(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return count == 0;
}

static void add_row(struct hk_table *table, const cJSON *t)
{
    struct hk_quantity_text buf;
    const char *source = hk_json_get_string(t, "source"), *verdict = hk_json_get_string(t, "verdict");
    const cJSON *value = hk_json_get_member(t, "value"), *effective = hk_json_get_member(t, "effective");
    bool differs = effective && !cJSON_IsNull(effective) && !cJSON_Compare(value, effective, true);
    bool wrong = verdict && strcmp(verdict, hk_verdict_name(HK_VERDICT_NONE)) != 0 &&
                 strcmp(verdict, hk_verdict_name(HK_VERDICT_APPLIED)) != 0;
    hk_table_cell(table, t->string);
    hk_table_cell(table, text_of(t, "value", &buf));
    hk_table_cell_styled(table, differs ? HK_STYLE_WARN : HK_STYLE_PLAIN, text_of(t, "effective", &buf));
    hk_table_cell_styled(table, HK_STYLE_DIM, text_of(t, "default", &buf));
    hk_table_cell(table, source ? source : "-");
    hk_table_cell(table, hk_quantity_duration(hk_json_get_number(t, "remaining_s") * 1e3).s);
    hk_table_cell(table, hk_quantity_plain(hk_json_get_number(t, "generation")).s);
    hk_table_cell_styled(table, wrong ? HK_STYLE_WARN : HK_STYLE_PLAIN, wrong ? verdict : "");
}

void hk_tunable_table_show(const struct hk_output *out, const cJSON *process, const char *const *names,
                           size_t name_count, bool changed)
{
    static const struct hk_column columns[] = {
        {.title = "TUNABLE"},
        {.title = "VALUE", .align = HK_ALIGN_RIGHT},
        {.title = "IN FORCE", .align = HK_ALIGN_RIGHT},
        {.title = "DEFAULT", .align = HK_ALIGN_RIGHT, .rank = 2},
        {.title = "SOURCE", .rank = 1},
        {.title = "REMAINING", .align = HK_ALIGN_RIGHT, .rank = 3, .optional = true},
        {.title = "GENERATION", .align = HK_ALIGN_RIGHT, .rank = 5},
        {.title = "VERDICT", .rank = 1, .optional = true},
    };
    const cJSON *tunable;
    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(columns));
    cJSON_ArrayForEach(tunable, hk_json_get_member(process, "tunables"))
    {
        if (is_named(tunable->string, names, name_count) && (!changed || hk_tunable_is_changed(tunable)))
            add_row(table, tunable);
    }
    if (hk_table_rows(table) > 0) {
        hk_output_table(out, table, 2);
        return;
    }
    hk_table_free(table);
    hk_output_line(out, HK_STYLE_PLAIN, changed ? "  none" : "  none of these is set");
}
