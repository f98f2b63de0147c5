/* request_params.c - see request_params.h. */
#include "daemon/control/request_params.h"

#include <string.h>

#include "config/glob.h"
#include "daemon/base/checked_alloc.h"
#include "shm/nearest.h"

struct reading {
    struct hk_params *params;
    const cJSON *item;
    const char *name;
    struct hk_rpc_error *error;
};

static bool read_number(struct reading *r, const cJSON *item, uint32_t min, uint32_t max, uint32_t *out)
{
    double d = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!cJSON_IsNumber(item))
        return hk_rpc_fail_param(r->error, r->name, "'%s' is to be a number", r->name);
    if (!(d >= min && d <= max) || d != (double)(uint32_t)d)
        return hk_rpc_fail_param(r->error, r->name, "'%s' is to be a whole number from %u to %u, not %.15g",
                                 r->name, min, max, d);
    *out = (uint32_t)d;
    return true;
}

static bool read_bool(struct reading *r, bool *out)
{
    if (!cJSON_IsBool(r->item))
        return hk_rpc_fail_param(r->error, r->name, "'%s' is to be true or false", r->name);
    *out = cJSON_IsTrue(r->item);
    return true;
}

static bool read_glob(struct reading *r, enum hk_match_field field)
{
    const char *glob = cJSON_GetStringValue(r->item);
    if (!glob)
        return hk_rpc_fail_param(r->error, r->name, "'%s' is to be a string", r->name);
    const char *wrong = hk_glob_problem(glob);
    if (wrong)
        return hk_rpc_fail_param(r->error, r->name, "'%s': %s", r->name, wrong);
    if (hk_match_add_glob(&r->params->selector.match, field, glob) != 0)
        return hk_rpc_fail(r->error, HK_RPC_FAILED, "out of memory");
    r->params->selector.given = true;
    return true;
}

static bool read_comm(struct reading *r)
{
    return read_glob(r, HK_MATCH_COMM);
}

static bool read_exe(struct reading *r)
{
    return read_glob(r, HK_MATCH_EXE);
}

static bool read_unit(struct reading *r)
{
    return read_glob(r, HK_MATCH_UNIT);
}

static bool read_label(struct reading *r)
{
    return read_glob(r, HK_MATCH_LABEL);
}

static bool read_uid(struct reading *r)
{
    uint32_t uid = 0;
    r->params->selector.given = true;
    return read_number(r, r->item, 0, UINT32_MAX - 1, &uid) &&
           hk_match_add_uid(&r->params->selector.match, uid) == 0;
}

static bool read_pid(struct reading *r)
{
    struct hk_selector *selector = &r->params->selector;
    bool list = cJSON_IsArray(r->item);
    unsigned count = list ? (unsigned)cJSON_GetArraySize(r->item) : 1;
    if (count == 0 || count > HK_SELECTOR_PIDS)
        return hk_rpc_fail_param(r->error, r->name, "'%s' is to hold 1 to %d numbers", r->name,
                                 HK_SELECTOR_PIDS);
    selector->pids = hk_realloc(NULL, count, sizeof *selector->pids);
    for (const cJSON *item = list ? r->item->child : r->item; item; item = list ? item->next : NULL) {
        uint32_t pid = 0;
        if (!read_number(r, item, 1, INT32_MAX, &pid))
            return false;
        selector->pids[selector->pid_count++] = (pid_t)pid;
    }
    selector->given = true;
    return true;
}

static bool read_family(struct reading *r)
{
    uint32_t pid = 0;
    if (!read_number(r, r->item, 1, INT32_MAX, &pid))
        return false;
    r->params->selector.family = (pid_t)pid;
    r->params->selector.has_family = r->params->selector.given = true;
    return true;
}

static bool read_all(struct reading *r)
{
    struct hk_selector *selector = &r->params->selector;
    if (!read_bool(r, &selector->all))
        return false;
    selector->given |= selector->all;
    return true;
}

static bool read_dead(struct reading *r)
{
    return read_bool(r, &r->params->dead);
}

static bool read_classes(struct reading *r)
{
    return read_bool(r, &r->params->classes);
}

