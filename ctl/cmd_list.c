/* cmd_list.c - hakmemctl list: the processes, one a line. */
#include "ctl/base/alloc_or_exit.h"
#include "ctl/commands.h"
#include "ctl/render/process_table.h"
#include "ctl/session.h"

static void show(struct hk_session *session, const cJSON *result)
{
    hk_process_table_show(&session->out, hk_json_get_member(result, "processes"),
                          !hk_selector_args_names_each(&session->args->selector));
}

int hk_cmd_list(struct hk_session *session)
{
    cJSON *params = hk_session_params(session), *result;
    if (session->args->dead)
        hk_need(cJSON_AddTrueToObject(params, "dead"));
    int status = hk_session_ask(session, "list", params, 0, &result);
    if (status != HK_EXIT_OK)
        return status;
    status = hk_session_check_found(session, hk_json_get_member(result, "processes"));
    hk_session_show(session, result, show);
    return status;
}
