/*
 * instants.c - the allocator cut at every instruction of its slow paths.
 *
 * usage: instants exit|lost EVERY     (of so many instants one; 1: all)
 *
 *   exit   a signal handler interrupts malloc or free there and calls exit(); what runs then allocates and
 * frees lost   another thread forks there; the child's next thread gets the heap as it was left
 *
 * The processor stops after each instruction (its trap flag). What was live must be unchanged afterwards, and
 * what is allocated must not overlap.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

#define HOT    24  /* instructions of a call before it can be on a slow path */
#define BLOCKS 96  /* that the interrupted program has */
#define FRESH  100 /* of each size, allocated afterwards, of large ones fewer */

#if defined(__x86_64__)
#define TRAP_FLAG "0x100"
#define SET_FLAGS(how)                                                                                       \
    __asm__ volatile("lea -128(%%rsp), %%rsp\n pushfq\n " how ", (%%rsp)\n popfq\n lea 128(%%rsp), %%rsp" :: \
                         : "cc", "memory")
#define STEP()     SET_FLAGS("orq $" TRAP_FLAG)
#define STEP_OFF() SET_FLAGS("andq $~" TRAP_FLAG)
#else
#define STEP()     check_skip("no way to stop after each instruction is known here")
#define STEP_OFF() ((void)0)
#endif

static const size_t sizes[] = {16, 32, 48, 64, 80, 28672, 32768};

static struct {
    void *p;
    size_t size;
} held[BLOCKS];

static void (*at_instant)(void);
static unsigned every;      /* instants apart */
static unsigned in_call;    /* instructions since it began */
static unsigned call, only; /* its number; the one to be cut, 0: all */

static void trapped(int number)
{
    (void)number;
    if (++in_call > HOT)
        at_instant();
}

/* What follows is stepped through, if it is to be. */
static inline __attribute__((always_inline)) void begin_call(void)
{
    in_call = 0;
    call++;
    if (only == 0 || call == only)
        STEP();
}

static void *stepped_malloc(size_t size)
{
    begin_call();
    void *p = malloc(size);
    STEP_OFF();
    return p;
}

static void stepped_free(void *p)
{
    begin_call();
    free(p);
    STEP_OFF();
}

static void take(unsigned i, size_t size)
{
    void *p = stepped_malloc(size);
    CHECK(p != NULL, "no memory");
    pattern_fill(p, size, i);
    held[i].size = size;
    held[i].p = p;
}

static void give(unsigned i)
{
    void *p = held[i].p;
    held[i].p = NULL;
    stepped_free(p);
}

/* Refills, bins that overflow and get more places, a slab that is used up, one that comes free. */
static void live(void)
{
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < BLOCKS; i++)
            take(i, i < 90 ? 64 : 32768);
        for (unsigned i = 0; i < BLOCKS; i++)
            give(i);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        take(i, 64);
    for (unsigned i = 0; i < 300; i++) {
        give(i % 8);
        take(i % 8, 64);
    }
}

static unsigned fresh_of(size_t size)
{
    return size < 1024 ? FRESH : FRESH / 10;
}

static void check_held(void)
{
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (held[i].p != NULL)
            CHECK(pattern_check(held[i].p, held[i].size, i) == held[i].size, "block %u changed", i);
    }
}

/* Frees what was live, then allocates and frees plenty of each size around. */
static void check_heap(void)
{
    static void *fresh[HK_COUNT_OF(sizes)][FRESH];
    check_held();
    for (unsigned i = 0; i < BLOCKS; i++)
        free(held[i].p);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned s = 0; s < HK_COUNT_OF(sizes); s++) {
            for (unsigned i = 0; i < fresh_of(sizes[s]); i++) {
                fresh[s][i] = malloc(sizes[s]);
                CHECK(fresh[s][i] != NULL, "no memory");
                pattern_fill(fresh[s][i], sizes[s], s * FRESH + i);
            }
        }
        for (unsigned s = 0; s < HK_COUNT_OF(sizes); s++) {
            for (unsigned i = 0; i < fresh_of(sizes[s]); i++) {
                CHECK(pattern_check(fresh[s][i], sizes[s], s * FRESH + i) == sizes[s],
                      "round %u: block %u of %zu bytes changed", round, i, sizes[s]);
                free(fresh[s][i]);
            }
        }
    }
    struct hakmem_snapshot s;
    CHECK(hakmem_snapshot(&s, sizeof s) == 0, "no snapshot");
    CHECK(s.live_blocks < 100000, "%lld blocks are said to be live", (long long)s.live_blocks);
}

