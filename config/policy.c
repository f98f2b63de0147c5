/* policy.c - see policy.h. */
#include "config/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/glob.h"
#include "config/tunable_json.h"
#include "shm/nearest.h"
#include "shm/text.h"

#define WHERE_BYTES 160

/* One policy being read: where it stands in the file, and whether all is well so far. */
struct reading {
    struct hk_policy *policy;
    const struct hk_jsonc *source;
    const char *where;
    bool ok;
};

static void HK_PRINTF(4, 5)
    problem(struct reading *r, const cJSON *node, const char *key, const char *format, ...)
{
    char where[WHERE_BYTES], message[HK_PROBLEM_LENGTH];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    snprintf(where, sizeof where, "%s%s%.80s", r->where, key[0] ? "." : "", key);
    hk_jsonc_problem(r->source, node, where, "%s", message);
    r->ok = false;
}

static void unknown_key(struct reading *r, const cJSON *node, const char *parent, const char *const *known,
                        unsigned count)
{
    char key[WHERE_BYTES];
    const char *near;
    snprintf(key, sizeof key, "%s%s%.60s", parent, parent[0] ? "." : "", node->string);
    bool hint = hk_nearest(node->string, strlen(node->string), known, count, &near, 1) == 1;
    problem(r, node, key, "no such key%s%s", hint ? "; nearest: " : "", hint ? near : "");
}

static int index_of(const char *word, const char *const *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0)
            return (int)i;
    }
    return -1;
}

static void read_glob(struct reading *r, unsigned field, const cJSON *item, const char *key)
{
    const char *glob = cJSON_GetStringValue(item);
    const char *wrong = glob ? hk_glob_problem(glob) : "a string, or an array of strings, is wanted";
    if (!wrong && glob[0] == '\0')
        wrong = "an empty pattern matches nothing";
    if (!wrong && hk_match_add_glob(&r->policy->match, field, glob) != 0)
        wrong = "more than 64 patterns";
    if (wrong)
        problem(r, item, key, "%s", wrong);
}

static void read_uid(struct reading *r, const cJSON *item, const char *key)
{
    double d = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!(d >= 0 && d < 4294967295.0 && d == (double)(uint32_t)d))
        problem(r, item, key, "a user's number, or an array of them, is wanted");
    else if (hk_match_add_uid(&r->policy->match, (uint32_t)d) != 0)
        problem(r, item, key, "more than 64 users");
}

static void read_match(struct reading *r, const cJSON *match)
{
    static const char *const known[HK_MATCH_FIELDS + 1] = {"comm", "exe", "unit", "label", "uid"};
    unsigned seen = 0;
    if (!cJSON_IsObject(match)) {
        problem(r, match, "match", "an object is wanted");
        return;
    }
    const cJSON *member, *item;
    cJSON_ArrayForEach(member, match)
    {
        char key[WHERE_BYTES];
        snprintf(key, sizeof key, "match.%.60s", member->string);
        int field = index_of(member->string, known, HK_COUNT_OF(known));
        if (field < 0) {
            unknown_key(r, member, "match", known, HK_COUNT_OF(known));
            continue;
        }
        if (seen & 1u << field)
            problem(r, member, key, "given twice");
        seen |= 1u << field;
        if (cJSON_IsArray(member) && !member->child)
            problem(r, member, key, "an empty array matches nothing");
        bool list = cJSON_IsArray(member);
        for (item = list ? member->child : member; item; item = list ? item->next : NULL) {
            if (field < HK_MATCH_FIELDS)
                read_glob(r, (unsigned)field, item, key);
            else
                read_uid(r, item, key);
        }
    }
}

static bool has_value(const struct hk_policy *policy, const char *name)
{
    for (unsigned i = 0; i < policy->value_count; i++) {
        if (strcmp(policy->values[i].name, name) == 0)
            return true;
    }
    return false;
}

