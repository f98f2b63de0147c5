/* cmd_tune.c - hakmemctl tune: set, show and take back tunables. */
#include <string.h>

#include "ctl/actions.h"
#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/quantity.h"
#include "ctl/commands.h"
#include "ctl/render/tunable_table.h"
#include "ctl/session.h"
#include "ctl/tunable_args.h"

/* ---- --get ---- */

static const char *const *names_of(const struct hk_session *session)
{
    return (const char *const *)session->args->tunes;
}

static void show_process(const struct hk_session *session, const cJSON *process)
{
    char applied[32], published[32];
    double behind = hk_json_get_number(process, "heaps_behind");
    snprintf(applied, sizeof applied, "%s",
             hk_quantity_plain(hk_json_get_number(process, "generation_applied")).s);
    snprintf(published, sizeof published, "%s",
             hk_quantity_plain(hk_json_get_number(process, "generation_published")).s);
    hk_output_line(&session->out, HK_STYLE_TITLE, "process %s: generation %s in force%s%s%s%s%s",
                   hk_quantity_plain(hk_json_get_number(process, "pid")).s, applied,
                   strcmp(applied, published) ? ", " : "", strcmp(applied, published) ? published : "",
                   strcmp(applied, published) ? " published" : "", behind > 0 ? ", heaps behind: " : "",
                   behind > 0 ? hk_quantity_plain(behind).s : "");
    hk_tunable_table_show(&session->out, process, names_of(session), session->args->tune_count, false);
}

static void show_all(struct hk_session *session, const cJSON *result)
{
    const cJSON *process, *processes = hk_json_get_member(result, "processes");
    cJSON_ArrayForEach(process, processes)
    {
        if (process != processes->child)
            hk_output_gap(&session->out);
        show_process(session, process);
    }
}

static bool is_wanted(const struct hk_args *args, const char *name)
{
    for (size_t i = 0; i < args->tune_count; i++) {
        if (strcmp(args->tunes[i], name) == 0)
            return true;
    }
    return args->tune_count == 0;
}

/* The JSON form has what was asked for, too. */
static void keep_wanted(const struct hk_args *args, cJSON *processes)
{
    cJSON *process;
    cJSON_ArrayForEach(process, processes)
    {
        cJSON *tunables = cJSON_GetObjectItemCaseSensitive(process, "tunables");
        for (cJSON *t = tunables ? tunables->child : NULL, *next; t; t = next) {
            next = t->next;
            if (!is_wanted(args, t->string))
                cJSON_Delete(cJSON_DetachItemViaPointer(tunables, t));
        }
    }
}

static int get(struct hk_session *session)
{
    cJSON *result;
    int status = hk_session_ask(session, "tune.get", hk_session_params(session), 0, &result);
    if (status != HK_EXIT_OK)
        return status;
    cJSON *processes = cJSON_GetObjectItemCaseSensitive(result, "processes");
    status = hk_session_check_found(session, processes);
    keep_wanted(session->args, processes);
    hk_session_show(session, result, show_all);
    return status;
}

/* ---- set, --reset ---- */

static int set(struct hk_session *session)
{
    const struct hk_args *args = session->args;
    cJSON *params = hk_session_params(session);
    cJSON *tunables = hk_need(cJSON_AddObjectToObject(params, "tunables"));
    for (size_t i = 0; i < args->tune_count; i++) {
        size_t len = hk_tunable_arg_name_len(args->tunes[i]);
        char name[96];
        snprintf(name, sizeof name, "%.*s", (int)len, args->tunes[i]);
        hk_need(cJSON_AddStringToObject(tunables, name, args->tunes[i] + len + 1));
    }
    if (args->life_s)
        hk_need(cJSON_AddNumberToObject(params, "life_s", args->life_s));
    return hk_action_send(session, "tune.set", params);
}

static int reset(struct hk_session *session)
{
    const struct hk_args *args = session->args;
    cJSON *params = hk_session_params(session);
    if (args->tune_count) {
        cJSON *names = hk_need(cJSON_AddArrayToObject(params, "names"));
        for (size_t i = 0; i < args->tune_count; i++)
            cJSON_AddItemToArray(names, hk_need(cJSON_CreateString(args->tunes[i])));
    }
    return hk_action_send(session, "tune.reset", params);
}

int hk_cmd_tune(struct hk_session *session)
{
    const struct hk_args *args = session->args;
    return args->get ? get(session) : args->reset ? reset(session) : set(session);
}
