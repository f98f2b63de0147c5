/* server.c - see server.h. */
#include "daemon/control/server.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/control/methods.h"
#include "daemon/control/subscribe.h"
#include "daemon/daemon.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

#define BACKLOG    128
#define IN_FIRST   4096
#define IN_KEPT    65536
#define HIGH_WATER (1u << 20) /* unsent bytes at which no further request of a client is dealt with */
#define LOW_WATER  (1u << 18)
#define GROUPS_MAX 65536

struct sending {
    uv_write_t write;
    struct hk_client *client;
    char *text;
    size_t len;
};

/* ---- end of a client ---- */

static void on_client_closed(uv_handle_t *handle)
{
    struct hk_client *client = handle->data;
    free(client->groups);
    free(client->in);
    free(client);
}

static void drop(struct hk_client *client)
{
    struct hk_server *server = client->server;
    if (client->closing)
        return;
    client->closing = true;
    hk_waits_cancel(&server->daemon->waits, client);
    hk_unsubscribe_all(client);
    TAILQ_REMOVE(&server->clients, client, link);
    server->client_count--;
    if (client->user)
        client->user->clients--;
    uv_close((uv_handle_t *)&client->pipe, on_client_closed);
}

/* Whether nothing is left to be said to a client that says nothing more itself. */
static bool is_done(const struct hk_client *client)
{
    if (client->queued > 0)
        return false;
    return client->leaving ||
           (client->ended && client->waits == 0 && client->subscription_count == 0 && client->in_len == 0);
}

/* ---- sending ---- */

static void proceed(struct hk_client *client);

static void on_sent(uv_write_t *write, int status)
{
    struct sending *sending = write->data;
    struct hk_client *client = sending->client;
    client->queued -= sending->len;
    client->server->queued -= sending->len;
    free(sending->text);
    free(sending);
    if (status != 0 || is_done(client))
        drop(client);
    else if (!client->closing && client->queued <= LOW_WATER)
        proceed(client);
}

void hk_client_send(struct hk_client *client, char *text, size_t len)
{
    struct sending *sending;
    if (client->closing) {
        free(text);
        return;
    }
    sending = hk_alloc(sizeof *sending);
    sending->client = client;
    sending->text = text;
    sending->len = len;
    sending->write.data = sending;
    uv_buf_t buf = uv_buf_init(text, (unsigned)len);
    if (client->queued == 0) {
        client->progress_ns = hk_now_ns();
        client->stalled_at = len;
    }
    client->queued += len;
    client->server->queued += len;
    if (uv_write(&sending->write, (uv_stream_t *)&client->pipe, &buf, 1, on_sent) == 0)
        return;
    client->queued -= len;
    client->server->queued -= len;
    free(text);
    free(sending);
    drop(client);
}

static void send_error(struct hk_client *client, const char *id, const struct hk_rpc_error *error)
{
    struct hk_json json = {0};
    size_t len;
    hk_rpc_error(&json, id, error);
    char *text = hk_json_take(&json, &len);
    hk_client_send(client, text, len);
}

/* ---- receiving ---- */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct hk_client *client = handle->data;
    (void)suggested;
    if (client->in_room - client->in_len < IN_FIRST) {
        client->in_room = client->in_room ? client->in_room * 2 : 2 * IN_FIRST;
        client->in = hk_realloc(client->in, client->in_room, 1);
    }
    *buf = uv_buf_init(client->in + client->in_len, (unsigned)(client->in_room - client->in_len));
}

static void too_long(struct hk_client *client)
{
    struct hk_rpc_error error;
    hk_rpc_fail(&error, HK_RPC_NOT_REQUEST, "a line longer than %u bytes: the connection is closed",
                HK_LINE_MAX);
    client->in_at = client->in_len = client->scanned = 0;
    client->leaving = true;
    send_error(client, "null", &error);
}

/* Deals with the next line, which may be the last one without its newline; false if there is none yet. */
static bool take_line(struct hk_client *client)
{
    const char *begin = client->in + client->in_at;
    const char *newline = NULL;
    if (client->scanned < client->in_len)
        newline = memchr(client->in + client->scanned, '\n', client->in_len - client->scanned);
    client->scanned = client->in_len;
    size_t len = newline ? (size_t)(newline - begin) : client->in_len - client->in_at;
    if (len > HK_LINE_MAX) {
        too_long(client);
        return false;
    }
    if (!newline && (!client->ended || len == 0))
        return false;
    client->in_at += newline ? len + 1 : len;
    client->scanned = client->in_at;
    hk_methods_take_line(client, begin, len);
    return true;
}