static void read_tunables(struct reading *r, const cJSON *tunables)
{
    const cJSON *member;
    if (!cJSON_IsObject(tunables) || !tunables->child) {
        problem(r, tunables, "tunables", "an object with at least one tunable is wanted");
        return;
    }
    cJSON_ArrayForEach(member, tunables)
    {
        char why[HK_TUNABLE_WHY_BYTES];
        struct hk_policy_value v;
        if (!hk_tunable_from_json(member->string, member, &v.value, why, sizeof why)) {
            problem(r, member, "tunables", "%s", why);
            continue;
        }
        if (strlen(member->string) >= sizeof v.name || r->policy->value_count == HK_VALUES) {
            problem(r, member, "tunables", "too many tunables, or too long a name");
            return;
        }
        if (has_value(r->policy, member->string)) {
            problem(r, member, "tunables", "%s: given twice", member->string);
            continue;
        }
        struct hk_policy_value *values = realloc(r->policy->values,
                                                 (r->policy->value_count + 1) * sizeof *values);
        if (!values) {
            problem(r, member, "tunables", "out of memory");
            return;
        }
        hk_text_field(v.name, sizeof v.name, member->string, strlen(member->string));
        r->policy->values = values;
        values[r->policy->value_count++] = v;
    }
}

static void read_name(struct reading *r, const cJSON *item)
{
    const char *name = cJSON_GetStringValue(item);
    if (!name || name[0] == '\0' || strlen(name) >= HK_POLICY_NAME_BYTES) {
        problem(r, item, "name", "a string of 1 to %d bytes is wanted", HK_POLICY_NAME_BYTES - 1);
        return;
    }
    hk_text_field(r->policy->name, sizeof r->policy->name, name, strlen(name));
}

static void read_priority(struct reading *r, const cJSON *item)
{
    double d = cJSON_IsNumber(item) ? item->valuedouble : 0.5;
    if (!(d >= -HK_POLICY_PRIORITY_MAX && d <= HK_POLICY_PRIORITY_MAX && d == (double)(int)d))
        problem(r, item, "priority", "a whole number from %d to %d is wanted", -HK_POLICY_PRIORITY_MAX,
                HK_POLICY_PRIORITY_MAX);
    else
        r->policy->priority = (int)d;
}

bool hk_policy_read(struct hk_policy *policy, const struct hk_jsonc *source, const cJSON *item,
                    const char *where)
{
    static const char *const known[] = {"name", "match", "tunables", "priority"};
    static void (*const read[])(struct reading *, const cJSON *) = {read_name, read_match, read_tunables,
                                                                    read_priority};
    memset(policy, 0, sizeof *policy);
    struct reading r = {.policy = policy, .source = source, .where = where, .ok = true};
    unsigned seen = 0;
    if (!cJSON_IsObject(item))
        problem(&r, item, "", "an object is wanted");
    const cJSON *member;
    for (member = r.ok ? item->child : NULL; member; member = member->next) {
        int key = index_of(member->string, known, HK_COUNT_OF(known));
        if (key < 0) {
            unknown_key(&r, member, "", known, HK_COUNT_OF(known));
            continue;
        }
        if (seen & 1u << key)
            problem(&r, member, member->string, "given twice");
        else
            read[key](&r, member);
        seen |= 1u << key;
    }
    for (unsigned key = 0; key < 3 && cJSON_IsObject(item); key++) {
        if (!(seen & 1u << key))
            problem(&r, item, "", "'%s' is missing", known[key]);
    }
    if (!r.ok)
        hk_policy_clear(policy);
    return r.ok;
}

void hk_policy_clear(struct hk_policy *policy)
{
    hk_match_clear(&policy->match);
    free(policy->values);
    memset(policy, 0, sizeof *policy);
}

void hk_policies_choose(const struct hk_policy *policies, unsigned count, const struct hk_facts *facts,
                        const uint32_t *classes, unsigned class_count, struct hk_policy_choice out[HK_VALUES])
{
    memset(out, 0, HK_VALUES * sizeof *out);
    for (unsigned i = 0; i < count; i++) {
        const struct hk_policy *policy = &policies[i];
        if (!hk_match_facts(&policy->match, facts))
            continue;
        for (unsigned k = 0; k < policy->value_count; k++) {
            const char *name = policy->values[k].name;
            enum hk_value_error error;
            int index = hk_value_find(name, strlen(name), classes, class_count, &error);
            if (index >= 0)
                out[index] = (struct hk_policy_choice){.policy = policy, .value = policy->values[k].value};
        }
    }
}
