/*
 * signals.c - a signal may come anywhere in the allocator, and its handler may take long and jump nowhere.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#define THREADS 2
#define BLOCKS  2000
#define SIGNALS 2000

static _Atomic(unsigned) handled;

static void handle(int number)
{
    (void)number;
    volatile char scratch[4096]; /* leaves nothing of the red zone, nor of errno */
    for (unsigned i = 0; i < sizeof scratch; i++)
        scratch[i] = (char)i;
    errno = ENOTTY;
    atomic_fetch_add(&handled, 1);
}

static void keep_signals_coming(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    struct itimerval every = {.it_interval.tv_usec = 200, .it_value.tv_usec = 200};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0, "sigaction");
    CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0, "setitimer");
}

static void *allocate(void *arg)
{
    void **list = calloc(BLOCKS, sizeof *list);
    CHECK(list != NULL, "no memory");
    while (atomic_load(&handled) < SIGNALS) {
        for (unsigned i = 0; i < BLOCKS; i++) {
            size_t size = i % 200 == 0 ? 100000 : 16 + i % 600;
            list[i] = malloc(size);
            CHECK(list[i] != NULL, "no memory");
            pattern_fill(list[i], size, i);
        }
        for (unsigned i = 0; i < BLOCKS; i++) {
            size_t size = i % 200 == 0 ? 100000 : 16 + i % 600;
            CHECK(pattern_check(list[i], size, i) == size, "block %u changed", i);
            free(list[i]);
        }
    }
    free(list);
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS];
    keep_signals_coming();
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, allocate, NULL) == 0, "no thread");
    allocate(NULL);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
