/* rpc_test.c - lines taken apart, and parameters checked. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/request_params.h"
#include "daemon/control/rpc.h"

static void test_requests(void **state)
{
    static const struct {
        const char *line;
        int code; /* 0: good */
        const char *id;
    } rows[] = {
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}", 0, "1"},
        {" {\"jsonrpc\":\"2.0\",\"id\":\"a\\u0000b\\\"\",\"method\":\"m\",\"params\":{}} \t\r", 0, "\"a\""},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"m\",\"params\":null}", 0, "null"},
        {"{\"jsonrpc\":\"2.0\",\"method\":\"m\"}", 0, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":-1.5e3,\"method\":\"m\"}", 0, "-1500"},
        {"", HK_RPC_NOT_JSON, "null"},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}}", HK_RPC_NOT_JSON, "null"},
        {"[]", HK_RPC_NOT_REQUEST, "null"},
        {"{}", HK_RPC_NOT_REQUEST, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"m\"}", HK_RPC_NOT_REQUEST, "null"},
        {"{\"jsonrpc\":2.0,\"id\":4,\"method\":\"m\"}", HK_RPC_NOT_REQUEST, "4"},
        {"{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"m\",\"param\":{}}", HK_RPC_NOT_REQUEST, "4"},
        {"{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"m\",\"params\":[]}", HK_RPC_PARAM, "4"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hk_request request;
        struct hk_rpc_error error = {0};
        bool good = hk_request_parse(&request, rows[i].line, strlen(rows[i].line), &error);
        if (good != (rows[i].code == 0) || (!good && error.code != rows[i].code))
            fail_msg("%s: %d %s", rows[i].line, error.code, error.message);
        if (rows[i].id)
            assert_string_equal(request.id, rows[i].id);
        else
            assert_null(request.id);
        hk_request_free(&request);
    }
}

static void test_error_text(void **state)
{
    struct hk_rpc_error error;
    struct hk_json json = {0};
    size_t len;
    (void)state;
    hk_rpc_fail_param(&error, "pid", "'%s' is wrong", "pid");
    hk_rpc_error(&json, "7", &error);
    char *text = hk_json_take(&json, &len);
    assert_string_equal(
        text, "{\"jsonrpc\":\"2.0\",\"id\":7,\"error\":{\"code\":-32602,\"message\":\"'pid' is wrong\","
              "\"data\":{\"param\":\"pid\"}}}\n");
    free(text);
    char long_name[1000];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    hk_rpc_fail_param(&error, long_name, "%s", long_name);
    assert_true(strlen(error.message) < sizeof error.message && strlen(error.text) < sizeof error.text);
}

static bool read_params(const char *text, unsigned taken, struct hk_params *params,
                        struct hk_rpc_error *error)
{
    cJSON *object = cJSON_Parse(text);
    assert_non_null(object);
    bool good = hk_params_read(params, object, taken, error);
    cJSON_Delete(object);
    return good;
}

static void test_params(void **state)
{
    struct hk_params p;
    struct hk_rpc_error error;
    unsigned taken = HK_PARAM_SELECTOR | HK_PARAM_DEAD | HK_PARAM_SCOPE | HK_PARAM_WAIT;
    (void)state;
    assert_true(read_params("{\"pid\":[1,2147483647],\"comm\":\"a*\",\"uid\":5,\"family\":9,\"dead\":true,"
                            "\"scope\":\"host\",\"wait_ms\":0}",
                            taken, &p, &error));
    assert_int_equal(p.selector.pid_count, 2);
    assert_int_equal(p.selector.pids[1], 2147483647);
    assert_int_equal(p.selector.match.uids[0], 5);
    assert_int_equal(p.selector.family, 9);
    assert_true(p.selector.given && p.dead && p.host && p.wait_ms == 0);
    hk_params_clear(&p);
    assert_true(read_params("{}", taken, &p, &error));
    assert_true(!p.selector.given && !p.dead && !p.host && p.wait_ms == HK_WAIT_MS_DEFAULT);
    hk_params_clear(&p);
    assert_true(read_params("{\"all\":false}", taken, &p, &error));
    assert_false(p.selector.given);
    hk_params_clear(&p);
    assert_false(read_params("{\"pid\":2147483648}", taken, &p, &error));
    assert_string_equal(error.text, "pid");
    hk_params_clear(&p);
    assert_false(read_params("{\"pids\":1}", taken, &p, &error));
    assert_non_null(strstr(error.message, "nearest: pid"));
    hk_params_clear(&p);
    /* Another method's parameter is as unknown as any. */
    assert_false(read_params("{\"tunables\":{\"bin_cap\":1}}", taken, &p, &error));
    assert_null(strstr(error.message, "nearest"));
    hk_params_clear(&p);
    assert_false(read_params("{\"pid\":[1,2,3,\"x\"]}", taken, &p, &error));
    hk_params_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_error_text),
        cmocka_unit_test(test_params),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
