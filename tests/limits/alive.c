/*
 * alive.c - a program that does a little of everything, and notices if any of it goes wrong.
 *
 * usage: alive [MOST_BYTES [own]]     largest block it asks for (default 20 MiB); own: and none of the C
 *                                     library's
 *
 * What the other tests of this folder run in their surroundings. Prints one line at its end.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

extern void *__libc_malloc(size_t size);

static size_t most = 20u << 20;

static void allocate_each_way(void)
{
    for (size_t size = 1; size <= most; size = size * 2 + 1) {
        unsigned char *p = malloc(size), *q = calloc(1, size), *r = NULL;
        CHECK(p != NULL && q != NULL, "no memory for %zu bytes: %s", size, strerror(errno));
        CHECK(is_zero(q, size), "calloc(%zu) is not zero", size);
        pattern_fill(p, size, size);
        memset(q, 0xff, size);
        free(q);
        p = realloc(p, size + size / 2);
        CHECK(p != NULL && pattern_check(p, size, size) == size, "realloc from %zu lost contents", size);
        CHECK(posix_memalign((void **)&r, 256, size) == 0 && is_aligned(r, 256), "posix_memalign(%zu)", size);
        free(p);
        free(r);
    }
}

/* Several at a time, so that bins are refilled and flushed. */
static void allocate_many(void)
{
    enum { N = 4000 };
    unsigned char *blocks[N];
    for (unsigned i = 0; i < N; i++) {
        size_t size = 16 + i % 1000;
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL, "no memory for block %u", i);
        pattern_fill(blocks[i], size, i);
    }
    for (unsigned i = 0; i < N; i++) {
        size_t size = 16 + i % 1000;
        CHECK(pattern_check(blocks[i], size, i) == size, "block %u changed", i);
        free(blocks[i]);
    }
}

static void *in_thread(void *arg)
{
    allocate_each_way();
    allocate_many();
    return arg;
}

static void make_threads(void)
{
    pthread_t threads[3];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 << 10);
    for (unsigned i = 0; i < HK_COUNT_OF(threads); i++) {
        int err = pthread_create(&threads[i], &attr, in_thread, NULL);
        CHECK(err == 0, "no thread: %s", strerror(err));
        if (most < 4u << 20) /* one at a time where there is little */
            pthread_join(threads[i], NULL);
    }
    for (unsigned i = 0; i < HK_COUNT_OF(threads) && most >= 4u << 20; i++)
        pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attr);
}

static void make_child(void)
{
    int status = -1;
    pid_t pid = fork();
    CHECK(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0) {
        in_thread(NULL);
        make_threads();
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0, "the child ended with status %#x",
          (unsigned)status);
}

static void give_foreign_blocks_back(void)
{
    void *small = __libc_malloc(100), *large = __libc_malloc(300000);
    CHECK(small != NULL && large != NULL, "the C library's own heap");
    free(small);
    free(large);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        most = strtoul(argv[1], NULL, 10);
    in_thread(NULL);
    make_threads();
    make_child();
    if (argc <= 2)
        give_foreign_blocks_back();
    malloc_trim(0);
    in_thread(NULL);
    return puts("alive") >= 0 && fflush(stdout) == 0 ? 0 : 1;
}
