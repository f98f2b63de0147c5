/*
 * subscribe.h - a client's subscriptions.
 */
#ifndef HAKMEM_DAEMON_CONTROL_SUBSCRIBE_H
#define HAKMEM_DAEMON_CONTROL_SUBSCRIBE_H

#include "daemon/control/server.h"

/* Adds one; params are taken over and left empty. Returns its number. */
uint32_t hk_subscribe(struct hk_client *client, struct hk_params *params, uint64_t now_ns);

/* False if the client has none of that number. */
bool hk_unsubscribe(struct hk_client *client, uint32_t number);

void hk_unsubscribe_all(struct hk_client *client);

/* Sends what is due; a client that has not read the last ones is passed over. */
void hk_subscriptions_send(struct hk_client *client, uint64_t now_ns);

#endif
