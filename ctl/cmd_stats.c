/* cmd_stats.c - hakmemctl stats: once. What is asked for, and which page shows it; again and again:
 * stats_watch.c. */
#include "ctl/cmd_stats.h"
#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/quantity.h"
#include "ctl/commands.h"
#include "ctl/render/process_table.h"
#include "ctl/render/stats_blocks.h"
#include "ctl/render/stats_pages.h"

cJSON *hk_stats_params(const struct hk_session *session, bool host)
{
    cJSON *params = hk_session_params(session);
    hk_need(cJSON_AddStringToObject(params, "scope", host ? "host" : "process"));
    if (session->args->classes)
        hk_need(cJSON_AddTrueToObject(params, "classes"));
    if (session->args->dead)
        hk_need(cJSON_AddTrueToObject(params, "dead"));
    return params;
}

/* ---- text ---- */

/* What is known of a process's tuning; NULL for one that has ended, or where the daemon cannot say. */
static cJSON *ask_tuning(struct hk_session *session, const cJSON *process)
{
    struct hk_call_error error;
    cJSON *params = hk_need(cJSON_CreateObject()), *result = NULL;
    hk_need(cJSON_AddNumberToObject(params, "pid", hk_json_number(process, "pid")));
    enum hk_call call = hk_client_call(&session->client, "tune.get", params, HK_CLIENT_PATIENCE_MS, &result,
                                       &error);
    if (call == HK_CALL_REFUSED)
        cJSON_Delete(error.object);
    return call == HK_CALL_OK ? result : NULL;
}

static void show_processes(struct hk_session *session, const cJSON *result)
{
    const cJSON *processes = hk_json_member(result, "processes");
    if (hk_json_count(processes) == 1) {
        cJSON *tuning = ask_tuning(session, processes->child);
        const cJSON *values = hk_json_member(tuning, "processes");
        hk_page_process(&session->out, processes->child, values ? values->child : NULL);
        cJSON_Delete(tuning);
        return;
    }
    hk_stats_show_block(session, result);
}

static void show_host(struct hk_session *session, const cJSON *result)
{
    hk_page_host(&session->out, result, hk_json_member(result, "processes"),
                 hk_processes_fold(&session->args->selector));
}

void hk_stats_show_block(struct hk_session *session, const cJSON *result)
{
    const cJSON *process, *processes = hk_json_member(result, "processes");
    hk_processes_show(&session->out, processes,
                      !session->args->classes && hk_processes_fold(&session->args->selector));
    cJSON_ArrayForEach(process, processes)
    {
        const cJSON *classes = hk_json_member(process, "classes");
        const char *comm = hk_json_string(process, "comm");
        if (!classes)
            continue;
        hk_out_gap(&session->out);
        hk_out_line(&session->out, HK_STYLE_TITLE, "%s, process %s", comm ? comm : "?",
                    hk_units_plain(hk_json_number(process, "pid")).s);
        hk_figures_classes(&session->out, classes);
    }
}

/* ---- requests ---- */

static int of_processes(struct hk_session *session)
{
    cJSON *result;
    int status = hk_session_ask(session, "stats", hk_stats_params(session, false), 0, &result);
    if (status != HK_EXIT_OK)
        return status;
    status = hk_session_check_found(session, hk_json_member(result, "processes"));
    if (hk_json_count(hk_json_member(result, "processes")) > 0 || session->out.json)
        hk_session_show(session, result, show_processes);
    else
        cJSON_Delete(result);
    return status;
}

static int of_host(struct hk_session *session)
{
    cJSON *result;
    int status = hk_session_ask(session, "stats", hk_stats_params(session, true), 0, &result);
    if (status == HK_EXIT_OK)
        hk_session_show(session, result, show_host);
    return status;
}

/* The host with its processes: one answer of each scope, their members together. Text needs of each
 * process no more than list says. */
static int of_everything(struct hk_session *session)
{
    cJSON *result, *more;
    bool json = session->out.json != HK_JSON_NONE;
    int status = hk_session_ask(session, "stats", hk_stats_params(session, true), 0, &result);
    if (status != HK_EXIT_OK)
        return status;
    cJSON *params = json ? hk_stats_params(session, false) : hk_session_params(session);
    if (!json && session->args->dead)
        hk_need(cJSON_AddTrueToObject(params, "dead"));
    status = hk_session_ask(session, json ? "stats" : "list", params, 0, &more);
    if (status != HK_EXIT_OK) {
        cJSON_Delete(result);
        return status;
    }
    cJSON *processes = cJSON_DetachItemFromObjectCaseSensitive(more, "processes");
    if (processes)
        cJSON_AddItemToObject(result, "processes", processes);
    cJSON_Delete(more);
    hk_session_show(session, result, show_host);
    return HK_EXIT_OK;
}

int hk_cmd_stats(struct hk_session *session)
{
    if (session->args->interval_ms)
        return hk_stats_watch(session);
    if (session->args->host)
        return of_host(session);
    return hk_selector_given(&session->args->selector) ? of_processes(session) : of_everything(session);
}
