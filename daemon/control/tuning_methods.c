/* tuning_methods.c - the methods that steer: tune.set, tune.reset, trim, flush. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/tunable_json.h"
#include "daemon/base/checked_alloc.h"
#include "daemon/control/methods.h"
#include "daemon/daemon.h"
#include "daemon/model/family.h"
#include "daemon/tuning/family_group.h"
#include "daemon/tuning/tuning_writer.h"
#include "shm/value.h"

/* The families that a request is about. */
struct targets {
    struct hk_family **all;
    unsigned count;
};

static void add(struct targets *targets, struct hk_family *family)
{
    if (targets->count % 64 == 0)
        targets->all = hk_realloc(targets->all, targets->count + 64, sizeof(struct hk_family *));
    targets->all[targets->count++] = family;
    family->chosen = true;
}

static bool is_relative(const struct targets *targets, unsigned chosen, const struct hk_family *family)
{
    struct hk_family *const *found = bsearch(&family, targets->all, chosen, sizeof(struct hk_family *),
                                             hk_relatives_compare);
    return found && hk_are_relatives(*found, family);
}

/* After a restart of the daemon each process of a family has a segment of its own; what is set still
 * holds for all of them. */
static void add_relatives(struct targets *targets, const struct hk_registry *registry)
{
    struct hk_family *family;
    unsigned chosen = targets->count;
    qsort(targets->all, chosen, sizeof(struct hk_family *), hk_relatives_compare);
    TAILQ_FOREACH(family, &registry->families, link)
    {
        if (!family->chosen && family->process_count > 0 && is_relative(targets, chosen, family))
            add(targets, family);
    }
}

static bool check_rights(struct hk_call *call, const struct targets *targets)
{
    for (unsigned i = 0; i < targets->count; i++) {
        const struct hk_family *family = targets->all[i];
        if (!hk_may_tune(&call->viewer, family))
            return hk_rpc_fail(&call->error, HK_RPC_NOT_ALLOWED,
                               "family %d has processes of other users: root or the admin group may steer it",
                               (int)family->shown_pid);
    }
    return true;
}

/* False with the error filled in; targets->all is to be freed either way. */
static bool find_targets(struct hk_call *call, struct targets *targets)
{
    const struct hk_registry *registry = &call->daemon->registry;
    struct hk_process **found;
    *targets = (struct targets){0};
    if (!call->params.selector.given)
        return hk_rpc_fail_param(&call->error, "all",
                                 "a selector is wanted; \"all\": true chooses every process");
    if (call->client->waits >= HK_WAITS_PER_CLIENT)
        return hk_rpc_fail_limit(&call->error, "waits", "more than %d requests of this connection wait",
                                 HK_WAITS_PER_CLIENT);
    unsigned n = hk_select(registry, &call->params.selector, &call->viewer, false, &found);
    for (unsigned i = 0; i < n; i++) {
        if (!found[i]->family->chosen)
            add(targets, found[i]->family);
    }
    free(found);
    if (targets->count == 0)
        return hk_rpc_fail(&call->error, HK_RPC_NO_MATCH, "no process matches the selector");
    add_relatives(targets, registry);
    for (unsigned i = 0; i < targets->count; i++)
        targets->all[i]->chosen = false;
    return check_rights(call, targets);
}

static struct hk_wait *new_wait(struct hk_call *call, enum hk_wait_kind kind, const char *const *names,
                                unsigned name_count)
{
    char *id = call->id;
    call->id = NULL;
    return hk_wait_new(&call->daemon->waits, call->client, id, kind, call->params.wait_ms, names, name_count);
}

static void wait_for(struct hk_wait *wait, const struct hk_family *family, uint64_t target,
                     const char *reason)
{
    const struct hk_process *process;
    TAILQ_FOREACH(process, &family->processes, link)
    {
        hk_wait_add(wait, process, family->published.generation, target, reason);
    }
}

/* ---- tune.set ---- */

struct setting {
    const char *name;
    uint64_t value;
};

struct settings {
    struct setting all[HK_VALUES];
    const char *names[HK_VALUES];
    unsigned count;
};

/* All values are good before any is written. */
static bool read_settings(struct hk_call *call, struct settings *settings)
{
    const cJSON *item;
    settings->count = 0;
    if (!call->params.tunables)
        return hk_rpc_fail_param(&call->error, "tunables", "'tunables' is missing");
    cJSON_ArrayForEach(item, call->params.tunables)
    {
        char why[HK_TUNABLE_WHY_BYTES];
        struct setting *s = &settings->all[settings->count];
        if (settings->count == HK_VALUES)
            return hk_rpc_fail_param(&call->error, "tunables", "more than %d tunables", HK_VALUES);
        if (!hk_tunable_from_json(item->string, item, &s->value, why, sizeof why))
            return hk_rpc_fail_param(&call->error, item->string, "%s", why);
        for (unsigned i = 0; i < settings->count; i++) {
            if (strcmp(settings->names[i], item->string) == 0)
                return hk_rpc_fail_param(&call->error, item->string, "'%.64s' is given twice", item->string);
        }
        s->name = settings->names[settings->count++] = item->string;
    }
    return true;
}

static int index_in(const struct hk_family *family, const char *name)
{
    const struct hk_reader *reader = &family->segment.reader;
    enum hk_value_error error;
    int index = hk_value_find(name, strlen(name), reader->classes, reader->class_count, &error);
    bool known = index >= 0 && hk_reader_value_index(reader, (unsigned)index) < HK_VALUES;
    return known ? index : -1;
}

