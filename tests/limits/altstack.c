/*
 * altstack.c - signal handlers on alternate stacks: they interrupt the allocator, and, where the signal comes
 * at a call of the program's own, they allocate there, on the smallest such stack there is room for a handler
 * on.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#define SIGNALS 1000
#define ROOM    (12u << 10) /* beyond what the kernel puts there: as much as a small thread has */

static _Atomic(unsigned) handled;
static _Atomic(bool) allocated;

static void interrupt(int number)
{
    (void)number;
    atomic_fetch_add(&handled, 1);
}

/* Raised where nothing is interrupted: then a handler may do anything. */
static void allocate(int number)
{
    static const size_t sizes[] = {16, 3000, 30000, 100000, 5000000};
    (void)number;
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        unsigned char *p = calloc(1, sizes[i]);
        CHECK(p != NULL && is_zero(p, sizes[i]), "no memory on the alternate stack");
        p = realloc(p, sizes[i] * 2);
        CHECK(p != NULL, "realloc");
        free(p);
    }
    atomic_store(&allocated, true);
}

static void *on_own_stack(void *arg)
{
    size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + ROOM;
    stack_t stack = {.ss_sp = malloc(size), .ss_size = size};
    CHECK(stack.ss_sp != NULL && sigaltstack(&stack, NULL) == 0, "sigaltstack");
    raise(SIGUSR1);
    CHECK(atomic_load(&allocated), "the handler did not run");
    unsigned until = atomic_load(&handled) + SIGNALS;
    void *blocks[200];
    while (atomic_load(&handled) < until) {
        for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++) {
            size_t bytes = i % 50 == 0 ? 90000 : 16 + i * 31 % 2000;
            blocks[i] = malloc(bytes);
            CHECK(blocks[i] != NULL, "no memory");
            pattern_fill(blocks[i], bytes, i);
        }
        for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++) {
            size_t bytes = i % 50 == 0 ? 90000 : 16 + i * 31 % 2000;
            CHECK(pattern_check(blocks[i], bytes, i) == bytes, "block %u changed", i);
            free(blocks[i]);
        }
    }
    stack.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&stack, NULL) == 0, "sigaltstack");
    free(stack.ss_sp);
    return arg;
}

int main(void)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART | SA_ONSTACK};
    struct itimerval every = {.it_interval.tv_usec = 200, .it_value.tv_usec = 200};
    pthread_t thread;
    CHECK(sigaction(SIGALRM, &action, NULL) == 0, "sigaction");
    action.sa_handler = allocate;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
    CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0, "setitimer");
    CHECK(pthread_create(&thread, NULL, on_own_stack, NULL) == 0, "no thread");
    on_own_stack(NULL);
    pthread_join(thread, NULL);
    return 0;
}
