/* check.c - see check.h. */
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GIVE_UP_NS UINT64_C(60000000000)

void (*check_instead)(const char *line);

static void put_line(const char *line)
{
    size_t len = strlen(line);
    if (write(STDERR_FILENO, line, len) != (ssize_t)len || write(STDERR_FILENO, "\n", 1) != 1)
        _exit(1);
}

void check_failed(const char *file, int line, const char *what, const char *format, ...)
{
    static _Thread_local char text[1024];
    va_list args;
    int n = snprintf(text, sizeof text, "%s:%d: not so: %s: ", file, line, what);
    size_t at = n > 0 && (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    va_start(args, format);
    vsnprintf(text + at, sizeof text - at, format, args);
    va_end(args);
    if (check_instead != NULL)
        check_instead(text);
    put_line(text);
    _exit(1);
}

void check_skip(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_line(text);
    _exit(77);
}

uint64_t check_now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

bool check_poll_again(struct check_poll *state)
{
    uint64_t now = check_now_ns();
    if (state->start_ns == 0)
        state->start_ns = now;
    if (now - state->start_ns > GIVE_UP_NS)
        return false;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return true;
}

static size_t read_file(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = 0;
    if (fd < 0)
        return 0;
    while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
        len += (size_t)n;
    close(fd);
    buf[len] = '\0';
    return len;
}

long long check_proc_field(const char *path, const char *key)
{
    char text[8192];
    if (read_file(path, text, sizeof text) == 0)
        return -1;
    size_t key_len = strlen(key);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, key_len) == 0 && line[key_len] == ':') {
            char *end;
            long long v = strtoll(line + key_len + 1, &end, 10);
            return strncmp(end, " kB", 3) == 0 ? v * 1024 : v;
        }
    }
    return -1;
}

size_t check_rss_bytes(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid != 0 ? pid : getpid());
    long long rss = check_proc_field(path, "Rss");
    CHECK(rss >= 0, "%s has no Rss", path);
    return (size_t)rss;
}
