/*
 * endings.c - programs that free everything once, and end in every way that there is: nobody is to complain.
 *
 * Each way is taken by children of its own, while bins are full, threads are at work, a timer interrupts
 * malloc; they end with the status that they ask for.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/death/late_library.h"
#include "tests/support/check.h"

#define STATUS  7
#define BLOCKS  600
#define THREADS 3

/* Leaves bins of many classes with blocks in them, freed in another order. */
static void work(unsigned seed)
{
    void *blocks[BLOCKS];
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t size = (i * 131 + seed * 17) % 3000 + 1;
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL, "no memory");
        memset(blocks[i], (int)i, size);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        free(blocks[(i * 7) % BLOCKS]);
}

static void *work_on(void *seed)
{
    for (unsigned i = 0;; i++)
        work(*(unsigned *)seed + i);
    return NULL;
}

static void start_threads(void)
{
    static unsigned seeds[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_t thread;
        seeds[i] = i;
        CHECK(pthread_create(&thread, NULL, work_on, &seeds[i]) == 0, "no thread");
    }
}

/* ---- ways to end ---- */

static void *kept[BLOCKS];

static void free_kept(void)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        free(kept[i]);
    work(3);
}

static void by_exit(unsigned round)
{
    work(round);
    exit(STATUS);
}

static void by_exit_with_handlers(unsigned round)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        kept[i] = malloc(i + round);
    CHECK(atexit(free_kept) == 0, "atexit");
    exit(STATUS);
}

static void by_quick_exit(unsigned round)
{
    work(round);
    CHECK(at_quick_exit(free_kept) == 0, "at_quick_exit");
    quick_exit(STATUS);
}

static void by__exit(unsigned round)
{
    work(round);
    _exit(STATUS);
}

/* A destructor that comes after the allocator's own. */
static void with_late_library(unsigned round)
{
    late_library_keep(round + 100);
    work(round);
    exit(STATUS);
}

static void among_threads(unsigned round)
{
    start_threads();
    work(round);
    exit(STATUS);
}

static void *exit_soon(void *seed)
{
    work(*(unsigned *)seed);
    exit(STATUS);
}

static void by_a_thread(unsigned round)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, exit_soon, &round) == 0, "no thread");
    work_on(&round);
}

/* The program ends with its last thread. */
static void *rest_of(void *seed)
{
    work(*(unsigned *)seed);
    exit(STATUS);
}

static void by_pthread_exit(unsigned round)
{
    static unsigned seed;
    pthread_t thread;
    seed = round;
    work(round);
    CHECK(pthread_create(&thread, NULL, rest_of, &seed) == 0, "no thread");
    pthread_exit(NULL);
}

/* Exits that interrupt malloc and free wherever they are, which no program may do and many do. */
static void exit_now(int number)
{
    (void)number;
    exit(STATUS);
}

static void by_a_signal(unsigned round)
{
    struct itimerval soon = {.it_value.tv_usec = 300 + (long)(round * 137 % 5000)};
    signal(SIGALRM, exit_now);
    CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0, "setitimer");
    work_on(&round);
}

/* Children that have what their parent's bins held, and threads of which they know nothing. */
static void after_forks(unsigned round)
{
    start_threads();
    for (unsigned i = 0; i < 10; i++) {
        int status = 0;
        work(round + i);
        pid_t child = fork();
        if (child == 0) {
            if (i % 2 == 0)
                work(i);
            exit(STATUS);
        }
        CHECK(child > 0 && waitpid(child, &status, 0) == child, "fork");
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == STATUS, "a grandchild ended with %#x",
              (unsigned)status);
    }
    exit(STATUS);
}

static const struct {
    const char *name;
    void (*run)(unsigned round);
    unsigned rounds;
} ways[] = {
    {"exit", by_exit, 3},
    {"exit, with handlers", by_exit_with_handlers, 3},
    {"quick_exit", by_quick_exit, 3},
    {"_exit", by__exit, 3},
    {"a late destructor", with_late_library, 3},
    {"exit among threads", among_threads, 20},
    {"exit by a thread", by_a_thread, 20},
    {"pthread_exit", by_pthread_exit, 20},
    {"exit by a signal handler", by_a_signal, 300},
    {"exit after forks", after_forks, 10},
};

int main(void)
{
    alarm(300);
    work(0);
    for (unsigned w = 0; w < HK_COUNT_OF(ways); w++) {
        for (unsigned round = 0; round < ways[w].rounds; round++) {
            int status = 0;
            pid_t child = fork();
            if (child == 0)
                ways[w].run(round);
            CHECK(child > 0 && waitpid(child, &status, 0) == child, "fork");
            CHECK(WIFEXITED(status) && WEXITSTATUS(status) == STATUS, "%s, round %u, ended with %#x",
                  ways[w].name, round, (unsigned)status);
        }
    }
    return 0;
}
