/* puppet.c - see puppet.h: the hand. */
#include "tests/support/puppet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

#define REPLY_WITHIN_MS 240000
#define MAX_SETTINGS    16

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    CHECK(value != NULL, "%s is not set: run this by ctest", name);
    return value;
}

static void become(const char *dir, const char *const *settings, int in, int out, int err)
{
    char path[512], preload[512], runtime[128];
    char *argv[] = {path, NULL}, *envp[MAX_SETTINGS + 3];
    unsigned n = 0;
    snprintf(path, sizeof path, "%s/tests/support/hk_puppet", setting("HAKMEM_BUILD"));
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", setting("HAKMEM_LIB"));
    snprintf(runtime, sizeof runtime, "HAKMEM_RUNTIME_DIR=%s", dir != NULL ? dir : "/nonexistent/hakmem");
    envp[n++] = preload;
    envp[n++] = runtime;
    for (; settings != NULL && *settings != NULL && n < MAX_SETTINGS + 2; settings++)
        envp[n++] = strdup(*settings);
    envp[n] = NULL;
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    execve(path, argv, envp);
    _exit(127);
}

void puppet_start(struct puppet *puppet, const char *dir, const char *const *settings)
{
    int to[2], from[2];
    CHECK(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
    puppet->errors_fd = memfd_create("errors", MFD_CLOEXEC);
    CHECK(puppet->errors_fd >= 0, "memfd_create: %s", strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    puppet->pid = fork();
    CHECK(puppet->pid >= 0, "fork: %s", strerror(errno));
    if (puppet->pid == 0)
        become(dir, settings, to[0], from[1], puppet->errors_fd);
    close(to[0]);
    close(from[1]);
    puppet->to = to[1];
    puppet->from = from[0];
    CHECK(strcmp(puppet_wait(puppet), "ready") == 0, "the puppet says: %s", puppet->reply);
}

static void HK_PRINTF(2, 0) send_line(const struct puppet *puppet, const char *format, va_list args)
{
    char line[512];
    int n = vsnprintf(line, sizeof line - 1, format, args);
    CHECK(n > 0 && (size_t)n < sizeof line - 1, "a command too long: %s", line);
    line[n++] = '\n';
    ssize_t written = write(puppet->to, line, (size_t)n);
    CHECK(written == n || errno == EPIPE, "write: %s", strerror(errno));
}

void puppet_send(struct puppet *puppet, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    send_line(puppet, format, args);
    va_end(args);
}

const char *puppet_errors(const struct puppet *puppet, char *buf, size_t size)
{
    ssize_t n = pread(puppet->errors_fd, buf, size - 1, 0);
    buf[n > 0 ? n : 0] = '\0';
    return buf;
}

const char *puppet_wait(struct puppet *puppet)
{
    char errors[1024];
    size_t len = 0;
    while (len < sizeof puppet->reply - 1) {
        struct pollfd ready = {.fd = puppet->from, .events = POLLIN};
        CHECK(poll(&ready, 1, REPLY_WITHIN_MS) == 1, "the puppet does not answer; stderr: %s",
              puppet_errors(puppet, errors, sizeof errors));
        ssize_t n = read(puppet->from, puppet->reply + len, 1);
        CHECK(n == 1, "the puppet has ended; stderr: %s", puppet_errors(puppet, errors, sizeof errors));
        if (puppet->reply[len] == '\n')
            break;
        len++;
    }
    puppet->reply[len] = '\0';
    CHECK(puppet->reply[0] != '!', "the puppet failed: %s", puppet->reply + 1);
    return puppet->reply;
}

const char *puppet_say(struct puppet *puppet, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    send_line(puppet, format, args);
    va_end(args);
    return puppet_wait(puppet);
}

uint64_t puppet_number(const char *reply, unsigned index)
{
    char *end;
    uint64_t v = strtoull(reply, &end, 10);
    for (; index > 0; index--)
        v = strtoull(end, &end, 10);
    return v;
}

static int reap(struct puppet *puppet)
{
    int status = -1;
    close(puppet->to);
    close(puppet->from);
    CHECK(waitpid(puppet->pid, &status, 0) == puppet->pid, "waitpid: %s", strerror(errno));
    return status;
}

int puppet_end(struct puppet *puppet)
{
    puppet_send(puppet, "leave 0");
    return reap(puppet);
}

int puppet_kill(struct puppet *puppet)
{
    kill(puppet->pid, SIGKILL);
    return reap(puppet);
}
