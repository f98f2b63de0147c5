/* connection.c - see connection.h. */
#include "ctl/client/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "shm/layout.h"

/* Longest message a daemon is believed to mean. */
#define MESSAGE_MAX ((size_t)512 << 20)
#define READ_BYTES  ((size_t)64 << 10)

HK_PRINTF(2, 3) static enum hk_call_status lost(struct hk_call_error *error, const char *format, ...)
{
    va_list values;
    memset(error, 0, sizeof *error);
    va_start(values, format);
    vsnprintf(error->message, sizeof error->message, format, values);
    va_end(values);
    return HK_CALL_LOST;
}

int hk_connection_open(struct hk_connection *connection, const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = HK_CONNECTION_PATIENCE_MS / 1000};
    memset(connection, 0, sizeof *connection);
    connection->fd = -1;
    if ((size_t)snprintf(connection->dir, sizeof connection->dir, "%s", dir) >= sizeof connection->dir)
        return ENAMETOOLONG;
    int rc = hk_runtime_socket(dir, HK_CONTROL_SOCKET, address.sun_path, sizeof address.sun_path);
    if (rc)
        return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    /* It also bounds connect(), which waits where the daemon's backlog is full. */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        rc = errno;
        close(fd);
        return rc;
    }
    connection->fd = fd;
    return 0;
}

void hk_connection_close(struct hk_connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    free(connection->buf);
    connection->fd = -1;
    connection->buf = NULL;
}

static bool send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* Waits for bytes, at most patience_ms; each byte that comes renews the patience of the caller's caller. */
static enum hk_call_status receive(struct hk_connection *c, unsigned patience_ms, struct hk_call_error *error)
{
    struct pollfd wait = {.fd = c->fd, .events = POLLIN};
    struct timespec limit = {.tv_sec = patience_ms / 1000, .tv_nsec = (long)(patience_ms % 1000) * 1000000};
    int ready = ppoll(&wait, 1, &limit, c->unblocked);
    if (ready < 0 && errno == EINTR)
        return HK_CALL_INTERRUPTED;
    if (ready < 0)
        return lost(error, "cannot wait for hakmemd: %s", strerror(errno));
    if (ready == 0)
        return lost(error, "hakmemd (%s) does not answer: nothing for %u s", c->dir, patience_ms / 1000);
    if (c->at > 0) {
        memmove(c->buf, c->buf + c->at, c->len - c->at);
        c->len -= c->at;
        c->at = 0;
    }
    if (c->len >= MESSAGE_MAX)
        return lost(error, "hakmemd (%s) sent more than %zu MiB in one message", c->dir, MESSAGE_MAX >> 20);
    if (c->capacity - c->len < READ_BYTES) {
        c->capacity = c->capacity * 2 + READ_BYTES;
        c->buf = hk_need(realloc(c->buf, c->capacity));
    }
    ssize_t n = recv(c->fd, c->buf + c->len, c->capacity - c->len, 0);
    if (n < 0 && errno != EINTR)
        return lost(error, "the connection to hakmemd (%s) broke: %s", c->dir, strerror(errno));
    if (n == 0)
        return lost(error, "hakmemd (%s) closed the connection", c->dir);
    c->len += n > 0 ? (size_t)n : 0;
    return HK_CALL_OK;
}

/* The next line as JSON. */
static enum hk_call_status next_message(struct hk_connection *c, unsigned patience_ms, cJSON **message,
                                        struct hk_call_error *error)
{
    size_t searched = 0;
    for (;;) {
        size_t have = c->len - c->at;
        const char *line = c->buf + c->at;
        const char *end = have > searched ? memchr(line + searched, '\n', have - searched) : NULL;
        if (end) {
            const char *rest = end;
            *message = cJSON_ParseWithLengthOpts(line, (size_t)(end - line), &rest, false);
            c->at += (size_t)(end - line) + 1;
            while (rest < end && (*rest == ' ' || *rest == '\r' || *rest == '\t'))
                rest++;
            if (cJSON_IsObject(*message) && rest == end)
                return HK_CALL_OK;
            cJSON_Delete(*message);
            return lost(error, "what answers in %s is not hakmemd: it does not speak JSON-RPC", c->dir);
        }
        searched = have;
        enum hk_call_status rc = receive(c, patience_ms, error);
        if (rc == HK_CALL_INTERRUPTED && !c->unblocked)
            continue;
        if (rc != HK_CALL_OK)
            return rc;
    }
}

