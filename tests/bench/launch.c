/*
 * launch.c - starts a program, as often as told, and measures it from outside.
 *
 * usage: launch TIMES PROGRAM [ARGUMENT...]
 *
 * The program gets LD_PRELOAD from BENCH_PRELOAD; launch itself runs on the C library and is small, so that
 * the peak RSS which the kernel reports of its children (never less than what launch had itself, from before
 * the exec) is theirs. All of it is pinned to one processor. The
 * program's standard output goes nowhere. Prints one JSON line: ns is wall time for all
 * runs, cpu_ns their processor time. A run that fails ends it with status 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/harness.h"

extern char **environ;

static uint64_t ns_of(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

static bool run_once(char **command, struct rusage *usage)
{
    pid_t child;
    int status;
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(&child, command[0], &quiet, NULL, command, environ);
    posix_spawn_file_actions_destroy(&quiet);
    if (error) {
        fprintf(stderr, "launch: %s: %s\n", command[0], strerror(error));
        return false;
    }
    while (wait4(child, &status, 0, usage) < 0) {
        if (errno != EINTR)
            return false;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "launch: %s ended with %s %d\n", command[0], WIFEXITED(status) ? "status" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    uint64_t cpu_ns = 0, peak_kib = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: launch TIMES PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    uint64_t times = bench_number(argv[1], "TIMES", 1u << 30);
    const char *preload = getenv("BENCH_PRELOAD");
    if (preload && setenv("LD_PRELOAD", preload, 1) != 0)
        return 1;
    bench_pin(1);
    uint64_t start = bench_now_ns();
    for (uint64_t i = 0; i < times; i++) {
        struct rusage usage;
        if (!run_once(argv + 2, &usage))
            return 1;
        cpu_ns += ns_of(usage.ru_utime) + ns_of(usage.ru_stime);
        peak_kib = (uint64_t)usage.ru_maxrss > peak_kib ? (uint64_t)usage.ru_maxrss : peak_kib;
    }
    uint64_t ns = bench_now_ns() - start;
    printf("{\"ops\": %" PRIu64 ", \"ns\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 ", \"peak_rss_kib\": %" PRIu64
           "}\n",
           times, ns, cpu_ns, peak_kib);
    return 0;
}
