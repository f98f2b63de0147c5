/*
 * server.h - the control socket and its clients: lines in, lines out, nobody stalls anybody.
 *
 * What lines mean is daemon/control/methods.c's business. Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_CONTROL_SERVER_H
#define HAKMEM_DAEMON_CONTROL_SERVER_H

#include <sys/queue.h>
#include <uv.h>

#include "daemon/control/process_selector.h"
#include "daemon/control/request_params.h"

struct hk_server;

struct hk_subscription {
    TAILQ_ENTRY(hk_subscription) link;
    uint32_t number;
    struct hk_params params;
    uint64_t every_ns;
    uint64_t due_ns;
    uint64_t skipped;
};

TAILQ_HEAD(hk_subscription_list, hk_subscription);

struct hk_client {
    TAILQ_ENTRY(hk_client) link;
    struct hk_server *server;
    uv_pipe_t pipe;
    pid_t pid;
    uid_t uid;
    gid_t gid, *groups;
    unsigned group_count;
    struct hk_user *user;

    char *in; /* what has come and is no whole line yet, or is not dealt with yet */
    size_t in_len, in_room;
    size_t in_at;      /* where that begins */
    size_t scanned;    /* no newline from there to here */
    size_t queued;     /* bytes handed to libuv and not yet sent */
    size_t stalled_at; /* of those, what was left when progress was last seen */
    uint64_t progress_ns;
    bool reading, ended; /* ended: the client sends no more */
    bool leaving;        /* to be closed once everything is sent */
    bool closing;

    unsigned waits; /* requests that wait for processes */
    struct hk_subscription_list subscriptions;
    unsigned subscription_count;
    uint32_t last_subscription;
};

TAILQ_HEAD(hk_client_list, hk_client);

struct hk_server {
    struct hk_daemon *daemon;
    uv_pipe_t listener;
    bool open;
    struct hk_client_list clients;
    unsigned client_count;
    size_t queued; /* of all clients */
};

/* Starts to listen on a socket that is taken over. 0 or a libuv error. */
int hk_server_start(struct hk_server *server, struct hk_daemon *daemon, int fd);
void hk_server_stop(struct hk_server *server);

/* After a sample: notifications that are due, and clients that have stalled. */
void hk_server_on_sample(struct hk_server *server, uint64_t now_ns);

/* Clients that the viewer may know of. */
unsigned hk_server_clients_of(const struct hk_server *server, const struct hk_viewer *viewer);

/* Sends a whole line that is taken over, newline included. A client that is closing gets nothing. */
void hk_client_send(struct hk_client *client, char *text, size_t len);

/* Rights as they are now. */
struct hk_viewer hk_client_viewer(const struct hk_client *client);

/* A request that waited has been answered. */
void hk_client_wait_over(struct hk_client *client);

#endif