static enum hk_call_status send_request(struct hk_connection *c, const char *method, cJSON *params,
                                        struct hk_call_error *error)
{
    cJSON *request = hk_need(cJSON_CreateObject());
    cJSON_AddStringToObject(request, "jsonrpc", "2.0");
    cJSON_AddNumberToObject(request, "id", ++c->next_id);
    cJSON_AddStringToObject(request, "method", method);
    if (params)
        cJSON_AddItemToObject(request, "params", params);
    char *text = hk_need(cJSON_PrintUnformatted(request));
    cJSON_Delete(request);
    size_t len = strlen(text);
    text[len] = '\n'; /* in place of its end: the length is known */
    bool sent = send_all(c->fd, text, len + 1);
    int why = errno;
    cJSON_free(text);
    if (sent)
        return HK_CALL_OK;
    return lost(error, "cannot send to hakmemd (%s): %s", c->dir, strerror(why));
}

/* What the daemon refused, from the message that says so. */
static enum hk_call_status refused(cJSON *message, struct hk_call_error *error)
{
    const char *text;
    memset(error, 0, sizeof *error);
    error->object = cJSON_DetachItemFromObjectCaseSensitive(message, "error");
    text = hk_json_get_string(error->object, "message");
    double code = hk_json_get_number(error->object, "code");
    error->code = code >= -1e6 && code <= 1e6 ? (int)code : 0;
    snprintf(error->message, sizeof error->message, "%s",
             text ? text : "hakmemd refused, and gave no reason");
    cJSON_Delete(message);
    return HK_CALL_REFUSED;
}

enum hk_call_status hk_connection_call(struct hk_connection *connection, const char *method, cJSON *params,
                                       unsigned patience_ms, cJSON **result, struct hk_call_error *error)
{
    cJSON *message;
    enum hk_call_status rc = send_request(connection, method, params, error);
    while (rc == HK_CALL_OK) {
        rc = next_message(connection, patience_ms, &message, error);
        if (rc == HK_CALL_INTERRUPTED) {
            rc = HK_CALL_OK;
            continue;
        }
        if (rc != HK_CALL_OK)
            break;
        const cJSON *id = hk_json_get_member(message, "id");
        bool ours = cJSON_IsNumber(id) && id->valuedouble == connection->next_id;
        /* An error without an id is about the connection: a limit, or a line it could not read. */
        if (cJSON_IsObject(hk_json_get_member(message, "error")) && (ours || !id || cJSON_IsNull(id)))
            return refused(message, error);
        *result = ours ? cJSON_DetachItemFromObjectCaseSensitive(message, "result") : NULL;
        cJSON_Delete(message);
        if (*result)
            return HK_CALL_OK;
        if (ours)
            return lost(error, "hakmemd (%s) gave neither a result nor an error", connection->dir);
    }
    return rc;
}

enum hk_call_status hk_connection_wait(struct hk_connection *connection, const char *method,
                                       unsigned patience_ms, cJSON **params, struct hk_call_error *error)
{
    for (;;) {
        cJSON *message;
        enum hk_call_status rc = next_message(connection, patience_ms, &message, error);
        if (rc != HK_CALL_OK)
            return rc;
        const char *name = hk_json_get_string(message, "method");
        bool wanted = name && strcmp(name, method) == 0;
        if (!name && cJSON_IsObject(hk_json_get_member(message, "error")))
            return refused(message, error);
        *params = wanted ? cJSON_DetachItemFromObjectCaseSensitive(message, "params") : NULL;
        cJSON_Delete(message);
        if (*params)
            return HK_CALL_OK;
    }
}
