/* hello_socket.c - see hello_socket.h. */
#include "daemon/intake/hello_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/base/log.h"
#include "daemon/daemon.h"
#include "daemon/intake/admission.h"
#include "daemon/sources/procfs.h"

#define MESSAGE_BYTES  4096 /* a later hello may be longer than ours */
#define ACCEPT_AT_ONCE 64
#define GUESTS_MAX                                                                                           \
    256 /* between their connecting and their hello a busy host may let others run for long                  \
         */
#define GUESTS_PER_USER 128
#define PATIENCE_NS     (5 * HK_NS_PER_S)
#define TICK_MS         500
#define HELLO_BURST_S   4
#define YOUNGER_NS      (2 * HK_NS_PER_S)

/* A connection that has not said anything yet. */
struct hk_guest {
    TAILQ_ENTRY(hk_guest) link;
    struct hk_greeter *greeter;
    struct hk_user *user;
    uv_poll_t poll;
    int fd;
    uint64_t came_ns;
    struct ucred cred;
};

/* A message, and what came with it. */
struct letter {
    char bytes[MESSAGE_BYTES];
    size_t len;
    int fds[2];
    unsigned fd_count; /* as sent, all of them */
    bool truncated;
};

const char *hk_hello_parse(const void *message, size_t len, struct hk_hello *out)
{
    if (len < sizeof *out)
        return "hello too short";
    memcpy(out, message, sizeof *out);
    if (out->magic != HK_HELLO_MAGIC)
        return "not a hello (magic)";
    if (out->abi_major != HK_ABI_MAJOR)
        return "hello of another ABI version";
    if (out->bytes < sizeof *out || out->bytes > len)
        return "hello shorter than it says";
    out->version[sizeof out->version - 1] = '\0';
    out->comm[sizeof out->comm - 1] = '\0';
    out->label[sizeof out->label - 1] = '\0';
    out->exe[sizeof out->exe - 1] = '\0';
    return NULL;
}

/* Keeps the first two descriptors of a message and closes the others. */
static void take_descriptors(struct letter *letter, const struct msghdr *header)
{
    letter->fds[0] = letter->fds[1] = -1;
    letter->fd_count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c;
         c = CMSG_NXTHDR((struct msghdr *)(uintptr_t)header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (letter->fd_count < 2)
                letter->fds[letter->fd_count] = fd;
            else
                close(fd);
            letter->fd_count++;
        }
    }
}

/* 0, EAGAIN while there is nothing, ENODATA if there never will be, or another errno. */
static int receive(int fd, struct letter *letter)
{
    /* Room for a few more than wanted: what does not fit is closed by the kernel, and said so. */
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } control;
    struct iovec bytes = {.iov_base = letter->bytes, .iov_len = sizeof letter->bytes};
    struct msghdr header = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n;
    do {
        n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno;
    take_descriptors(letter, &header);
    letter->len = (size_t)n;
    letter->truncated = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    return n == 0 && letter->fd_count == 0 ? ENODATA : 0;
}

static const char *check(const struct letter *letter, struct hk_hello *hello)
{
    const char *why = hk_hello_parse(letter->bytes, letter->len, hello);
    if (why)
        return why;
    if (letter->fd_count > 2)
        return "more than two descriptors";
    if (letter->truncated)
        return "message cut: too long, or no descriptors left here";
    return letter->fd_count < 2 ? "two descriptors are wanted" : NULL;
}

/* Where the kernel cannot give a pidfd by the socket, the pid may have gone to somebody else: then the
 * process is younger than the segment. */
static bool is_another(const struct hk_arrival *arrival)
{
    uint64_t created_ns, asleep_ns = hk_boot_ns() - hk_now_ns();
    uint64_t start_ns = hk_ticks_to_ns(arrival->start_ticks);
    if (pread(arrival->counters_fd, &created_ns, sizeof created_ns, offsetof(struct hk_header, created_ns)) !=
        (ssize_t)sizeof created_ns)
        return false;
    return start_ns > asleep_ns && start_ns - asleep_ns > created_ns + YOUNGER_NS;
}

/* Gets hold of the process while it is sure which one it is. */
static const char *find_process(int socket, struct hk_arrival *arrival)
{
    bool exact;
    arrival->pidfd = hk_pidfd_of_peer(socket, arrival->pid, &exact);
    int error = arrival->pidfd < 0 ? errno : 0;
    if (error == EMFILE || error == ENFILE)
        return "no descriptors left here";
    arrival->gone = error == ESRCH || hk_proc_start_ticks(arrival->pid, &arrival->start_ticks) != 0 ||
                    (!exact && is_another(arrival));
    /* Had it ended before it was looked at, this would show it. */
    if (arrival->pidfd >= 0 && hk_pidfd_ended(arrival->pidfd))
        arrival->gone = true;
    if (arrival->gone && !error) {
        close(arrival->pidfd);
        arrival->pidfd = -1;
    }
    return NULL;
}

