/* stats_request.c - see stats_request.h. */
#include "ctl/stats_request.h"

#include "ctl/base/alloc_or_exit.h"

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

bool hk_stats_folds(const struct hk_session *session)
{
    return !session->args->classes && !hk_selector_args_names_each(&session->args->selector);
}
