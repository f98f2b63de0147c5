/*
 * connection.h - one connection to a daemon: requests, answers, notifications; docs/protocol.md.
 *
 * Blocking, with time-outs. Knows framing and JSON-RPC, not methods.
 */
#ifndef HAKMEM_CTL_CLIENT_CONNECTION_H
#define HAKMEM_CTL_CLIENT_CONNECTION_H

#include <signal.h>

#include "ctl/base/json_read.h"
#include "shm/runtime_dir.h"

struct hk_connection {
    int fd; /* -1: not connected */
    char dir[HK_RUNTIME_DIR_MAX + 1];
    char *buf; /* received and not yet read: from `at` to `len` */
    size_t at, len, capacity;
    double next_id;
    const sigset_t *unblocked; /* signals that may end a wait for a message; NULL: as they are */
};

enum hk_call_status {
    HK_CALL_OK,
    HK_CALL_REFUSED,     /* the daemon answered with an error */
    HK_CALL_LOST,        /* no answer: the reason is in error->message */
    HK_CALL_INTERRUPTED, /* by a signal, while waiting for a notification */
};

/* What the daemon sent as error (to be deleted), or for HK_CALL_LOST a sentence of the client's own. */
struct hk_call_error {
    int code; /* 0 for HK_CALL_LOST */
    cJSON *object;
    char message[512];
};

/* Milliseconds without a byte from the daemon after which it is given up. */
#define HK_CONNECTION_PATIENCE_MS 10000

/* Connects to the control socket in dir. 0 or an errno. */
int hk_connection_open(struct hk_connection *connection, const char *dir);
void hk_connection_close(struct hk_connection *connection);

/* Sends a request and waits for its answer. params is taken over; NULL: none. On HK_CALL_OK *result is the
 * caller's to delete; else error is filled in. Notifications that come meanwhile are dropped. */
enum hk_call_status hk_connection_call(struct hk_connection *connection, const char *method, cJSON *params,
                                       unsigned patience_ms, cJSON **result, struct hk_call_error *error);

/* Waits for the next notification of that method; *params is the caller's to delete. */
enum hk_call_status hk_connection_wait(struct hk_connection *connection, const char *method,
                                       unsigned patience_ms, cJSON **params, struct hk_call_error *error);

#endif
