/*
 * request_fuzz.c - a client's line: taken apart, its parameters checked, and the answer to it.
 *
 * Whatever the line, the answer is one line of JSON in UTF-8.
 */
#include <stdlib.h>
#include <string.h>

#include "config/tunable_json.h"
#include "daemon/control/request_params.h"
#include "daemon/control/rpc.h"
#include "tests/fuzz/fuzz.h"

static void check_answer(struct hk_json *json)
{
    size_t len;
    char *text = hk_json_take(json, &len);
    FUZZ_CHECK(len > 0 && text[len - 1] == '\n' && strlen(text) == len &&
               strchr(text, '\n') == text + len - 1);
    for (size_t i = 0; i < len;) {
        unsigned n = hk_utf8_length(text + i, len - i);
        FUZZ_CHECK(n > 0);
        i += n;
    }
    cJSON *back = cJSON_Parse(text);
    FUZZ_CHECK(cJSON_GetObjectItemCaseSensitive(back, "jsonrpc"));
    FUZZ_CHECK(cJSON_GetObjectItemCaseSensitive(back, "id"));
    cJSON_Delete(back);
    free(text);
}

static void check_error(const char *id, const struct hk_rpc_error *error)
{
    struct hk_json json = {0};
    FUZZ_CHECK(error->code < 0 && error->message[0] != '\0');
    hk_rpc_error(&json, id ? id : "null", error);
    check_answer(&json);
}

static void check_tunables(const cJSON *tunables)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, tunables)
    {
        char why[HK_TUNABLE_WHY_BYTES] = "";
        uint64_t value;
        if (!hk_tunable_from_json(item->string, item, &value, why, sizeof why))
            FUZZ_CHECK(why[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hk_request request;
    struct hk_rpc_error error = {0};
    struct hk_params params;
    if (hk_request_parse(&request, (const char *)data, size, &error)) {
        struct hk_json json = {0};
        if (!hk_params_read(&params, request.params, ~0u, &error))
            check_error(request.id, &error);
        else
            check_tunables(params.tunables);
        hk_params_clear(&params);
        hk_rpc_begin(&json, request.id ? request.id : "null");
        hk_json_string(&json, "result", request.method);
        hk_rpc_end(&json);
        check_answer(&json);
    } else {
        check_error(request.id, &error);
    }
    hk_request_free(&request);
    return 0;
}