static void take_lines(struct hk_client *client)
{
    while (!client->closing && !client->leaving && client->queued < HIGH_WATER && take_line(client))
        ;
    if (client->closing)
        return;
    client->in_len -= client->in_at;
    client->scanned -= client->in_at;
    if (client->in_len > 0)
        memmove(client->in, client->in + client->in_at, client->in_len);
    client->in_at = 0;
    if (client->in_len == 0 && client->in_room > IN_KEPT) {
        free(client->in);
        client->in = NULL;
        client->in_room = 0;
    }
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void set_reading(struct hk_client *client, bool on)
{
    if (client->reading == on || client->closing)
        return;
    client->reading = on;
    if (on)
        uv_read_start((uv_stream_t *)&client->pipe, on_room, on_read);
    else
        uv_read_stop((uv_stream_t *)&client->pipe);
}

/* Deals with what has come, and reads on if that is wanted. */
static void proceed(struct hk_client *client)
{
    take_lines(client);
    if (client->closing)
        return;
    set_reading(client, !client->ended && !client->leaving && client->queued < HIGH_WATER);
    if (is_done(client))
        drop(client);
}

/* Whether the other side has closed its socket for good, and not only said that it sends no more. */
static bool is_hung_up(const struct hk_client *client)
{
    uv_os_fd_t fd;
    if (uv_fileno((const uv_handle_t *)&client->pipe, &fd) != 0)
        return true;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct hk_client *client = stream->data;
    (void)buf;
    if (n > 0) {
        client->in_len += (size_t)n;
    } else if (n == UV_EOF && !is_hung_up(client)) {
        client->ended = true;
    } else if (n < 0) {
        drop(client);
        return;
    }
    proceed(client);
}

/* ---- coming in ---- */

static void read_credentials(struct hk_client *client)
{
    uv_os_fd_t fd;
    struct ucred cred = {.uid = (uid_t)-1, .gid = (gid_t)-1};
    socklen_t len = sizeof cred;
    bool known = uv_fileno((uv_handle_t *)&client->pipe, &fd) == 0 &&
                 getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0;
    client->pid = cred.pid;
    client->uid = cred.uid;
    client->gid = cred.gid;
    len = 0;
    if (!known || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE ||
        len > GROUPS_MAX * sizeof(gid_t))
        return;
    client->groups = hk_realloc(NULL, len, 1);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, client->groups, &len) == 0)
        client->group_count = len / sizeof(gid_t);
}

struct hk_viewer hk_client_viewer(const struct hk_client *client)
{
    const struct hk_daemon *daemon = client->server->daemon;
    bool admin = client->uid == 0 || (daemon->has_admin_group && client->gid == daemon->admin_gid);
    for (unsigned i = 0; i < client->group_count && daemon->has_admin_group; i++)
        admin |= client->groups[i] == daemon->admin_gid;
    return (struct hk_viewer){.uid = client->uid, .everything = admin};
}

/* False, with the client told so, if it is one too many. */
static bool has_place(struct hk_client *client)
{
    const struct hk_config *config = &client->server->daemon->config;
    struct hk_rpc_error error;
    if (client->server->client_count > config->limits.clients)
        hk_rpc_fail_limit(&error, "clients", "too many clients (limits.clients, %u)", config->limits.clients);
    else if (client->uid != 0 && client->user->clients > config->limits.clients_per_user)
        hk_rpc_fail_limit(&error, "clients_per_user",
                          "too many clients of one user (limits.clients_per_user, %u)",
                          config->limits.clients_per_user);
    else
        return true;
    client->leaving = true;
    send_error(client, "null", &error);
    return false;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct hk_server *server = listener->data;
    if (status != 0)
        return;
    struct hk_client *client = hk_alloc(sizeof *client);
    client->server = server;
    client->pipe.data = client;
    TAILQ_INIT(&client->subscriptions);
    TAILQ_INSERT_TAIL(&server->clients, client, link);
    server->client_count++;
    uv_pipe_init(&server->daemon->loop, &client->pipe, 0);
    if (uv_accept(listener, (uv_stream_t *)&client->pipe) != 0) {
        drop(client);
        return;
    }
    read_credentials(client);
    client->user = hk_registry_user(&server->daemon->registry, client->uid, hk_now_ns());
    client->user->clients++;
    if (has_place(client))
        set_reading(client, true);
}

void hk_client_wait_over(struct hk_client *client)
{
    client->waits--;
    if (!client->closing && is_done(client))
        drop(client);
}

/* A client that takes nothing for long is let go of. */
static void check_stall(struct hk_client *client, uint64_t now_ns)
{
    uint64_t patience_ns = client->server->daemon->config.limits.stall_s * HK_NS_PER_S;
    size_t left = uv_stream_get_write_queue_size((const uv_stream_t *)&client->pipe);
    if (left == 0 || left != client->stalled_at) {
        client->stalled_at = left;
        client->progress_ns = now_ns;
    } else if (now_ns - client->progress_ns >= patience_ns) {
        hk_log_event(HK_LOG_WARN, HK_EVENT_CLIENT_STALLED,
                     &(struct hk_log_about){.pid = client->pid, .uid = client->uid},
                     "client %d (user %u) reads nothing: connection closed", (int)client->pid,
                     (unsigned)client->uid);
        drop(client);
    }
}

void hk_server_on_sample(struct hk_server *server, uint64_t now_ns)
{
    struct hk_client *client, *next;
    for (client = TAILQ_FIRST(&server->clients); client; client = next) {
        next = TAILQ_NEXT(client, link);
        check_stall(client, now_ns);
        if (!client->closing)
            hk_subscriptions_send(client, now_ns);
    }
}

unsigned hk_server_clients_of(const struct hk_server *server, const struct hk_viewer *viewer)
{
    const struct hk_client *client;
    unsigned n = 0;
    TAILQ_FOREACH(client, &server->clients, link)
    n += viewer->everything || client->uid == viewer->uid;
    return n;
}

int hk_server_start(struct hk_server *server, struct hk_daemon *daemon, int fd)
{
    server->daemon = daemon;
    server->listener.data = server;
    TAILQ_INIT(&server->clients);
    uv_pipe_init(&daemon->loop, &server->listener, 0);
    server->open = true;
    int error = uv_pipe_open(&server->listener, fd);
    return error ? error : uv_listen((uv_stream_t *)&server->listener, BACKLOG, on_connection);
}

void hk_server_stop(struct hk_server *server)
{
    struct hk_client *client;
    if (!server->open)
        return;
    server->open = false;
    while ((client = TAILQ_FIRST(&server->clients)) != NULL)
        drop(client);
    uv_close((uv_handle_t *)&server->listener, NULL);
}
