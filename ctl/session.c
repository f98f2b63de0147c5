/* session.c - see session.h. */
#include "ctl/session.h"

#include <string.h>

#include "ctl/base/alloc_or_exit.h"

enum { CODE_BAD_PARAMETER = -32602 };

int hk_session_find_daemon(struct hk_session *session, struct hk_daemon_search *search)
{
    char dir[HK_RUNTIME_DIR_MAX + 1];
    const char *chosen = session->args->runtime_dir;
    int error = chosen ? hk_absolute_dir(chosen, dir, sizeof dir) : 0;
    if (error) {
        hk_error("--runtime-dir: '%s': %s", chosen, strerror(error));
        return HK_EXIT_USAGE;
    }
    return hk_find_daemon(search, chosen ? dir : NULL, &session->connection) ? HK_EXIT_OK : HK_EXIT_NO_DAEMON;
}

int hk_session_connect(struct hk_session *session)
{
    struct hk_daemon_search search;
    int status = hk_session_find_daemon(session, &search);
    if (status == HK_EXIT_NO_DAEMON)
        hk_daemon_search_report(&search);
    else if (status == HK_EXIT_OK)
        hk_verbose("the daemon in %s", session->connection.dir);
    return status;
}

cJSON *hk_session_params(const struct hk_session *session)
{
    cJSON *params = hk_need(cJSON_CreateObject());
    hk_selector_args_add(&session->args->selector, params);
    return params;
}

int hk_session_report_failure(const struct hk_session *session, enum hk_call_status call,
                              struct hk_call_error *error)
{
    if (call == HK_CALL_LOST) {
        hk_error("%s", error->message);
        return HK_EXIT_NO_DAEMON;
    }
    if (session->out.json)
        hk_json_print(stderr, error->object, session->out.json);
    else
        hk_error("%s", error->message);
    cJSON_Delete(error->object);
    return error->code == CODE_BAD_PARAMETER ? HK_EXIT_USAGE : HK_EXIT_PARTLY;
}

int hk_session_ask(struct hk_session *session, const char *method, cJSON *params, unsigned extra_ms,
                   cJSON **result)
{
    struct hk_call_error error;
    if (session->connection.fd < 0) {
        int status = hk_session_connect(session);
        if (status != HK_EXIT_OK) {
            cJSON_Delete(params);
            return status;
        }
    }
    enum hk_call_status call = hk_connection_call(&session->connection, method, params,
                                                  HK_CONNECTION_PATIENCE_MS + extra_ms, result, &error);
    return call == HK_CALL_OK ? HK_EXIT_OK : hk_session_report_failure(session, call, &error);
}

void hk_session_show(struct hk_session *session, cJSON *result, hk_show_result *as_text)
{
    if (session->out.json)
        hk_json_print(session->out.file, result, session->out.json);
    else
        as_text(session, result);
    cJSON_Delete(result);
}

static bool has_pid(const cJSON *entries, double pid)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, entries)
    {
        if (hk_json_get_number(entry, "pid") == pid)
            return true;
    }
    return false;
}

int hk_session_check_found(const struct hk_session *session, const cJSON *entries)
{
    const struct hk_selector_args *select = &session->args->selector;
    int status = HK_EXIT_OK;
    if (!cJSON_IsArray(entries)) {
        hk_error("hakmemd (%s) answered without the list of processes", session->connection.dir);
        return HK_EXIT_PARTLY;
    }
    for (size_t i = 0; i < select->pid_count; i++) {
        if (!has_pid(entries, select->pids[i])) {
            hk_error("process %u: not found among those on hakmem that you may see", select->pids[i]);
            status = HK_EXIT_PARTLY;
        }
    }
    bool chosen = hk_selector_args_given(select) && !select->all;
    if (status == HK_EXIT_OK && chosen && hk_json_count(entries) == 0) {
        hk_error("no process matches");
        status = HK_EXIT_PARTLY;
    }
    return status;
}