/* A size that is a class nowhere is a slip, not a matter of a library's age. */
static bool check_sizes(struct hk_call *call, const struct targets *targets, const struct settings *settings)
{
    for (unsigned k = 0; k < settings->count; k++) {
        bool known = strchr(settings->names[k], '.') == NULL;
        for (unsigned i = 0; i < targets->count && !known; i++)
            known = index_in(targets->all[i], settings->names[k]) >= 0;
        if (!known)
            return hk_rpc_fail_param(&call->error, settings->names[k],
                                     "%.64s: no such size class in any of the processes", settings->names[k]);
    }
    return true;
}

/* Returns whether the library knows all of them; if not, reason says what it lacks. */
static bool set_all(struct hk_family *family, const struct settings *settings, uint64_t expires_ns,
                    char *reason, size_t size)
{
    bool all = true;
    for (unsigned k = 0; k < settings->count; k++) {
        int index = index_in(family, settings->names[k]);
        if (index >= 0) {
            hk_tune_set(&family->tuning, (unsigned)index, HK_STEER_OPERATOR, settings->all[k].value,
                        expires_ns);
            continue;
        }
        snprintf(reason, size, "%.64s: unknown to its library, version %s", settings->names[k],
                 family->segment.reader.header.version);
        all = false;
    }
    return all;
}

static void set_in_all(struct hk_call *call, const struct targets *targets, const struct settings *settings)
{
    uint64_t now_ns = hk_now_ns();
    uint64_t expires_ns = call->params.life_s ? now_ns + call->params.life_s * HK_NS_PER_S : 0;
    struct hk_wait *wait = new_wait(call, HK_WAIT_SET, settings->names, settings->count);
    hk_relatives_level(targets->all, targets->count);
    for (unsigned i = 0; i < targets->count; i++) {
        char reason[160];
        struct hk_family *family = targets->all[i];
        bool all = set_all(family, settings, expires_ns, reason, sizeof reason);
        hk_tuner_publish(family, true, now_ns);
        wait_for(wait, family, family->generation, all ? NULL : reason);
    }
    hk_wait_begin(wait);
}

enum hk_outcome hk_method_tune_set(struct hk_call *call)
{
    static struct settings settings;
    struct targets targets = {0};
    bool ok = read_settings(call, &settings) && find_targets(call, &targets) &&
              check_sizes(call, &targets, &settings);
    if (ok)
        set_in_all(call, &targets, &settings);
    free(targets.all);
    return ok ? HK_LATER : HK_REFUSED;
}

/* ---- tune.reset ---- */

static bool check_names(struct hk_call *call)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, call->params.names)
    {
        char why[HK_TUNABLE_WHY_BYTES];
        if (!cJSON_IsString(item))
            return hk_rpc_fail_param(&call->error, "names", "'names' is to hold strings");
        if (!hk_tunable_check_name(item->valuestring, why, sizeof why))
            return hk_rpc_fail_param(&call->error, item->valuestring, "%s", why);
    }
    return true;
}

static void clear_in(struct hk_family *family, const cJSON *names)
{
    for (unsigned i = 0; i < HK_VALUES && !names; i++)
        hk_tune_clear(&family->tuning, i, HK_STEER_OPERATOR);
    const cJSON *item;
    cJSON_ArrayForEach(item, names)
    {
        int index = index_in(family, item->valuestring);
        if (index >= 0)
            hk_tune_clear(&family->tuning, (unsigned)index, HK_STEER_OPERATOR);
    }
}

enum hk_outcome hk_method_tune_reset(struct hk_call *call)
{
    struct targets targets = {0};
    bool ok = check_names(call) && find_targets(call, &targets);
    struct hk_wait *wait = ok ? new_wait(call, HK_WAIT_RESET, NULL, 0) : NULL;
    if (ok)
        hk_relatives_level(targets.all, targets.count);
    for (unsigned i = 0; i < targets.count && ok; i++) {
        clear_in(targets.all[i], call->params.names);
        hk_tuner_publish(targets.all[i], false, hk_now_ns());
        wait_for(wait, targets.all[i], targets.all[i]->published.generation, NULL);
    }
    if (ok)
        hk_wait_begin(wait);
    free(targets.all);
    return ok ? HK_LATER : HK_REFUSED;
}

/* ---- trim, flush ---- */

static enum hk_outcome command(struct hk_call *call, enum hk_command which, enum hk_wait_kind kind)
{
    struct targets targets = {0};
    bool ok = find_targets(call, &targets);
    struct hk_wait *wait = ok ? new_wait(call, kind, NULL, 0) : NULL;
    for (unsigned i = 0; i < targets.count && ok; i++)
        wait_for(wait, targets.all[i], hk_tuner_command(targets.all[i], which), NULL);
    if (ok)
        hk_wait_begin(wait);
    free(targets.all);
    return ok ? HK_LATER : HK_REFUSED;
}

enum hk_outcome hk_method_trim(struct hk_call *call)
{
    return command(call, HK_COMMAND_TRIM, HK_WAIT_TRIM);
}

enum hk_outcome hk_method_flush(struct hk_call *call)
{
    return command(call, HK_COMMAND_FLUSH, HK_WAIT_FLUSH);
}
