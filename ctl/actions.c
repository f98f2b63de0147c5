/* actions.c - see actions.h; hakmemctl trim and flush, which are nothing more. */
#include "ctl/actions.h"

#include <string.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/quantity.h"
#include "ctl/commands.h"

#define WAIT_DEFAULT_MS 2000 /* the daemon's own */

static enum hk_style style_of(const char *status)
{
    if (strcmp(status, "applied") == 0)
        return HK_STYLE_GOOD;
    return strcmp(status, "pending") == 0 ? HK_STYLE_WARN : HK_STYLE_BAD;
}

static void add_row(struct hk_table *table, const cJSON *entry)
{
    const char *comm = hk_json_get_string(entry, "comm"), *reason = hk_json_get_string(entry, "reason");
    const char *status = hk_json_get_string(entry, "status");
    hk_table_cell(table, hk_quantity_plain(hk_json_get_number(entry, "pid")).s);
    hk_table_cell(table, comm ? comm : "-");
    hk_table_cell_styled(table, style_of(status ? status : "?"), status ? status : "?");
    hk_table_cell(table, hk_quantity_plain(hk_json_get_number(entry, "generation")).s);
    hk_table_cell(table, hk_quantity_bytes(hk_json_get_number(entry, "released_bytes")).s);
    hk_table_cell(table, reason ? reason : "");
}

static void show(struct hk_session *session, const cJSON *result)
{
    static const struct hk_column columns[] = {
        {.title = "PID", .align = HK_ALIGN_RIGHT},
        {.title = "COMM", .pinch = 8},
        {.title = "STATUS"},
        {.title = "GENERATION", .align = HK_ALIGN_RIGHT, .rank = 1, .optional = true},
        {.title = "RELEASED", .align = HK_ALIGN_RIGHT, .optional = true},
        {.title = "REASON", .narrow = 24, .optional = true},
    };
    const cJSON *entry;
    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(columns));
    cJSON_ArrayForEach(entry, hk_json_get_member(result, "results")) add_row(table, entry);
    hk_output_table(&session->out, table, 0);
}

static bool all_applied(const cJSON *results)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, results)
    {
        const char *status = hk_json_get_string(entry, "status");
        if (!status || strcmp(status, "applied") != 0)
            return false;
    }
    return true;
}

int hk_action_send(struct hk_session *session, const char *method, cJSON *params)
{
    const struct hk_args *args = session->args;
    cJSON *result;
    if (args->wait_given)
        hk_need(cJSON_AddNumberToObject(params, "wait_ms", args->wait_ms));
    int status = hk_session_ask(session, method, params, args->wait_given ? args->wait_ms : WAIT_DEFAULT_MS,
                                &result);
    if (status != HK_EXIT_OK)
        return status;
    const cJSON *results = hk_json_get_member(result, "results");
    status = hk_session_check_found(session, results);
    if (!all_applied(results))
        status = HK_EXIT_PARTLY;
    hk_session_show(session, result, show);
    return status;
}

int hk_cmd_trim(struct hk_session *session)
{
    return hk_action_send(session, "trim", hk_session_params(session));
}

int hk_cmd_flush(struct hk_session *session)
{
    return hk_action_send(session, "flush", hk_session_params(session));
}
