/*
 * rawfork.c - children that the C library knows nothing of: no fork handler runs before they allocate.
 *
 * By clone() as a system call, while other threads are busy in the allocator; as sandboxes and checkpointing
 * tools do. The child may use what needs no lock of the C library's: memory.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#define THREADS 3
#define BLOCKS  2000
#define FORKS   200

static _Atomic(bool) stop;
static void *kept[BLOCKS];

static size_t size_of(unsigned i)
{
    return i % 100 == 0 ? 40000 + i * 50 : 16 + i * 37 % 2000;
}

static void *be_busy(void *arg)
{
    while (!atomic_load(&stop)) {
        for (size_t size = 16; size < 200000; size += 16 + size / 8)
            free(malloc(size));
    }
    return arg;
}

static void check_kept(void)
{
    for (unsigned i = 0; i < BLOCKS; i++)
        CHECK(pattern_check(kept[i], size_of(i), i) == size_of(i), "block %u changed", i);
}

static void exchange_kept(void)
{
    for (unsigned i = 0; i < BLOCKS; i++) {
        if (i % 3 == 0) {
            free(kept[i]);
            kept[i] = malloc(size_of(i));
            CHECK(kept[i] != NULL, "no memory");
            pattern_fill(kept[i], size_of(i), i);
        }
    }
    unsigned char *p = calloc(1, 3000000);
    CHECK(p != NULL && is_zero(p, 3000000), "calloc");
    p = realloc(p, 30000000);
    CHECK(p != NULL && is_zero(p, 3000000), "realloc");
    free(p);
}

static pid_t raw_fork(void)
{
    return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static void wait_for(pid_t pid)
{
    int status = -1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "clone: %s", strerror(errno));
    CHECK(status == 0, "a child ended with status %#x (14: it hung)", (unsigned)status);
}

/* The child's life, and that of so many generations after it. */
static _Noreturn void live_as_child(unsigned generations)
{
    for (;; generations--) {
        alarm(120);
        check_kept();
        exchange_kept();
        pid_t pid = generations > 0 ? raw_fork() : -1;
        if (pid == 0)
            continue;
        if (pid > 0)
            wait_for(pid);
        exchange_kept();
        check_kept();
        _exit(0);
    }
}

int main(void)
{
    pthread_t threads[THREADS];
    alarm(300);
    for (unsigned i = 0; i < BLOCKS; i++) {
        kept[i] = malloc(size_of(i));
        CHECK(kept[i] != NULL, "no memory");
        pattern_fill(kept[i], size_of(i), i);
    }
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, be_busy, NULL) == 0, "no thread");
    for (unsigned n = 0; n < FORKS; n++) {
        pid_t pid = raw_fork();
        if (pid == 0)
            live_as_child(n % 4 == 0 ? 2 : 0);
        exchange_kept();
        wait_for(pid);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    check_kept();
    return 0;
}
