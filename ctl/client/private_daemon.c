/* private_daemon.c - the keeper itself: starts the daemon, waits, cleans up; see private_daemon.h. */
#include "ctl/client/private_daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl/base/error_report.h"
#include "ctl/client/connection.h"

#define ANSWER_MS 30000 /* for a daemon to answer after its start */
#define TRY_MS    10
#define END_MS    10000 /* for a daemon to end after SIGTERM */
#define LOG_BYTES 2048  /* of what the daemon says last, for the report */

struct keeper {
    const char *dir, *hakmemd;
    bool remove;
    int owner;   /* pidfd */
    int report;  /* pipe; -1 once the report is made */
    int signals; /* signalfd */
    pid_t self, daemon;
    int daemon_fd; /* pidfd; -1 once it has ended */
    int log;       /* pipe from its stderr; -1 once closed */
    char said[LOG_BYTES + 1];
    size_t said_len;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The first word is for the reader: "ready", or why there is no daemon. */
HK_PRINTF(2, 3) static void report(struct keeper *k, const char *format, ...)
{
    char text[LOG_BYTES + 512];
    va_list values;
    if (k->report < 0)
        return;
    va_start(values, format);
    int len = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (len > 0)
        (void)!write(k->report, text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
    close(k->report);
    k->report = -1;
}

/* ---- the daemon ---- */

/* What a service manager or an outer run means for its own child, not for this daemon. */
static void clean_environment(void)
{
    static const char *const names[] = {
        "NOTIFY_SOCKET",      "WATCHDOG_PID",      "WATCHDOG_USEC",  "LISTEN_PID",  "LISTEN_FDS",
        "LISTEN_FDNAMES",     "RUNTIME_DIRECTORY", "JOURNAL_STREAM", "HAKMEM_TUNE", "HAKMEM_LABEL",
        "HAKMEM_RUNTIME_DIR", "HAKMEM_HARDEN",     "HAKMEM_TRACE"};
    for (unsigned i = 0; i < HK_COUNT_OF(names); i++)
        unsetenv(names[i]);
    setenv("HAKMEM_PUBLISH", "off", 1);
}

static void become_daemon(const struct keeper *k, int log)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != k->self)
        _exit(1); /* the keeper ended before that held */
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    clean_environment();
    execl(k->hakmemd, "hakmemd", "--runtime-dir", k->dir, (char *)NULL);
    fprintf(stderr, "%s: %s\n", k->hakmemd, strerror(errno));
    _exit(127);
}

static bool start_daemon(struct keeper *k)
{
    int log[2];
    if (pipe2(log, O_CLOEXEC) != 0)
        return false;
    k->self = getpid();
    k->daemon = fork();
    if (k->daemon == 0)
        become_daemon(k, log[1]);
    close(log[1]);
    k->log = log[0];
    if (k->daemon < 0)
        return false;
    k->daemon_fd = (int)syscall(SYS_pidfd_open, k->daemon, 0);
    return k->daemon_fd >= 0;
}

/* Keeps the end of what the daemon says. */
static void read_log(struct keeper *k)
{
    char chunk[512];
    ssize_t n = read(k->log, chunk, sizeof chunk);
    if (n <= 0) {
        close(k->log);
        k->log = -1;
        return;
    }
    size_t len = (size_t)n, keep = k->said_len;
    if (keep + len > LOG_BYTES) {
        keep = LOG_BYTES - len;
        memmove(k->said, k->said + k->said_len - keep, keep);
    }
    memcpy(k->said + keep, chunk, len);
    k->said_len = keep + len;
    k->said[k->said_len] = '\0';
}

/* Whether it answers by now. Its hello socket is there then, too: both are made before its loop runs. */
static bool answers(const struct keeper *k)
{
    struct hk_connection connection;
    struct hk_call_error error;
    cJSON *result = NULL;
    if (hk_connection_open(&connection, k->dir) != 0)
        return false;
    enum hk_call_status call = hk_connection_call(&connection, "info", NULL, ANSWER_MS, &result, &error);
    if (call == HK_CALL_REFUSED)
        cJSON_Delete(error.object);
    cJSON_Delete(call == HK_CALL_OK ? result : NULL);
    hk_connection_close(&connection);
    return call == HK_CALL_OK;
}

