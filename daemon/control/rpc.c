/* rpc.c - see rpc.h. */
#include "daemon/control/rpc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/control/methods.h"

#define ID_BYTES_MAX 256
#define QUOTED_MAX   64 /* characters of a caller's word that an error repeats */

static void HK_PRINTF(5, 0) fill(struct hk_rpc_error *error, int code, const char *key, const char *text,
                                 const char *format, va_list args)
{
    *error = (struct hk_rpc_error){.code = code, .key = key};
    vsnprintf(error->message, sizeof error->message, format, args);
    snprintf(error->text, sizeof error->text, "%s", text);
}

bool hk_rpc_fail(struct hk_rpc_error *error, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(error, code, NULL, "", format, args);
    va_end(args);
    return false;
}

bool hk_rpc_fail_param(struct hk_rpc_error *error, const char *param, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(error, HK_RPC_PARAM, "param", param, format, args);
    va_end(args);
    return false;
}

bool hk_rpc_fail_limit(struct hk_rpc_error *error, const char *limit, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(error, HK_RPC_LIMIT, "limit", limit, format, args);
    va_end(args);
    return false;
}

static char *text_of(struct hk_json *json)
{
    size_t len;
    return hk_json_take(json, &len);
}

/* The id as it will be given back; NULL if it is of no kind that an id may be. */
static char *id_text(const cJSON *id)
{
    struct hk_json json = {0};
    if (cJSON_IsNull(id))
        hk_json_null(&json, NULL);
    else if (cJSON_IsNumber(id))
        hk_json_double(&json, NULL, id->valuedouble);
    else if (cJSON_IsString(id) && strlen(id->valuestring) <= ID_BYTES_MAX)
        hk_json_string(&json, NULL, id->valuestring);
    else
        return NULL;
    return text_of(&json);
}

static bool parse_json(struct hk_request *request, const char *line, size_t len, struct hk_rpc_error *error)
{
    const char *end = NULL;
    request->root = cJSON_ParseWithLengthOpts(line, len, &end, 0);
    size_t at = end && end >= line && end <= line + len ? (size_t)(end - line) : 0;
    while (at < len && strchr(" \t\r", line[at]) && line[at] != '\0')
        at++;
    if (request->root && at == len)
        return true;
    hk_rpc_fail(error, HK_RPC_NOT_JSON, "not JSON: error at byte %zu", at);
    error->key = "at";
    error->number = at;
    return false;
}

static bool is_member(const char *name)
{
    static const char *const members[] = {"jsonrpc", "id", "method", "params"};
    for (unsigned i = 0; i < HK_COUNT_OF(members); i++) {
        if (strcmp(name, members[i]) == 0)
            return true;
    }
    return false;
}

static bool check_members(const cJSON *root, struct hk_rpc_error *error)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, root)
    {
        if (!is_member(member->string))
            return hk_rpc_fail(error, HK_RPC_NOT_REQUEST,
                               "'%.*s' is no member of a request: jsonrpc, id, method and params are",
                               QUOTED_MAX, member->string);
    }
    return true;
}

static bool take_apart(struct hk_request *request, struct hk_rpc_error *error)
{
    const cJSON *root = request->root;
    if (cJSON_IsArray(root))
        return hk_rpc_fail(error, HK_RPC_NOT_REQUEST, "batches are not accepted: one object a line");
    if (!cJSON_IsObject(root))
        return hk_rpc_fail(error, HK_RPC_NOT_REQUEST, "a request is an object");
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(root, "id");
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(root, "jsonrpc");
    const cJSON *method = cJSON_GetObjectItemCaseSensitive(root, "method");
    free(request->id);
    request->id = id ? id_text(id) : NULL;
    if (id && !request->id) {
        request->id = hk_strdup("null");
        return hk_rpc_fail(error, HK_RPC_NOT_REQUEST,
                           "'id' is to be a number, null, or a string of at most %d bytes", ID_BYTES_MAX);
    }
    if (!cJSON_IsString(version) || strcmp(version->valuestring, "2.0") != 0)
        return hk_rpc_fail(error, HK_RPC_NOT_REQUEST, "'jsonrpc' is to be \"2.0\"");
    if (!cJSON_IsString(method))
        return hk_rpc_fail(error, HK_RPC_NOT_REQUEST, "'method' is to be a string");
    if (!check_members(root, error))
        return false;
    request->method = method->valuestring;
    request->params = cJSON_GetObjectItemCaseSensitive(root, "params");
    if (cJSON_IsNull(request->params))
        request->params = NULL;
    if (request->params && !cJSON_IsObject(request->params))
        return hk_rpc_fail_param(error, "params", "'params' is to be an object");
    return true;
}

bool hk_request_parse(struct hk_request *request, const char *line, size_t len, struct hk_rpc_error *error)
{
    *request = (struct hk_request){.id = hk_strdup("null")};
    return parse_json(request, line, len, error) && take_apart(request, error);
}

void hk_request_free(struct hk_request *request)
{
    cJSON_Delete(request->root);
    free(request->id);
    *request = (struct hk_request){0};
}

static void begin(struct hk_json *json, const char *id)
{
    hk_json_object(json, NULL);
    hk_json_string(json, "jsonrpc", "2.0");
    hk_json_raw(json, "id", id, strlen(id));
}

void hk_rpc_begin(struct hk_json *json, const char *id)
{
    begin(json, id);
}

void hk_rpc_end(struct hk_json *json)
{
    hk_json_end_object(json);
    json->follows = false;
    hk_json_raw(json, NULL, "\n", 1);
}

static void add_data(struct hk_json *json, const struct hk_rpc_error *error)
{
    if (!error->key && error->code != HK_RPC_NO_METHOD)
        return;
    hk_json_object(json, "data");
    if (error->code == HK_RPC_NO_METHOD) {
        hk_json_array(json, "methods");
        for (unsigned i = 0; i < hk_method_count; i++)
            hk_json_string(json, NULL, hk_method_name(i));
        hk_json_end_array(json);
    } else if (error->text[0]) {
        hk_json_string(json, error->key, error->text);
    } else {
        hk_json_u64(json, error->key, error->number);
    }
    hk_json_end_object(json);
}

void hk_rpc_error(struct hk_json *json, const char *id, const struct hk_rpc_error *error)
{
    begin(json, id);
    hk_json_object(json, "error");
    hk_json_i64(json, "code", error->code);
    hk_json_string(json, "message", error->message);
    add_data(json, error);
    hk_json_end_object(json);
    hk_rpc_end(json);
}
