/*
 * fork_stdio.c - hundreds of forks while other threads are inside stdio and malloc.
 *
 * usage: fork_stdio [FORKS]
 *
 * An allocator that takes locks around fork() deadlocks with a thread that holds stdio's and wants memory:
 * the C library takes its stdio locks after the fork handlers. Each child goes on as programs do: it
 * allocates, prints, makes a thread, and exits or becomes another program. SIGALRM ends what hangs.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

#define THREADS       4
#define CHILD_SECONDS 120
#define ALL_SECONDS   600

static _Atomic(bool) stop;
static char text_path[] = "/tmp/hakmem-fork-stdio-XXXXXX";

/* fopen and fclose take and give a FILE and its buffer with the list of files locked; getdelim grows a line.
 */
static void *use_stdio(void *arg)
{
    (void)arg;
    while (!atomic_load(&stop)) {
        FILE *file = fopen(text_path, "r");
        CHECK(file != NULL, "%s: %s", text_path, strerror(errno));
        char *line = NULL;
        size_t size = 0;
        while (getdelim(&line, &size, '\n', file) > 0)
            ;
        free(line);
        fclose(file);
        fflush(NULL);
    }
    return NULL;
}

static void *use_malloc(void *arg)
{
    uint64_t x = (uintptr_t)arg * 2 + 1;
    void *slots[64] = {0};
    while (!atomic_load(&stop)) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        void **slot = &slots[(x >> 40) % HK_COUNT_OF(slots)];
        size_t size = (x >> 20) % 64 == 0 ? (x >> 24) % 3000000 : (x >> 24) % 2000;
        if ((x >> 50) % 3 == 0) {
            free(*slot);
            *slot = NULL;
        } else {
            *slot = realloc(*slot, size + 1);
            CHECK(*slot != NULL, "no memory");
        }
    }
    for (unsigned i = 0; i < HK_COUNT_OF(slots); i++)
        free(slots[i]);
    return NULL;
}

static void *in_childs_thread(void *arg)
{
    for (size_t size = 1; size < 100000; size *= 2) {
        void *p = malloc(size);
        CHECK(p != NULL, "no memory in the child's thread");
        memset(p, 1, size);
        free(p);
    }
    return arg;
}

static void allocate_a_little(void)
{
    void *blocks[40];
    for (size_t i = 0; i < HK_COUNT_OF(blocks); i++) {
        size_t size = (size_t)1 << (i % 23);
        blocks[i] = calloc(1, size);
        CHECK(blocks[i] != NULL, "no memory in the child");
        memset(blocks[i], 1, size);
    }
    for (size_t i = 0; i < HK_COUNT_OF(blocks); i++)
        free(blocks[i]);
}

static _Noreturn void live_as_child(int n)
{
    pthread_t thread;
    alarm(CHILD_SECONDS);
    allocate_a_little();
    CHECK(pthread_create(&thread, NULL, in_childs_thread, NULL) == 0, "no thread in the child");
    pthread_join(thread, NULL);
    FILE *file = fopen(text_path, "r");
    char line[64];
    CHECK(file != NULL && fgets(line, sizeof line, file) != NULL, "no stdio in the child");
    fclose(file);
    switch (n % 3) {
    case 0:
        exit(0);
    case 1:
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    default:
        _exit(0);
    }
}

static void write_text(void)
{
    int fd = mkstemp(text_path);
    CHECK(fd >= 0, "%s: %s", text_path, strerror(errno));
    FILE *file = fdopen(fd, "w");
    for (int i = 0; i < 100; i++)
        fprintf(file, "%0*d\n", i * 7 + 1, i);
    fclose(file);
}

int main(int argc, char **argv)
{
    int forks = argc > 1 ? atoi(argv[1]) : 300;
    pthread_t threads[2 * THREADS];
    alarm(ALL_SECONDS);
    write_text();
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[2 * i], NULL, use_stdio, NULL) == 0, "no thread");
        CHECK(pthread_create(&threads[2 * i + 1], NULL, use_malloc, (void *)(uintptr_t)i) == 0, "no thread");
    }
    for (int n = 0; n < forks; n++) {
        int status = -1;
        pid_t pid = fork();
        CHECK(pid >= 0, "fork: %s", strerror(errno));
        if (pid == 0)
            live_as_child(n);
        allocate_a_little();
        CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
        CHECK(status == 0, "child %d of %d ended with status %#x (14: it hung)", n, forks, (unsigned)status);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 2 * THREADS; i++)
        pthread_join(threads[i], NULL);
    unlink(text_path);
    return 0;
}