static void close_letter(const struct letter *letter)
{
    for (unsigned i = 0; i < 2; i++) {
        if (letter->fds[i] >= 0)
            close(letter->fds[i]);
    }
}

static void read_letter(struct hk_guest *guest, const struct letter *letter)
{
    struct hk_daemon *daemon = guest->greeter->daemon;
    struct hk_arrival arrival = {.pid = guest->cred.pid,
                                 .uid = guest->cred.uid,
                                 .pidfd = -1,
                                 .counters_fd = letter->fds[0],
                                 .tuning_fd = letter->fds[1]};
    const char *why = check(letter, &arrival.hello);
    if (!why && guest->cred.pid <= 0)
        why = "the process is outside of the daemon's pid namespace";
    double per_s = daemon->config.limits.hellos_per_s;
    if (!why && !hk_bucket_take(&guest->user->hellos, per_s, per_s * HELLO_BURST_S, 1, hk_now_ns()))
        why = "too many hellos of one user (limits.hellos_per_s)";
    if (!why)
        why = find_process(guest->fd, &arrival);
    if (why)
        close_letter(letter);
    else
        why = hk_arrive(daemon, &arrival);
    if (why)
        hk_daemon_refuse(daemon, guest->cred.pid, guest->cred.uid, why);
    else
        daemon->hellos_total++;
}

/* ---- guests ---- */

static void on_guest_closed(uv_handle_t *handle)
{
    struct hk_guest *guest = handle->data;
    close(guest->fd);
    free(guest);
}

static void dismiss(struct hk_guest *guest)
{
    TAILQ_REMOVE(&guest->greeter->guests, guest, link);
    guest->greeter->guest_count--;
    guest->user->greeting--;
    uv_close((uv_handle_t *)&guest->poll, on_guest_closed);
}

#define LEFT "connected and left without a word"

/* False while there is nothing to be read. silent: what is remembered of one that can say nothing any more.
 */
static bool listen_to(struct hk_guest *guest, const char *silent)
{
    static struct letter letter;
    struct hk_daemon *daemon = guest->greeter->daemon;
    int error = receive(guest->fd, &letter);
    if (error == EAGAIN)
        return false;
    if (error)
        hk_daemon_refuse(daemon, guest->cred.pid, guest->cred.uid,
                         error == ENODATA || error == ECONNRESET ? silent
                                                                 : "its message could not be received");
    else
        read_letter(guest, &letter);
    return true;
}

static void on_guest(uv_poll_t *poll, int status, int events)
{
    struct hk_guest *guest = poll->data;
    (void)status, (void)events;
    if (listen_to(guest, LEFT))
        dismiss(guest);
}

/* What it has said by now is heard, and for what it says from now on it gets an error: no hello is lost
 * unnoticed. */
static void send_away(struct hk_guest *guest, const char *why)
{
    shutdown(guest->fd, SHUT_RD);
    if (!listen_to(guest, why))
        hk_daemon_refuse(guest->greeter->daemon, guest->cred.pid, guest->cred.uid, why);
    dismiss(guest);
}

/* The guest that has been silent longest: of a user, or of all. */
static struct hk_guest *longest(const struct hk_greeter *greeter, const struct hk_user *user)
{
    struct hk_guest *guest;
    TAILQ_FOREACH(guest, &greeter->guests, link)
    {
        if (!user || guest->user == user)
            return guest;
    }
    return NULL;
}

/* Keeps a guest that has not said anything yet; one that has not for longer makes room. Who means to say
 * hello does so at once. */
static void seat(struct hk_guest *guest)
{
    struct hk_greeter *greeter = guest->greeter;
    if (guest->user->greeting >= GUESTS_PER_USER)
        send_away(longest(greeter, guest->user), "said nothing while others came");
    else if (greeter->guest_count >= GUESTS_MAX)
        send_away(longest(greeter, NULL), "said nothing while others came");
    guest->poll.data = guest;
    if (uv_poll_init(&greeter->daemon->loop, &guest->poll, guest->fd) != 0) {
        close(guest->fd);
        free(guest);
        return;
    }
    TAILQ_INSERT_TAIL(&greeter->guests, guest, link);
    greeter->guest_count++;
    guest->user->greeting++;
    uv_poll_start(&guest->poll, UV_READABLE, on_guest);
    if (!uv_is_active((uv_handle_t *)&greeter->timer))
        uv_timer_again(&greeter->timer);
}