static void wait_for(pid_t pid, unsigned instant)
{
    int status = -1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "fork: %s", strerror(errno));
    CHECK(status == 0, "cut at instant %u, a process ended with status %#x", instant, (unsigned)status);
}

static void use_all_sizes(void)
{
    for (unsigned s = 0; s < HK_COUNT_OF(sizes); s++)
        free(malloc(sizes[s]));
}

/* ---- exit ---- */

static unsigned instants_left;

static void count_down(void)
{
    if (instants_left-- == 0)
        exit(0);
}

/* Lives until so many instants after the beginning of a slow call, or to the end. The status. */
static int cut_at(unsigned number, unsigned instant)
{
    enum { LIVED = 77 };
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60);
        use_all_sizes();
        only = number;
        call = 0;
        instants_left = instant;
        atexit(check_heap);
        live();
        _exit(call < number ? LIVED + 1 : LIVED);
    }
    int status = -1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "fork: %s", strerror(errno));
    CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) >= LIVED),
          "cut in call %u at instant %u, a process ended with status %#x", number, instant, (unsigned)status);
    return WEXITSTATUS(status) == 0 ? 0 : WEXITSTATUS(status) - LIVED + 1;
}

static unsigned cut_by_exit(void)
{
    unsigned cuts = 0;
    int how = 0;
    at_instant = count_down;
    for (unsigned number = 1; how < 2; number++) {
        for (unsigned at = number % every; (how = cut_at(number, at)) == 0; at += every)
            cuts++;
    }
    return cuts;
}

/* ---- lost ---- */

static sem_t stopped, go_on;
static _Atomic(bool) done;

static unsigned passed;

static void stop(void)
{
    if (passed++ % every != 0)
        return;
    sem_post(&stopped);
    while (sem_wait(&go_on) != 0)
        ;
}

static void *live_stepped(void *arg)
{
    live();
    atomic_store(&done, true);
    sem_post(&stopped);
    return arg;
}

static void *use_heap(void *arg)
{
    check_heap();
    return arg;
}

static void use_lost_heap(void)
{
    pthread_t thread;
    alarm(60);
    check_held();
    CHECK(pthread_create(&thread, NULL, use_heap, NULL) == 0, "no thread");
    pthread_join(thread, NULL);
    memset(held, 0, sizeof held);
    check_heap();
    _exit(0);
}

static unsigned cut_by_fork(void)
{
    pthread_t thread;
    unsigned instant = 0;
    at_instant = stop;
    CHECK(sem_init(&stopped, 0, 0) == 0 && sem_init(&go_on, 0, 0) == 0, "sem_init");
    CHECK(pthread_create(&thread, NULL, live_stepped, NULL) == 0, "no thread");
    for (;; instant += every) {
        while (sem_wait(&stopped) != 0)
            ;
        if (atomic_load(&done))
            break;
        pid_t pid = fork();
        if (pid == 0)
            use_lost_heap();
        wait_for(pid, instant);
        sem_post(&go_on);
    }
    pthread_join(thread, NULL);
    return instant / every;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = trapped, .sa_flags = SA_RESTART};
    CHECK(argc == 3 && atoi(argv[2]) > 0, "usage: instants exit|lost EVERY");
    every = (unsigned)atoi(argv[2]);
    CHECK(sigaction(SIGTRAP, &action, NULL) == 0, "sigaction");
    unsigned instants = strcmp(argv[1], "exit") == 0 ? cut_by_exit() : cut_by_fork();
    CHECK(instants > 100, "only %u instants were cut", instants);
    return 0;
}
