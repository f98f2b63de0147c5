/* print.c - a configuration in force, as the JSON that would set it. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "config/config.h"
#include "shm/value.h"

static void add_numbers(cJSON *root, const struct hk_config *config)
{
#define HK_SETTING(name, ...) cJSON_AddNumberToObject(root, #name, config->name);
#include "config/config_keys.def"
    cJSON *limits = cJSON_AddObjectToObject(root, "limits");
#define HK_LIMIT(name, ...) cJSON_AddNumberToObject(limits, #name, config->limits.name);
#include "config/config_keys.def"
}

static cJSON *match_object(const struct hk_match *match)
{
    cJSON *object = cJSON_CreateObject();
    for (unsigned f = 0; f < HK_MATCH_FIELDS; f++) {
        if (match->glob_count[f] == 0)
            continue;
        cJSON *globs = cJSON_AddArrayToObject(object, hk_match_field_names[f]);
        for (unsigned i = 0; i < match->glob_count[f]; i++)
            cJSON_AddItemToArray(globs, cJSON_CreateString(match->globs[f][i]));
    }
    cJSON *uids = match->uid_count ? cJSON_AddArrayToObject(object, "uid") : NULL;
    for (unsigned i = 0; i < match->uid_count; i++)
        cJSON_AddItemToArray(uids, cJSON_CreateNumber(match->uids[i]));
    return object;
}

static void add_value(cJSON *object, const struct hk_policy_value *v)
{
    char word[HK_CHOICES_BYTES];
    bool per_class = strchr(v->name, '.') != NULL;
    enum hk_value_error error;
    int index = per_class ? -1 : hk_value_find(v->name, strlen(v->name), NULL, 0, &error);
    const struct hk_tunable_info *info = index >= 0 ? hk_value_info((unsigned)index) : NULL;
    if (info && info->type == HK_TYPE_CHOICE && hk_value_choice(info, v->value, word, sizeof word))
        cJSON_AddStringToObject(object, v->name, word);
    else
        cJSON_AddNumberToObject(object, v->name, (double)v->value);
}

static cJSON *policy_object(const struct hk_policy *policy)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", policy->name);
    if (policy->priority != 0)
        cJSON_AddNumberToObject(object, "priority", policy->priority);
    cJSON_AddItemToObject(object, "match", match_object(&policy->match));
    cJSON *tunables = cJSON_AddObjectToObject(object, "tunables");
    for (unsigned i = 0; i < policy->value_count; i++)
        add_value(tunables, &policy->values[i]);
    return object;
}

int hk_config_print(const struct hk_config *config, FILE *out)
{
    cJSON *root = cJSON_CreateObject();
    add_numbers(root, config);
    if (config->admin_group[0])
        cJSON_AddStringToObject(root, "admin_group", config->admin_group);
    else
        cJSON_AddNullToObject(root, "admin_group");
    cJSON_AddStringToObject(root, "log_level", hk_log_level_names[config->log_level]);
    cJSON *policies = cJSON_AddArrayToObject(root, "policies");
    for (unsigned i = 0; i < config->policy_count; i++)
        cJSON_AddItemToArray(policies, policy_object(&config->policies[i]));
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    if (!text)
        return ENOMEM;
    fprintf(out, "%s\n", text);
    cJSON_free(text);
    return 0;
}
