/* selector_args.c - see selector_args.h. */
#include "ctl/client/selector_args.h"

#include "ctl/base/alloc_or_exit.h"

bool hk_selector_args_given(const struct hk_selector_args *s)
{
    return s->pid_count || s->comm || s->exe || s->unit || s->label || s->by_uid || s->family || s->all;
}

bool hk_selector_args_names_each(const struct hk_selector_args *s)
{
    return s->all || s->pid_count > 0;
}

static void add_text(cJSON *params, const char *key, const char *text)
{
    if (text)
        hk_need(cJSON_AddStringToObject(params, key, text));
}

void hk_selector_args_add(const struct hk_selector_args *s, cJSON *params)
{
    if (s->pid_count) {
        cJSON *pids = hk_need(cJSON_AddArrayToObject(params, "pid"));
        for (size_t i = 0; i < s->pid_count; i++)
            cJSON_AddItemToArray(pids, hk_need(cJSON_CreateNumber(s->pids[i])));
    }
    add_text(params, "comm", s->comm);
    add_text(params, "exe", s->exe);
    add_text(params, "unit", s->unit);
    add_text(params, "label", s->label);
    if (s->by_uid)
        hk_need(cJSON_AddNumberToObject(params, "uid", s->uid));
    if (s->family)
        hk_need(cJSON_AddNumberToObject(params, "family", s->family));
    if (s->all)
        hk_need(cJSON_AddTrueToObject(params, "all"));
}
