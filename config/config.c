/* config.c - see config.h: defaults, and one file's text taken in. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "shm/nearest.h"
#include "shm/text.h"

const char *const hk_log_level_names[HK_LOG_LEVELS] = {"error", "warn", "info", "debug"};

/* A number of config_keys.def: where it goes in struct hk_config and what it may be. */
struct number {
    const char *name;
    size_t offset;
    uint32_t min, max, dflt;
};

#define NUMBER(name_, member, min_, max_, dflt_)                                                             \
    {.name = #name_,                                                                                         \
     .offset = offsetof(struct hk_config, member),                                                           \
     .min = (min_),                                                                                          \
     .max = (max_),                                                                                          \
     .dflt = (dflt_)},

static const struct number settings[] = {
#define HK_SETTING(name, min, max, dflt, help) NUMBER(name, name, min, max, dflt)
#include "config/config_keys.def"
};

static const struct number limits[] = {
#define HK_LIMIT(name, min, max, dflt, help) NUMBER(name, limits.name, min, max, dflt)
#include "config/config_keys.def"
};

#define OTHER_KEYS 4
enum other_key { KEY_ADMIN_GROUP, KEY_LOG_LEVEL, KEY_LIMITS, KEY_POLICIES };
static const char *const other_keys[OTHER_KEYS] = {"admin_group", "log_level", "limits", "policies"};

static uint32_t *number_in(struct hk_config *config, const struct number *number)
{
    return (uint32_t *)(void *)((char *)config + number->offset);
}

void hk_config_init(struct hk_config *config)
{
    memset(config, 0, sizeof *config);
    config->log_level = HK_LOG_INFO;
    for (unsigned i = 0; i < HK_COUNT_OF(settings); i++)
        *number_in(config, &settings[i]) = settings[i].dflt;
    for (unsigned i = 0; i < HK_COUNT_OF(limits); i++)
        *number_in(config, &limits[i]) = limits[i].dflt;
}

void hk_config_clear(struct hk_config *config)
{
    for (unsigned i = 0; i < config->policy_count; i++)
        hk_policy_clear(&config->policies[i]);
    free(config->policies);
    free(config->file);
    memset(config, 0, sizeof *config);
}

int hk_log_level_find(const char *name)
{
    for (int i = 0; i < HK_LOG_LEVELS; i++) {
        if (strcmp(name, hk_log_level_names[i]) == 0)
            return i;
    }
    return -1;
}

static void take_number(struct hk_config *config, const struct hk_jsonc *source, const cJSON *item,
                        const char *where, const struct number *number)
{
    double d = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!cJSON_IsNumber(item))
        hk_jsonc_problem(source, item, where, "a number is wanted");
    else if (!(d >= number->min && d <= number->max))
        hk_jsonc_problem(source, item, where, "%.15g is out of range, %u..%u", d, number->min, number->max);
    else if (d != (double)(uint32_t)d)
        hk_jsonc_problem(source, item, where, "%.15g is not a whole number", d);
    else
        *number_in(config, number) = (uint32_t)d;
}

