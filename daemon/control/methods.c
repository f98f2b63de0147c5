/* methods.c - see methods.h. */
#include "daemon/control/methods.h"

#include <string.h>

#include "daemon/control/report.h"
#include "daemon/control/server.h"
#include "daemon/control/subscribe.h"
#include "daemon/daemon.h"

#define BYTES_PER_REQUEST 4096 /* a longer line counts for several, since it takes as long */
#define BURST_S           2

static enum hk_outcome no_match(struct hk_call *call)
{
    hk_rpc_fail(&call->error, HK_RPC_NO_MATCH, "no process matches the selector");
    return HK_REFUSED;
}

static enum hk_outcome method_info(struct hk_call *call)
{
    hk_report_info(call->json, "result", call->daemon, &call->viewer);
    return HK_ANSWERED;
}

static enum hk_outcome method_schema(struct hk_call *call)
{
    hk_report_schema(call->json, "result");
    return HK_ANSWERED;
}

static enum hk_outcome method_list(struct hk_call *call)
{
    bool some = hk_report_list(call->json, "result", call->daemon, &call->viewer, &call->params);
    return some ? HK_ANSWERED : no_match(call);
}

static enum hk_outcome method_stats(struct hk_call *call)
{
    bool some = hk_report_stats(call->json, "result", call->daemon, &call->viewer, &call->params);
    return some ? HK_ANSWERED : no_match(call);
}

static enum hk_outcome method_tune_get(struct hk_call *call)
{
    bool some = hk_report_tuning(call->json, "result", call->daemon, &call->viewer, &call->params);
    return some ? HK_ANSWERED : no_match(call);
}

static enum hk_outcome method_subscribe(struct hk_call *call)
{
    uint32_t most = call->daemon->config.limits.subscriptions;
    uint32_t interval_ms = call->daemon->interval_ms;
    if (call->client->subscription_count >= most) {
        hk_rpc_fail_limit(&call->error, "subscriptions", "too many subscriptions (limits.subscriptions, %u)",
                          most);
        return HK_REFUSED;
    }
    uint32_t wanted = call->params.every_ms ? call->params.every_ms : interval_ms;
    call->params.every_ms = (wanted + interval_ms - 1) / interval_ms * interval_ms;
    uint32_t number = hk_subscribe(call->client, &call->params, hk_now_ns());
    hk_json_object(call->json, "result");
    hk_json_u64(call->json, "subscription", number);
    hk_json_end_object(call->json);
    return HK_ANSWERED;
}

static enum hk_outcome method_unsubscribe(struct hk_call *call)
{
    uint32_t number = call->params.subscription;
    if (number == 0 || !hk_unsubscribe(call->client, number)) {
        hk_rpc_fail_param(&call->error, "subscription",
                          number ? "this connection has no subscription %u" : "'subscription' is missing",
                          number);
        return HK_REFUSED;
    }
    hk_json_object(call->json, "result");
    hk_json_u64(call->json, "subscription", number);
    hk_json_end_object(call->json);
    return HK_ANSWERED;
}

static const struct method {
    const char *name;
    unsigned params; /* enum hk_param */
    enum hk_outcome (*call)(struct hk_call *call);
} methods[] = {
#define HK_METHOD(name, call, params, help) {name, params, call},
#include "daemon/control/methods.def"
};

const unsigned hk_method_count = HK_COUNT_OF(methods);

const char *hk_method_name(unsigned i)
{
    return methods[i].name;
}

static const struct method *find(const char *name, struct hk_rpc_error *error)
{
    for (unsigned i = 0; i < hk_method_count; i++) {
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    }
    hk_rpc_fail(error, HK_RPC_NO_METHOD, "no such method: '%.64s'", name);
    return NULL;
}

/* Whether the user may ask and the answer will find room. */
static bool within_limits(struct hk_client *client, size_t len, struct hk_rpc_error *error)
{
    const struct hk_daemon *daemon = client->server->daemon;
    double per_s = daemon->config.limits.requests_per_s;
    size_t more = len / BYTES_PER_REQUEST;
    double cost = 1 + (double)more;
    if (!hk_bucket_take(&client->user->requests, per_s, per_s * BURST_S, cost, hk_now_ns()))
        return hk_rpc_fail_limit(error, "requests_per_s", "too many requests (limits.requests_per_s, %u)",
                                 daemon->config.limits.requests_per_s);
    if (client->server->queued >= daemon->config.limits.queue_bytes)
        return hk_rpc_fail_limit(error, "queue_bytes",
                                 "too many answers wait to be read (limits.queue_bytes, %u)",
                                 daemon->config.limits.queue_bytes);
    return true;
}

static enum hk_outcome run(struct hk_call *call, const struct hk_request *request)
{
    const struct method *method = find(request->method, &call->error);
    if (!method || !hk_params_read(&call->params, request->params, method->params, &call->error))
        return HK_REFUSED;
    return method->call(call);
}

static void send_json(struct hk_client *client, struct hk_json *json)
{
    size_t len;
    char *text = hk_json_take(json, &len);
    hk_client_send(client, text, len);
}

static void deal_with(struct hk_client *client, struct hk_request *request)
{
    struct hk_json json = {0};
    struct hk_call call = {.client = client,
                           .daemon = client->server->daemon,
                           .viewer = hk_client_viewer(client),
                           .id = request->id,
                           .json = &json};
    bool answered_at_all = request->id != NULL;
    request->id = NULL;
    hk_rpc_begin(&json, call.id ? call.id : "null");
    enum hk_outcome outcome = run(&call, request);
    if (outcome == HK_ANSWERED && answered_at_all) {
        hk_rpc_end(&json);
        send_json(client, &json);
    } else if (outcome == HK_REFUSED && answered_at_all) {
        hk_json_free(&json);
        hk_rpc_error(&json, call.id, &call.error);
        send_json(client, &json);
    }
    hk_json_free(&json);
    hk_params_clear(&call.params);
    request->id = call.id;
}

static bool is_blank(const char *line, size_t len)
{
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
        len--;
    return len == 0;
}

void hk_methods_take_line(struct hk_client *client, const char *line, size_t len)
{
    struct hk_request request = {0};
    struct hk_rpc_error error;
    if (is_blank(line, len))
        return;
    bool allowed = within_limits(client, len, &error);
    /* Over the limit only a short line is worth parsing, for its id. */
    bool parsed = false;
    if (allowed)
        parsed = hk_request_parse(&request, line, len, &error);
    else if (len <= BYTES_PER_REQUEST) {
        struct hk_rpc_error ignored;
        hk_request_parse(&request, line, len, &ignored);
    }
    if (parsed) {
        deal_with(client, &request);
    } else if (request.id || !request.root || error.code == HK_RPC_NOT_REQUEST) {
        struct hk_json json = {0};
        hk_rpc_error(&json, request.id ? request.id : "null", &error);
        send_json(client, &json);
    }
    hk_request_free(&request);
}
