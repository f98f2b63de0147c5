/*
 * lost_bins.c - in a forked child, the bins of a thread that is not there serve another, whatever they hold.
 *
 * Run with very short bins, which are full of what the lost thread left. What the child then frees must find
 * a place; blocks must not overlap.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#define BLOCKS 300
#define LEFT   4 /* blocks at most that a bin is left with */

static const size_t sizes[] = {64, 80, 96, 112};

static void *blocks[HK_COUNT_OF(sizes)][BLOCKS];
static pthread_barrier_t filled, finished;

static void *leave(void *arg)
{
    unsigned left = (unsigned)(uintptr_t)arg;
    for (unsigned s = 0; s < HK_COUNT_OF(sizes); s++) {
        void *own[LEFT];
        for (unsigned i = 0; i < LEFT; i++)
            CHECK((own[i] = malloc(sizes[s])) != NULL, "no memory");
        for (unsigned i = 0; i < left; i++)
            free(own[i]);
    }
    pthread_barrier_wait(&filled);
    pthread_barrier_wait(&finished);
    return NULL;
}

static void fill_all(void)
{
    for (unsigned s = HK_COUNT_OF(sizes); s-- > 0;) {
        for (unsigned i = 0; i < BLOCKS; i++) {
            CHECK((blocks[s][i] = malloc(sizes[s])) != NULL, "no memory");
            pattern_fill(blocks[s][i], sizes[s], s * BLOCKS + i);
        }
    }
}

static void check_all(void)
{
    for (unsigned s = 0; s < HK_COUNT_OF(sizes); s++) {
        for (unsigned i = 0; i < BLOCKS; i++)
            CHECK(pattern_check(blocks[s][i], sizes[s], s * BLOCKS + i) == sizes[s],
                  "block %u of %zu bytes changed", i, sizes[s]);
    }
}

/* With the heap of the thread that was lost. */
static void *inherit(void *arg)
{
    check_all();
    for (unsigned s = 0; s < HK_COUNT_OF(sizes); s++) {
        for (unsigned i = 0; i < BLOCKS; i++)
            free(blocks[s][i]);
    }
    fill_all();
    check_all();
    return arg;
}

static void fork_with_left(unsigned left)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, leave, (void *)(uintptr_t)left) == 0, "no thread");
    pthread_barrier_wait(&filled);
    fill_all();
    pid_t pid = fork();
    if (pid == 0) {
        CHECK(pthread_create(&thread, NULL, inherit, NULL) == 0, "no thread");
        pthread_join(thread, NULL);
        _exit(0);
    }
    int status = -1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "the child ended with status %#x",
          (unsigned)status);
    pthread_barrier_wait(&finished);
    pthread_join(thread, NULL);
}

int main(void)
{
    alarm(120);
    pthread_barrier_init(&filled, NULL, 2);
    pthread_barrier_init(&finished, NULL, 2);
    for (unsigned left = 0; left <= LEFT; left++)
        fork_with_left(left);
    return 0;
}