static bool read_scope(struct reading *r)
{
    const char *scope = cJSON_GetStringValue(r->item);
    if (!scope || (strcmp(scope, "process") != 0 && strcmp(scope, "host") != 0))
        return hk_rpc_fail_param(r->error, r->name, "'scope' is to be \"process\" or \"host\"");
    r->params->host = scope[0] == 'h';
    return true;
}

static bool read_tunables(struct reading *r)
{
    if (!cJSON_IsObject(r->item) || !r->item->child)
        return hk_rpc_fail_param(r->error, r->name,
                                 "'tunables' is to be an object with at least one tunable");
    r->params->tunables = r->item;
    return true;
}

static bool read_names(struct reading *r)
{
    if (!cJSON_IsArray(r->item) || !r->item->child)
        return hk_rpc_fail_param(r->error, r->name, "'names' is to be an array with at least one name");
    r->params->names = r->item;
    return true;
}

static bool read_life(struct reading *r)
{
    return read_number(r, r->item, 0, HK_LIFE_S_MAX, &r->params->life_s);
}

static bool read_wait(struct reading *r)
{
    return read_number(r, r->item, 0, HK_WAIT_MS_MAX, &r->params->wait_ms);
}

static bool read_every(struct reading *r)
{
    return read_number(r, r->item, 1, HK_EVERY_MS_MAX, &r->params->every_ms);
}

static bool read_subscription(struct reading *r)
{
    return read_number(r, r->item, 1, UINT32_MAX - 1, &r->params->subscription);
}

static const struct {
    const char *name;
    unsigned bit;
    bool (*read)(struct reading *r);
} known[] = {
    {"pid", HK_PARAM_SELECTOR, read_pid},
    {"comm", HK_PARAM_SELECTOR, read_comm},
    {"exe", HK_PARAM_SELECTOR, read_exe},
    {"unit", HK_PARAM_SELECTOR, read_unit},
    {"uid", HK_PARAM_SELECTOR, read_uid},
    {"label", HK_PARAM_SELECTOR, read_label},
    {"family", HK_PARAM_SELECTOR, read_family},
    {"all", HK_PARAM_SELECTOR, read_all},
    {"dead", HK_PARAM_DEAD, read_dead},
    {"classes", HK_PARAM_CLASSES, read_classes},
    {"scope", HK_PARAM_SCOPE, read_scope},
    {"tunables", HK_PARAM_TUNABLES, read_tunables},
    {"life_s", HK_PARAM_LIFE, read_life},
    {"wait_ms", HK_PARAM_WAIT, read_wait},
    {"names", HK_PARAM_NAMES, read_names},
    {"every_ms", HK_PARAM_EVERY, read_every},
    {"subscription", HK_PARAM_SUBSCRIPTION, read_subscription},
};

static bool unknown(const char *name, unsigned taken, struct hk_rpc_error *error)
{
    const char *names[HK_COUNT_OF(known)];
    const char *near;
    for (unsigned i = 0; i < HK_COUNT_OF(known); i++)
        names[i] = known[i].bit & taken ? known[i].name : NULL;
    bool hint = hk_nearest(name, strlen(name), names, HK_COUNT_OF(known), &near, 1) == 1;
    return hk_rpc_fail_param(error, name, "this method takes no parameter '%.64s'%s%s", name,
                             hint ? "; nearest: " : "", hint ? near : "");
}

bool hk_params_read(struct hk_params *params, const cJSON *object, unsigned taken, struct hk_rpc_error *error)
{
    uint32_t seen = 0;
    *params = (struct hk_params){.wait_ms = HK_WAIT_MS_DEFAULT};
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        unsigned i = 0;
        while (i < HK_COUNT_OF(known) &&
               (!(known[i].bit & taken) || strcmp(known[i].name, item->string) != 0))
            i++;
        if (i == HK_COUNT_OF(known))
            return unknown(item->string, taken, error);
        if (seen & 1u << i)
            return hk_rpc_fail_param(error, known[i].name, "'%s' is given twice", known[i].name);
        seen |= 1u << i;
        struct reading r = {.params = params, .item = item, .name = known[i].name, .error = error};
        if (!known[i].read(&r))
            return false;
    }
    return true;
}

void hk_params_clear(struct hk_params *params)
{
    hk_selector_clear(&params->selector);
}
