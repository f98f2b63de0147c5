/*
 * fork_family.c - what a child inherits: the contents of every block, those of lost threads too, and the
 * right to free all of it; forks from any thread, of forks, and by every call that makes a process.
 */
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#define THREADS 4
#define BLOCKS  3000
#define SECONDS 300

struct kept {
    void *p;
    size_t size;
};

static struct kept kept[THREADS][BLOCKS];
static _Atomic(bool) stop;
static pthread_barrier_t filled;

static size_t size_of(unsigned thread, unsigned i)
{
    return i % 100 == 0 ? 40000 + i * 100 : 16 + (i * 37 + thread * 11) % 2000;
}

/* Fills its share, then keeps its heap busy until the end. */
static void *fill_and_run(void *arg)
{
    unsigned t = (unsigned)(uintptr_t)arg;
    for (unsigned i = 0; i < BLOCKS; i++) {
        struct kept *k = &kept[t][i];
        k->size = size_of(t, i);
        k->p = malloc(k->size);
        CHECK(k->p != NULL, "no memory");
        pattern_fill(k->p, k->size, t * BLOCKS + i);
    }
    pthread_barrier_wait(&filled);
    while (!atomic_load(&stop)) {
        for (size_t size = 16; size < 3000; size += 16)
            free(malloc(size));
    }
    return NULL;
}

static void check_all(void)
{
    for (unsigned t = 0; t < THREADS; t++) {
        for (unsigned i = 0; i < BLOCKS; i++) {
            const struct kept *k = &kept[t][i];
            CHECK(pattern_check(k->p, k->size, t * BLOCKS + i) == k->size, "block %u of thread %u changed", i,
                  t);
        }
    }
}

/* Frees what lost threads made, allocates as much again, and checks that nothing overlaps. */
static void free_and_refill(void)
{
    for (unsigned t = 0; t < THREADS; t++) {
        for (unsigned i = t % 2; i < BLOCKS; i += 2) {
            struct kept *k = &kept[t][i];
            free(k->p);
            k->p = malloc(k->size);
            CHECK(k->p != NULL, "no memory in the child");
            pattern_fill(k->p, k->size, t * BLOCKS + i);
        }
    }
    check_all();
}

static void wait_for(pid_t pid, const char *what)
{
    int status = -1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "%s: %s", what, strerror(errno));
    CHECK(status == 0, "%s ended with status %#x (14: it hung)", what, (unsigned)status);
}

static void *allocate_in_thread(void *arg)
{
    free_and_refill();
    return arg;
}

/* The child's life, and that of so many generations after it. */
static _Noreturn void live_as_child(int generations)
{
    for (;; generations--) {
        pthread_t thread;
        alarm(SECONDS);
        check_all();
        free_and_refill();
        CHECK(pthread_create(&thread, NULL, allocate_in_thread, NULL) == 0, "no thread");
        pthread_join(thread, NULL);
        pid_t pid = generations > 0 ? fork() : -1;
        if (pid == 0)
            continue;
        if (pid > 0)
            wait_for(pid, "a grandchild");
        check_all();
        exit(0);
    }
}

static void *fork_from_thread(void *arg)
{
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (pid == 0)
            live_as_child(0);
        wait_for(pid, "a child of a thread");
    }
    return arg;
}

static void fork_from_main(void)
{
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0)
            live_as_child(2);
        wait_for(pid, "a child");
    }
}

static void use_other_calls(void)
{
    extern char **environ;
    char *argv[] = {(char *)(uintptr_t) "true", NULL};
    for (int i = 0; i < 20; i++) {
        pid_t pid;
        CHECK(posix_spawnp(&pid, "true", NULL, NULL, argv, environ) == 0, "posix_spawn");
        wait_for(pid, "a spawned program");
        CHECK(system("true") == 0, "system");
        FILE *pipe = popen("echo a line from a child", "r");
        char line[64] = "";
        CHECK(pipe != NULL && fgets(line, sizeof line, pipe) != NULL, "popen");
        CHECK(strcmp(line, "a line from a child\n") == 0, "popen read: %s", line);
        CHECK(pclose(pipe) == 0, "pclose");
        pid = vfork();
        if (pid == 0) {
            execlp("true", "true", (char *)NULL);
            _exit(1);
        }
        wait_for(pid, "a program after vfork");
    }
}

/* Both sides of many forks at once. */
static void fork_from_threads_at_once(void)
{
    pthread_t forkers[3];
    for (unsigned i = 0; i < HK_COUNT_OF(forkers); i++)
        CHECK(pthread_create(&forkers[i], NULL, fork_from_thread, NULL) == 0, "no thread");
    for (unsigned i = 0; i < HK_COUNT_OF(forkers); i++)
        pthread_join(forkers[i], NULL);
}

int main(void)
{
    pthread_t threads[THREADS];
    alarm(SECONDS);
    pthread_barrier_init(&filled, NULL, THREADS + 1);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, fill_and_run, (void *)(uintptr_t)i) == 0, "no thread");
    pthread_barrier_wait(&filled);
    fork_from_main();
    fork_from_threads_at_once();
    use_other_calls();
    check_all();
    atomic_store(&stop, true);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    free_and_refill();
    return 0;
}
