/* subscribe.c - see subscribe.h. */
#include "daemon/control/subscribe.h"

#include <stdlib.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/control/report.h"
#include "daemon/daemon.h"

uint32_t hk_subscribe(struct hk_client *client, struct hk_params *params, uint64_t now_ns)
{
    struct hk_subscription *subscription = hk_alloc(sizeof *subscription);
    subscription->number = ++client->last_subscription;
    subscription->params = *params;
    subscription->params.tunables = subscription->params.names = NULL;
    *params = (struct hk_params){0};
    subscription->every_ns = subscription->params.every_ms * HK_NS_PER_MS;
    subscription->due_ns = now_ns; /* with the next sample */
    TAILQ_INSERT_TAIL(&client->subscriptions, subscription, link);
    client->subscription_count++;
    return subscription->number;
}

static void drop(struct hk_client *client, struct hk_subscription *subscription)
{
    TAILQ_REMOVE(&client->subscriptions, subscription, link);
    client->subscription_count--;
    hk_params_clear(&subscription->params);
    free(subscription);
}

bool hk_unsubscribe(struct hk_client *client, uint32_t number)
{
    struct hk_subscription *subscription;
    TAILQ_FOREACH(subscription, &client->subscriptions, link)
    {
        if (subscription->number == number) {
            drop(client, subscription);
            return true;
        }
    }
    return false;
}

void hk_unsubscribe_all(struct hk_client *client)
{
    struct hk_subscription *subscription, *next;
    for (subscription = TAILQ_FIRST(&client->subscriptions); subscription; subscription = next) {
        next = TAILQ_NEXT(subscription, link);
        drop(client, subscription);
    }
}

static void notify(struct hk_client *client, const struct hk_subscription *subscription)
{
    struct hk_viewer viewer = hk_client_viewer(client);
    struct hk_json json = {0};
    size_t len;
    hk_json_object(&json, NULL);
    hk_json_string(&json, "jsonrpc", "2.0");
    hk_json_string(&json, "method", "stats");
    hk_json_object(&json, "params");
    hk_json_u64(&json, "subscription", subscription->number);
    hk_json_u64(&json, "skipped", subscription->skipped);
    hk_report_stats_members(&json, client->server->daemon, &viewer, &subscription->params);
    hk_json_end_object(&json);
    hk_rpc_end(&json);
    char *text = hk_json_take(&json, &len);
    hk_client_send(client, text, len);
}

void hk_subscriptions_send(struct hk_client *client, uint64_t now_ns)
{
    struct hk_subscription *subscription;
    struct hk_server *server = client->server;
    /* A sample may come a little early by this clock. */
    uint64_t slack_ns = server->daemon->interval_ms * HK_NS_PER_MS / 2;
    bool behind = client->queued > 0 || server->queued >= server->daemon->config.limits.queue_bytes;
    TAILQ_FOREACH(subscription, &client->subscriptions, link)
    {
        if (now_ns + slack_ns < subscription->due_ns)
            continue;
        subscription->due_ns = now_ns + subscription->every_ns;
        if (behind)
            subscription->skipped++;
        else
            notify(client, subscription);
        if (client->closing)
            return;
    }
}
