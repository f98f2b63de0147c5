/* tunable_json.c - see tunable_json.h. */
#include "config/tunable_json.h"

#include <stdio.h>
#include <string.h>

/* Largest whole number that every JSON reader keeps. */
#define EXACT 9007199254740992.0

/* The size after the dot as the only class there is, so that any size is found. */
static unsigned class_of_name(const char *name, uint32_t classes[1])
{
    const char *dot = strchr(name, '.');
    uint64_t size = 0;
    if (!dot || dot[1] == '\0')
        return 0;
    for (const char *p = dot + 1; *p >= '0' && *p <= '9' && size <= UINT32_MAX; p++)
        size = size * 10 + (uint64_t)(*p - '0');
    classes[0] = (uint32_t)size;
    return size > 0 && size <= UINT32_MAX;
}

static int find(const char *name, char *why, size_t why_size)
{
    uint32_t classes[1];
    enum hk_value_error error;
    int index = hk_value_find(name, strlen(name), classes, class_of_name(name, classes), &error);
    if (index < 0)
        hk_value_explain(error, name, strlen(name), "", 0, why, why_size);
    return index;
}

bool hk_tunable_check_name(const char *name, char *why, size_t why_size)
{
    return find(name, why, why_size) >= 0;
}

bool hk_tunable_from_json(const char *name, const cJSON *item, uint64_t *value, char *why, size_t why_size)
{
    int index = find(name, why, why_size);
    if (index < 0)
        return false;
    char number[32];
    const char *text = cJSON_GetStringValue(item);
    if (cJSON_IsNumber(item)) {
        double d = item->valuedouble;
        bool whole = d >= 0 && d <= EXACT && d == (double)(uint64_t)d;
        if (whole)
            snprintf(number, sizeof number, "%llu", (unsigned long long)d);
        else
            snprintf(number, sizeof number, "%.6g", d);
        text = number;
    }
    if (!text) {
        snprintf(why, why_size, "%.80s: a number or a string is wanted", name);
        return false;
    }
    enum hk_value_error error = hk_value_parse(hk_value_info((unsigned)index), text, strlen(text), value);
    if (error != HK_VALUE_OK)
        hk_value_explain(error, name, strlen(name), text, strlen(text), why, why_size);
    return error == HK_VALUE_OK;
}
