/*
 * tiny_stack.c - threads with the smallest stacks there are do everything that is slow in an allocator.
 *
 * The slow paths (attach, refill, flush, big blocks, a thread's end) run on the caller's stack, so what they
 * put there is taken from programs that sized it for themselves.
 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#define BLOCKS 3000

/* Not on the small stack. */
struct task {
    void *blocks[BLOCKS];
    void *left; /* for the next thread to free */
};

static struct task task;

/* Enough of each size for several refills and flushes. */
static void fill_and_flush(struct task *t, size_t size, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        t->blocks[i] = malloc(size);
        CHECK(t->blocks[i] != NULL, "no memory");
        pattern_fill(t->blocks[i], size, i);
    }
    for (unsigned i = 0; i < count; i++) {
        CHECK(pattern_check(t->blocks[i], size, i) == size, "block %u changed", i);
        free(t->blocks[i]);
    }
}

static void use_large(void)
{
    static const size_t sizes[] = {40000, 300000, 3000000, 50000000, 2000000, 30};
    unsigned char *p = NULL;
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        p = realloc(p, sizes[i]);
        CHECK(p != NULL, "realloc");
        p[sizes[i] - 1] = 1;
    }
    free(p);
    p = calloc(1, 5000000);
    CHECK(p != NULL && is_zero(p, 5000000), "calloc");
    free(p);
    void *aligned = NULL;
    CHECK(posix_memalign(&aligned, 1u << 21, 100000) == 0, "posix_memalign");
    free(aligned);
}

static void *in_thread(void *arg)
{
    static const size_t sizes[] = {16, 100, 1000, 9000};
    struct task *t = arg;
    free(t->left);
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++)
        fill_and_flush(t, sizes[i], BLOCKS);
    fill_and_flush(t, 32000, 500);
    use_large();
    malloc_trim(0);
    t->left = malloc(100000);
    return NULL;
}

int main(void)
{
    size_t size = (size_t)sysconf(_SC_THREAD_STACK_MIN);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    int err = pthread_attr_setstacksize(&attr, size);
    CHECK(err == 0, "a stack of %zu bytes: %s", size, strerror(err));
    for (unsigned i = 0; i < 5; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, &attr, in_thread, &task) == 0, "no thread");
        pthread_join(thread, NULL);
    }
    free(task.left);
    pthread_attr_destroy(&attr);
    return puts("done") >= 0 && fflush(stdout) == 0 ? 0 : 1;
}