static void welcome(struct hk_greeter *greeter, int fd)
{
    struct hk_daemon *daemon = greeter->daemon;
    struct hk_guest *guest = hk_alloc(sizeof *guest);
    socklen_t len = sizeof guest->cred;
    guest->greeter = greeter;
    guest->fd = fd;
    guest->came_ns = hk_now_ns();
    bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &guest->cred, &len) == 0;
    guest->user = hk_registry_user(&daemon->registry, guest->cred.uid, guest->came_ns);
    bool done = !known || listen_to(guest, LEFT);
    if (done) {
        close(fd);
        free(guest);
    } else {
        seat(guest);
    }
}

/* ---- the socket ---- */

static void set_polling(struct hk_greeter *greeter, bool on);

/* With no descriptor left, a connection can be neither taken nor refused, and stays readable for ever:
 * the spare one lets one go. */
static void relieve(struct hk_greeter *greeter)
{
    if (greeter->spare_fd >= 0)
        close(greeter->spare_fd);
    int fd = accept4(greeter->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    greeter->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    hk_daemon_refuse(greeter->daemon, 0, 0, "no descriptors left here");
    set_polling(greeter, false);
    uv_timer_again(&greeter->timer);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct hk_greeter *greeter = poll->data;
    (void)status, (void)events;
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        int fd = accept4(greeter->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            welcome(greeter, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            relieve(greeter);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void set_polling(struct hk_greeter *greeter, bool on)
{
    if (greeter->polling == on)
        return;
    greeter->polling = on;
    if (on)
        uv_poll_start(&greeter->poll, UV_READABLE, on_readable);
    else
        uv_poll_stop(&greeter->poll);
}

static void on_tick(uv_timer_t *timer)
{
    struct hk_greeter *greeter = timer->data;
    struct hk_guest *guest;
    uint64_t now_ns = hk_now_ns();
    while ((guest = TAILQ_FIRST(&greeter->guests)) != NULL && now_ns - guest->came_ns >= PATIENCE_NS)
        send_away(guest, "connected and said nothing");
    set_polling(greeter, true);
    if (!guest)
        uv_timer_stop(timer);
}

int hk_greeter_start(struct hk_greeter *greeter, struct hk_daemon *daemon, int fd)
{
    greeter->daemon = daemon;
    greeter->fd = fd;
    greeter->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    TAILQ_INIT(&greeter->guests);
    greeter->poll.data = greeter->timer.data = greeter;
    uv_timer_init(&daemon->loop, &greeter->timer);
    uv_timer_start(&greeter->timer, on_tick, TICK_MS, TICK_MS);
    int error = uv_poll_init(&daemon->loop, &greeter->poll, fd);
    if (error)
        return error;
    greeter->open = true;
    set_polling(greeter, true);
    return 0;
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct hk_greeter *greeter = handle->data;
    close(greeter->fd);
    close(greeter->spare_fd);
    greeter->fd = greeter->spare_fd = -1;
}

void hk_greeter_stop(struct hk_greeter *greeter)
{
    struct hk_guest *guest;
    if (!greeter->daemon)
        return;
    while ((guest = TAILQ_FIRST(&greeter->guests)) != NULL)
        dismiss(guest);
    uv_close((uv_handle_t *)&greeter->timer, NULL);
    if (greeter->open)
        uv_close((uv_handle_t *)&greeter->poll, on_socket_closed);
}

/* ---- what is remembered of it ---- */

void hk_daemon_refuse(struct hk_daemon *daemon, pid_t pid, uid_t uid, const char *reason)
{
    daemon->hellos_refused_total++;
    daemon->refusals[daemon->next_refusal] = (struct hk_refusal){
        .pid = pid, .uid = uid, .reason = reason, .at_ns = hk_now_ns()};
    daemon->next_refusal = (daemon->next_refusal + 1) % HK_REFUSALS_KEPT;
    if (hk_log_allowed(&daemon->refusal_log, "refused hellos"))
        hk_log_event(HK_LOG_WARN, HK_EVENT_HELLO_REFUSED, &(struct hk_log_about){.pid = pid, .uid = uid},
                     "hello of process %d (user %u) refused: %s", (int)pid, (unsigned)uid, reason);
}
