/* cmd_schema.c - hakmemctl schema: every counter and tunable the daemon knows. */
#include <string.h>

#include "ctl/base/quantity.h"
#include "ctl/commands.h"
#include "ctl/session.h"

static const char *text_of(const cJSON *object, const char *key)
{
    const char *text = hk_json_get_string(object, key);
    return text && text[0] ? text : "-";
}

static void show_counters(const struct hk_output *out, const cJSON *counters)
{
    static const struct hk_column columns[] = {
        {.title = "COUNTER"},         {.title = "OF", .rank = 1},         {.title = "KIND", .rank = 2},
        {.title = "UNIT", .rank = 3}, {.title = "MEANING", .narrow = 40},
    };
    const cJSON *counter;
    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(columns));
    cJSON_ArrayForEach(counter, counters)
    {
        hk_table_cell(table, text_of(counter, "name"));
        hk_table_cell(table, text_of(counter, "scope"));
        hk_table_cell(table, text_of(counter, "kind"));
        hk_table_cell(table, text_of(counter, "unit"));
        hk_table_cell(table, text_of(counter, "help"));
    }
    hk_output_table(out, table, 0);
}

/* A bound or a default, which for a choice is its word. */
static void add_bound(struct hk_table *table, const cJSON *tunable, const char *key)
{
    const cJSON *value = hk_json_get_member(tunable, key);
    if (cJSON_IsString(value))
        hk_table_cell(table, value->valuestring);
    else
        hk_table_cell(table, hk_quantity_exact(hk_json_get_number(tunable, key), text_of(tunable, "unit")).s);
}

/* "a,b" or ["a","b"] as "a, b"; "" where there are none. */
static void join_choices(const cJSON *choices, char *buf, size_t size)
{
    const cJSON *choice;
    size_t at = 0;
    buf[0] = '\0';
    if (cJSON_IsString(choices))
        snprintf(buf, size, "%s", choices->valuestring);
    if (!cJSON_IsArray(choices))
        return;
    cJSON_ArrayForEach(choice, choices)
    {
        const char *word = cJSON_IsString(choice) ? choice->valuestring : "?";
        int wrote = snprintf(buf + at, size - at, "%s%s", at ? "," : "", word);
        at += wrote > 0 && (size_t)wrote < size - at ? (size_t)wrote : 0;
    }
}

static void add_tunable(struct hk_table *table, const cJSON *tunable)
{
    char name[96], choices[96];
    snprintf(name, sizeof name, "%s%s", text_of(tunable, "name"),
             hk_json_get_true(tunable, "per_class") ? ".SIZE" : "");
    join_choices(hk_json_get_member(tunable, "choices"), choices, sizeof choices);
    hk_table_cell(table, name);
    if (choices[0]) {
        hk_table_cell(table, "");
        hk_table_cell(table, choices);
    } else {
        add_bound(table, tunable, "min");
        add_bound(table, tunable, "max");
    }
    add_bound(table, tunable, "default");
    hk_table_cell(table, text_of(tunable, "effect"));
    hk_table_cell(table, text_of(tunable, "help"));
}

static void show_tunables(const struct hk_output *out, const cJSON *tunables)
{
    static const struct hk_column columns[] = {
        {.title = "TUNABLE"},
        {.title = "FROM", .align = HK_ALIGN_RIGHT, .rank = 2},
        {.title = "TO", .align = HK_ALIGN_RIGHT, .rank = 2},
        {.title = "DEFAULT", .align = HK_ALIGN_RIGHT, .rank = 1},
        {.title = "TAKES EFFECT", .rank = 3},
        {.title = "MEANING", .narrow = 16},
    };
    const cJSON *tunable;
    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(columns));
    cJSON_ArrayForEach(tunable, tunables) add_tunable(table, tunable);
    hk_output_table(out, table, 0);
}

static void show(struct hk_session *session, const cJSON *result)
{
    show_counters(&session->out, hk_json_get_member(result, "counters"));
    hk_output_gap(&session->out);
    show_tunables(&session->out, hk_json_get_member(result, "tunables"));
}

int hk_cmd_schema(struct hk_session *session)
{
    cJSON *result;
    int status = hk_session_ask(session, "schema", NULL, 0, &result);
    if (status == HK_EXIT_OK)
        hk_session_show(session, result, show);
    return status;
}
