/* json_read.c - see json_read.h. */
#include "ctl/base/json_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/base/alloc_or_exit.h"

#define EXACT 9007199254740992.0 /* 2^53: whole numbers beyond it are not all doubles */

const cJSON *hk_json_get_member(const cJSON *object, const char *key)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;
}

double hk_json_get_number(const cJSON *object, const char *key)
{
    const cJSON *item = hk_json_get_member(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

const char *hk_json_get_string(const cJSON *object, const char *key)
{
    const cJSON *item = hk_json_get_member(object, key);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

bool hk_json_get_true(const cJSON *object, const char *key)
{
    return cJSON_IsTrue(hk_json_get_member(object, key));
}

unsigned hk_json_count(const cJSON *container)
{
    bool holds = cJSON_IsArray(container) || cJSON_IsObject(container);
    return holds ? (unsigned)cJSON_GetArraySize(container) : 0;
}

/* cJSON prints numbers with 15 digits if that comes near enough; whole ones are given to it as text. */
static void keep_digits(cJSON *item)
{
    for (; item; item = item->next) {
        if (cJSON_IsArray(item) || cJSON_IsObject(item))
            keep_digits(item->child);
        double v = item->valuedouble;
        if (!cJSON_IsNumber(item) || v != floor(v) || fabs(v) > EXACT)
            continue;
        char digits[32];
        snprintf(digits, sizeof digits, "%.0f", v == 0 ? 0.0 : v);
        size_t size = strlen(digits) + 1;
        char *text = hk_need(cJSON_malloc(size)); /* cJSON frees it with the item */
        memcpy(text, digits, size);
        item->valuestring = text;
        item->type = (item->type & ~0xff) | cJSON_Raw;
    }
}

void hk_json_print(FILE *out, cJSON *value, enum hk_json_form form)
{
    keep_digits(value);
    char *text = hk_need(form == HK_JSON_PRETTY ? cJSON_Print(value) : cJSON_PrintUnformatted(value));
    fprintf(out, "%s\n", text);
    cJSON_free(text);
}
