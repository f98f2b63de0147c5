/*
 * hello_socket.h - the hello socket: processes come, leave one message with two descriptors, and go.
 *
 * Nobody waits for an answer, so whatever is wrong is remembered here and said in the log. Of the loop's
 * thread alone.
 */
#ifndef HAKMEM_DAEMON_INTAKE_HELLO_SOCKET_H
#define HAKMEM_DAEMON_INTAKE_HELLO_SOCKET_H

#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

struct hk_daemon;
struct hk_guest;

TAILQ_HEAD(hk_guest_list, hk_guest);

struct hk_greeter {
    struct hk_daemon *daemon;
    int fd;       /* -1: not listening */
    int spare_fd; /* given up for a moment when there are no more descriptors */
    uv_poll_t poll;
    uv_timer_t timer;            /* for guests that say nothing, and for a pause */
    struct hk_guest_list guests; /* connected, and have said nothing yet; the oldest first */
    unsigned guest_count;
    bool open, polling;
};

/* Starts to listen on a socket that is taken over. 0 or a libuv error. */
int hk_greeter_start(struct hk_greeter *greeter, struct hk_daemon *daemon, int fd);
void hk_greeter_stop(struct hk_greeter *greeter);

struct hk_hello;

/* Checks a message of len bytes and copies what it says, every string ended. NULL, or what is wrong with
 * it. Pure. */
const char *hk_hello_parse(const void *message, size_t len, struct hk_hello *out);

#endif
