/*
 * spawn_cost.c - what it costs a process with a large heap to start another: fork() and exec.
 *
 * usage: spawn_cost MIB [TIMES]     prints the median in microseconds
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

#define BLOCK 1000

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void fill(size_t bytes)
{
    for (size_t got = 0; got < bytes; got += BLOCK) {
        void *p = malloc(BLOCK);
        CHECK(p != NULL, "no memory");
        memset(p, 1, BLOCK);
    }
}

static uint64_t start_one(void)
{
    int status = -1;
    uint64_t start = check_now_ns();
    pid_t pid = fork();
    CHECK(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0) {
        unsetenv("LD_PRELOAD");
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0, "the child ended with status %#x",
          (unsigned)status);
    return check_now_ns() - start;
}

int main(int argc, char **argv)
{
    static uint64_t ns[1000];
    CHECK(argc > 1, "usage: spawn_cost MIB [TIMES]");
    unsigned times = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 15;
    CHECK(times > 0 && times <= HK_COUNT_OF(ns), "TIMES");
    fill((size_t)strtoul(argv[1], NULL, 10) << 20);
    for (unsigned i = 0; i < times; i++)
        ns[i] = start_one();
    qsort(ns, times, sizeof ns[0], compare);
    printf("%llu\n", (unsigned long long)ns[times / 2] / 1000);
    return 0;
}