static int find_number(const struct number *numbers, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(numbers[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

bool hk_config_bounds(const char *name, uint32_t *min, uint32_t *max)
{
    bool limit = strncmp(name, "limits.", 7) == 0;
    const struct number *numbers = limit ? limits : settings;
    int i = find_number(numbers, limit ? HK_COUNT_OF(limits) : HK_COUNT_OF(settings), name + (limit ? 7 : 0));
    *min = i >= 0 ? numbers[i].min : 0;
    *max = i >= 0 ? numbers[i].max : 0;
    return i >= 0;
}

/* Keys as often as they are given: JSON allows it, but one of the two would be lost unseen. */
static bool given_before(const cJSON *parent, const cJSON *member)
{
    return cJSON_GetObjectItemCaseSensitive(parent, member->string) != member;
}

static void unknown_key(const struct hk_jsonc *source, const cJSON *item, const char *parent,
                        const struct number *numbers, unsigned count, const char *const *others,
                        unsigned other_count)
{
    const char *known[HK_COUNT_OF(settings) + HK_COUNT_OF(limits) + OTHER_KEYS];
    const char *near;
    char where[128];
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++)
        known[n++] = numbers[i].name;
    for (unsigned i = 0; i < other_count; i++)
        known[n++] = others[i];
    snprintf(where, sizeof where, "%s%.80s", parent, item->string);
    bool hint = hk_nearest(item->string, strlen(item->string), known, n, &near, 1) == 1;
    hk_jsonc_problem(source, item, where, "no such key%s%s", hint ? "; nearest: " : "", hint ? near : "");
}

static void take_limits(struct hk_config *config, const struct hk_jsonc *source, const cJSON *object)
{
    if (!cJSON_IsObject(object)) {
        hk_jsonc_problem(source, object, "limits", "an object is wanted");
        return;
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        char where[128];
        int i = find_number(limits, HK_COUNT_OF(limits), item->string);
        snprintf(where, sizeof where, "limits.%.80s", item->string);
        if (i < 0)
            unknown_key(source, item, "limits.", limits, HK_COUNT_OF(limits), NULL, 0);
        else if (given_before(object, item))
            hk_jsonc_problem(source, item, where, "given twice");
        else
            take_number(config, source, item, where, &limits[i]);
    }
}

static void take_admin_group(struct hk_config *config, const struct hk_jsonc *source, const cJSON *item)
{
    const char *name = cJSON_GetStringValue(item);
    if (!name && !cJSON_IsNull(item))
        hk_jsonc_problem(source, item, "admin_group", "a group's name, or null, is wanted");
    else if (name && strlen(name) >= sizeof config->admin_group)
        hk_jsonc_problem(source, item, "admin_group", "longer than %zu bytes",
                         sizeof config->admin_group - 1);
    else
        hk_text_field(config->admin_group, sizeof config->admin_group, name ? name : "",
                      name ? strlen(name) : 0);
}

static void take_log_level(struct hk_config *config, const struct hk_jsonc *source, const cJSON *item)
{
    const char *name = cJSON_GetStringValue(item);
    int level = name ? hk_log_level_find(name) : -1;
    if (level < 0)
        hk_jsonc_problem(source, item, "log_level", "one of error, warn, info, debug is wanted");
    else
        config->log_level = (enum hk_log_level)level;
}

/* A policy of an earlier file gives way to one of the same name; two in one file are a slip. */
static bool make_room(struct hk_config *config, const struct hk_jsonc *source, const cJSON *item,
                      const char *where, const char *name, unsigned first_here)
{
    for (unsigned i = 0; i < config->policy_count; i++) {
        struct hk_policy *old = &config->policies[i];
        if (strcmp(old->name, name) != 0)
            continue;
        if (old->order >= first_here) {
            hk_jsonc_problem(source, item, where, "two policies named '%s' in one file", name);
            return false;
        }
        hk_policy_clear(old);
        *old = config->policies[--config->policy_count];
        return true;
    }
    if (config->policy_count == HK_POLICIES_MAX) {
        hk_jsonc_problem(source, item, where, "more than %d policies", HK_POLICIES_MAX);
        return false;
    }
    return true;
}

static void take_policies(struct hk_config *config, const struct hk_jsonc *source, const cJSON *array)
{
    if (!cJSON_IsArray(array)) {
        hk_jsonc_problem(source, array, "policies", "an array is wanted");
        return;
    }
    unsigned index = 0, first_here = config->loaded;
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        char where[32];
        struct hk_policy policy;
        snprintf(where, sizeof where, "policies[%u]", index++);
        if (!hk_policy_read(&policy, source, item, where))
            continue;
        policy.order = config->loaded++;
        struct hk_policy *all = NULL;
        if (make_room(config, source, item, where, policy.name, first_here))
            all = realloc(config->policies, (config->policy_count + 1) * sizeof *all);
        if (!all) {
            hk_policy_clear(&policy);
            continue;
        }
        config->policies = all;
        all[config->policy_count++] = policy;
    }
}

static void take_member(struct hk_config *config, const struct hk_jsonc *source, const cJSON *item)
{
    static void (*const take[OTHER_KEYS])(struct hk_config *, const struct hk_jsonc *, const cJSON *) = {
        [KEY_ADMIN_GROUP] = take_admin_group,
        [KEY_LOG_LEVEL] = take_log_level,
        [KEY_LIMITS] = take_limits,
        [KEY_POLICIES] = take_policies,
    };
    int i = find_number(settings, HK_COUNT_OF(settings), item->string);
    if (i >= 0) {
        take_number(config, source, item, item->string, &settings[i]);
        return;
    }
    for (unsigned k = 0; k < OTHER_KEYS; k++) {
        if (strcmp(item->string, other_keys[k]) == 0) {
            take[k](config, source, item);
            return;
        }
    }
    unknown_key(source, item, "", settings, HK_COUNT_OF(settings), other_keys, OTHER_KEYS);
}

void hk_config_add_text(struct hk_config *config, const char *file, const char *text, size_t len,
                        struct hk_problems *problems)
{
    struct hk_jsonc source;
    if (hk_jsonc_open(&source, file, text, len, problems) == 0) {
        const cJSON *item;
        if (!cJSON_IsObject(source.root))
            hk_jsonc_problem(&source, source.root, "", "an object is wanted");
        for (item = cJSON_IsObject(source.root) ? source.root->child : NULL; item; item = item->next) {
            /* Past the problems that are shown, a huge wrong file is not worth more time. */
            if (problems->count > HK_PROBLEMS_KEPT)
                break;
            if (given_before(source.root, item))
                hk_jsonc_problem(&source, item, item->string, "given twice");
            else
                take_member(config, &source, item);
        }
    }
    hk_jsonc_close(&source);
}

static int by_order(const void *a, const void *b)
{
    const struct hk_policy *p = a, *q = b;
    if (p->priority != q->priority)
        return p->priority < q->priority ? -1 : 1;
    return p->order < q->order ? -1 : p->order > q->order;
}

void hk_config_order(struct hk_config *config)
{
    if (config->policy_count > 1)
        qsort(config->policies, config->policy_count, sizeof *config->policies, by_order);
}
