/*
 * methods.h - what can be asked: one row a method, and the way from a line to its answer.
 */
#ifndef HAKMEM_DAEMON_CONTROL_METHODS_H
#define HAKMEM_DAEMON_CONTROL_METHODS_H

#include <stddef.h>

#include "daemon/control/json_writer.h"
#include "daemon/control/request_params.h"

struct hk_client;
struct hk_daemon;

extern const unsigned hk_method_count;
const char *hk_method_name(unsigned i);

/* Deals with one line of a client: answers it now, later, or not at all. */
void hk_methods_take_line(struct hk_client *client, const char *line, size_t len);

/* A request that a method deals with. */
struct hk_call {
    struct hk_client *client;
    struct hk_daemon *daemon;
    struct hk_viewer viewer;
    struct hk_params params;
    char *id;             /* as JSON; NULL: a notification. A method that answers later takes it away. */
    struct hk_json *json; /* where "result" is to be written */
    struct hk_rpc_error error;
};

enum hk_outcome {
    HK_ANSWERED,
    HK_REFUSED, /* error is filled in */
    HK_LATER,   /* daemon/control/pending_replies.c answers */
};

/* tune.set, tune.reset, trim and flush: daemon/control/tuning_methods.c. */
enum hk_outcome hk_method_tune_set(struct hk_call *call);
enum hk_outcome hk_method_tune_reset(struct hk_call *call);
enum hk_outcome hk_method_trim(struct hk_call *call);
enum hk_outcome hk_method_flush(struct hk_call *call);

#endif
