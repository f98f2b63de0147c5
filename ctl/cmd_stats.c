/* cmd_stats.c - hakmemctl stats: asks once and shows the page for it. stats_watch.c is stats --interval. */
#include "ctl/base/alloc_or_exit.h"
#include "ctl/commands.h"
#include "ctl/render/stats_pages.h"
#include "ctl/stats_request.h"
#include "ctl/stats_watch.h"

/* ---- text ---- */

/* What is known of a process's tuning; NULL for one that has ended, or where the daemon cannot say. */
static cJSON *ask_tuning(struct hk_session *session, const cJSON *process)
{
    struct hk_call_error error;
    cJSON *params = hk_need(cJSON_CreateObject()), *result = NULL;
    hk_need(cJSON_AddNumberToObject(params, "pid", hk_json_get_number(process, "pid")));
    enum hk_call_status call = hk_connection_call(&session->connection, "tune.get", params,
                                                  HK_CONNECTION_PATIENCE_MS, &result, &error);
    if (call == HK_CALL_REFUSED)
        cJSON_Delete(error.object);
    return call == HK_CALL_OK ? result : NULL;
}

static void show_processes(struct hk_session *session, const cJSON *result)
{
    const cJSON *processes = hk_json_get_member(result, "processes");
    if (hk_json_count(processes) == 1) {
        cJSON *tuning = ask_tuning(session, processes->child);
        const cJSON *values = hk_json_get_member(tuning, "processes");
        hk_stats_page_process(&session->out, processes->child, values ? values->child : NULL);
        cJSON_Delete(tuning);
        return;
    }
    hk_stats_page_processes(&session->out, processes, hk_stats_folds(session));
}

static void show_host(struct hk_session *session, const cJSON *result)
{
    hk_stats_page_host(&session->out, result, hk_json_get_member(result, "processes"),
                       !hk_selector_args_names_each(&session->args->selector));
}

/* ---- requests ---- */

static int of_processes(struct hk_session *session)
{
    cJSON *result;
    int status = hk_session_ask(session, "stats", hk_stats_params(session, false), 0, &result);
    if (status != HK_EXIT_OK)
        return status;
    status = hk_session_check_found(session, hk_json_get_member(result, "processes"));
    if (hk_json_count(hk_json_get_member(result, "processes")) > 0 || session->out.json)
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
    return hk_selector_args_given(&session->args->selector) ? of_processes(session) : of_everything(session);
}
