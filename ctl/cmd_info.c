/* cmd_info.c - hakmemctl info: about the daemon. */
#include <string.h>

#include "ctl/base/quantity.h"
#include "ctl/commands.h"
#include "ctl/session.h"

/* Members that are numbers to be shown digit by digit. */
static bool is_plain(const char *key)
{
    return strcmp(key, "pid") == 0 || strcmp(key, "uid") == 0 || strncmp(key, "abi_", 4) == 0;
}

static void add_value(struct hk_table *table, const char *key, const cJSON *value)
{
    if (cJSON_IsString(value))
        hk_table_cell(table, value->valuestring);
    else if (cJSON_IsBool(value))
        hk_table_cell(table, cJSON_IsTrue(value) ? "yes" : "no");
    else if (cJSON_IsNumber(value) && is_plain(key))
        hk_table_cell(table, hk_quantity_plain(value->valuedouble).s);
    else if (cJSON_IsNumber(value))
        hk_table_cell(table, hk_quantity_by_key(key, value->valuedouble).s);
    else
        hk_table_cell(table, "-");
}

/* "hellos_refused_total" to "hellos refused": the unit shows in the figure. */
static void add_name(struct hk_table *table, const char *prefix, const char *key)
{
    static const char *const tails[] = {"_total", "_s", "_ms"};
    char name[96];
    snprintf(name, sizeof name, "%s%s", prefix, key);
    for (unsigned i = 0; i < HK_COUNT_OF(tails); i++) {
        size_t len = strlen(name), tail = strlen(tails[i]);
        if (len > tail && strcmp(name + len - tail, tails[i]) == 0)
            name[len - tail] = '\0';
    }
    for (char *c = name; *c; c++) {
        if (*c == '_')
            *c = ' ';
    }
    hk_table_cell_styled(table, HK_STYLE_DIM, name);
}

/* Every member that has one line's worth to say, whatever daemon it is. */
static void add_members(struct hk_table *table, const char *prefix, const cJSON *object)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, object)
    {
        if (cJSON_IsObject(member) && !prefix[0]) {
            char inner[64];
            snprintf(inner, sizeof inner, "%s ", member->string);
            add_members(table, inner, member);
        } else if (!cJSON_IsArray(member) && !cJSON_IsObject(member)) {
            add_name(table, prefix, member->string);
            add_value(table, member->string, member);
        } else if (cJSON_IsArray(member) && prefix[0]) {
            add_name(table, prefix, member->string);
            hk_table_cell(table, hk_quantity_plain(hk_json_count(member)).s);
        }
    }
}

static void show_refusals(const struct hk_output *out, const cJSON *refusals)
{
    static const struct hk_column columns[] = {
        {.title = "PID", .align = HK_ALIGN_RIGHT},
        {.title = "UID", .align = HK_ALIGN_RIGHT},
        {.title = "AGO", .align = HK_ALIGN_RIGHT},
        {.title = "REASON", .narrow = 20},
    };
    const cJSON *refusal;
    if (hk_json_count(refusals) == 0)
        return;
    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(columns));
    cJSON_ArrayForEach(refusal, refusals)
    {
        const char *reason = hk_json_get_string(refusal, "reason");
        hk_table_cell(table, hk_quantity_plain(hk_json_get_number(refusal, "pid")).s);
        hk_table_cell(table, hk_quantity_plain(hk_json_get_number(refusal, "uid")).s);
        hk_table_cell(table, hk_quantity_duration(hk_json_get_number(refusal, "age_s") * 1e3).s);
        hk_table_cell(table, reason ? reason : "-");
    }
    hk_output_gap(out);
    hk_output_line(out, HK_STYLE_TITLE, "Last processes refused");
    hk_output_table(out, table, 2);
}

static void show(struct hk_session *session, const cJSON *result)
{
    static const struct hk_column columns[] = {{.title = ""}, {.title = "", .narrow = 20}};
    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(columns));
    add_members(table, "", result);
    hk_output_rows(&session->out, table, 0);
    show_refusals(&session->out, hk_json_get_member(result, "last_refusals"));
}

int hk_cmd_info(struct hk_session *session)
{
    cJSON *result;
    int status = hk_session_ask(session, "info", NULL, 0, &result);
    if (status == HK_EXIT_OK)
        hk_session_show(session, result, show);
    return status;
}