/* ---- waiting ---- */

enum event { NOTHING, OWNER_ENDED, TOLD_TO_END, DAEMON_ENDED };

static enum event wait_for(struct keeper *k, int timeout_ms)
{
    struct pollfd fds[] = {{.fd = k->owner, .events = POLLIN},
                           {.fd = k->signals, .events = POLLIN},
                           {.fd = k->daemon_fd, .events = POLLIN},
                           {.fd = k->log, .events = POLLIN}};
    if (poll(fds, HK_COUNT_OF(fds), timeout_ms) <= 0)
        return NOTHING;
    if (fds[3].revents)
        read_log(k);
    if (fds[0].revents)
        return OWNER_ENDED;
    if (fds[1].revents)
        return TOLD_TO_END;
    bool heard = k->log < 0; /* all it said comes before its end */
    return fds[2].revents && heard ? DAEMON_ENDED : NOTHING;
}

static void reap_daemon(struct keeper *k)
{
    if (k->daemon_fd < 0)
        return;
    close(k->daemon_fd);
    k->daemon_fd = -1;
    waitpid(k->daemon, NULL, 0);
}

static void end_daemon(struct keeper *k)
{
    int64_t limit = now_ms() + END_MS;
    if (k->daemon_fd < 0)
        return;
    kill(k->daemon, SIGTERM);
    for (int64_t left; (left = limit - now_ms()) > 0;) {
        struct pollfd fds[] = {{.fd = k->daemon_fd, .events = POLLIN}, {.fd = k->log, .events = POLLIN}};
        poll(fds, HK_COUNT_OF(fds), (int)left);
        if (fds[1].revents)
            read_log(k);
        else if (fds[0].revents)
            break;
    }
    kill(k->daemon, SIGKILL); /* no harm where it has ended: it is not waited for yet */
    reap_daemon(k);
}

/* Until the daemon answers. False: it never will, or it is not wanted any more. */
static bool await_answer(struct keeper *k)
{
    int64_t limit = now_ms() + ANSWER_MS;
    while (!answers(k)) {
        enum event event = wait_for(k, TRY_MS);
        if (event == DAEMON_ENDED) {
            report(k, "the private daemon ended at once: %s", k->said_len ? k->said : "it did not say why");
            return false;
        }
        if (now_ms() > limit) {
            report(k, "the private daemon did not answer within %d s. %s", ANSWER_MS / 1000, k->said);
            return false;
        }
        if (event != NOTHING)
            return false;
    }
    report(k, "ready");
    return true;
}

static void await_end(struct keeper *k)
{
    for (;;) {
        enum event event = wait_for(k, -1);
        if (event == DAEMON_ENDED)
            reap_daemon(k); /* nothing to be done but to clean up, when the program has ended */
        else if (event != NOTHING)
            return;
    }
}

/* ---- cleaning up ---- */

/* Only what a daemon makes: files and sockets, no directories. */
static void remove_dir(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static int catch_signals(void)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    return signalfd(-1, &ends, SFD_CLOEXEC);
}

int hk_private_daemon_keep(int argc, char **argv)
{
    if (argc != 3)
        return HK_EXIT_USAGE;
    struct keeper k = {.dir = argv[0],
                       .remove = strcmp(argv[1], "remove") == 0,
                       .hakmemd = argv[2],
                       .owner = STDIN_FILENO,
                       .daemon_fd = -1,
                       .log = -1};
    signal(SIGPIPE, SIG_IGN); /* nobody may be left to read the report */
    k.report = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    fcntl(STDIN_FILENO, F_SETFD, FD_CLOEXEC);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    k.signals = catch_signals();
    (void)!chdir("/");
    if (!start_daemon(&k))
        report(&k, "cannot start the private daemon: %s", strerror(errno));
    else if (await_answer(&k))
        await_end(&k);
    end_daemon(&k);
    if (k.remove)
        remove_dir(k.dir);
    return HK_EXIT_OK;
}
