/*
 * fork_test.c - forks at bad moments: in a signal handler that came in the middle of a call, by several
 * threads at once, beside threads that allocate and flush streams, before the first allocation of all. Every
 * child allocates, frees and ends well.
 *
 * usage: fork_test handler|threads|flush|early
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

enum { HANDLED = 300, THREADS = 4, FORKS = 60, FLUSHES = 150 };

static atomic_bool over;
static atomic_uint *forks_done, failures;

static void use_memory(unsigned n)
{
    void *blocks[32];
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++) {
        size_t size = (n * 37 + i * i * i * 7) % 70000;
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL, "malloc(%zu)", size);
        memset(blocks[i], (int)i, size);
    }
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
        free(blocks[i]);
}

static void await(pid_t pid)
{
    int status = -1;
    while (waitpid(pid, &status, 0) != pid)
        CHECK(errno == EINTR, "waitpid: %s", strerror(errno));
    CHECK(status == 0, "a child ended with status %#x", (unsigned)status);
}

/* fork is what POSIX lets a handler call; a child that goes on here may call no more than _exit. */
static void fork_in_handler(int number)
{
    (void)number;
    int saved = errno, status = -1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
        atomic_fetch_add(&failures, 1);
    atomic_fetch_add(forks_done, 1);
    errno = saved;
}

/* A process of one thread: with more, fork in a handler waits for ever where the C library's malloc was
 * interrupted. */
static void send_signals(pid_t to, atomic_uint *done)
{
    for (unsigned sent = 0; sent < HANDLED; sent++) {
        CHECK(kill(to, SIGUSR1) == 0, "kill: %s", strerror(errno));
        CHECK(POLL_UNTIL(atomic_load(done) > sent), "signal %u was never handled", sent);
    }
    _exit(0);
}

static void in_a_handler(void)
{
    struct sigaction action = {.sa_handler = fork_in_handler, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
    forks_done = mmap(NULL, sizeof *forks_done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(forks_done != MAP_FAILED, "mmap");
    pid_t parent = getpid(), sender = fork();
    if (sender == 0)
        send_signals(parent, forks_done);
    for (unsigned n = 0; atomic_load(forks_done) < HANDLED; n++)
        use_memory(n);
    await(sender);
    CHECK(atomic_load(&failures) == 0, "%u children failed", atomic_load(&failures));
}

static void *fork_again_and_again(void *arg)
{
    for (unsigned n = 0; n < FORKS; n++) {
        use_memory(n);
        pid_t pid = fork();
        CHECK(pid >= 0, "fork: %s", strerror(errno));
        if (pid == 0) {
            for (unsigned i = 0; i < 20; i++)
                use_memory(n + i);
            _exit(0);
        }
        await(pid);
    }
    return arg;
}

static void by_several_threads(void)
{
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, fork_again_and_again, NULL) == 0, "pthread_create");
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* Locks all streams while it allocates and frees, as fork does. */
static void *flush_and_allocate(void *arg)
{
    for (unsigned n = 0; !atomic_load(&over); n++) {
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);
        CHECK(stream != NULL, "open_memstream");
        fprintf(stream, "%0*u", (int)(n % 3000), n);
        fflush(NULL);
        fclose(stream);
        free(text);
        use_memory(n);
    }
    return arg;
}

static void beside_streams(void)
{
    pthread_t threads[2];
    for (unsigned i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, flush_and_allocate, NULL) == 0, "pthread_create");
    for (unsigned n = 0; n < FLUSHES; n++) {
        pid_t pid = fork();
        CHECK(pid >= 0, "fork: %s", strerror(errno));
        if (pid == 0) {
            FILE *stream = fopen("/dev/null", "w");
            CHECK(stream != NULL, "fopen");
            fprintf(stream, "%u\n", n);
            fflush(NULL);
            use_memory(n);
            fclose(stream);
            exit(0); // NOLINT(concurrency-mt-unsafe)
        }
        await(pid);
    }
    atomic_store(&over, true);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

/* What the child then has is the child's own, and counted. */
static void before_all_else(void)
{
    static void *blocks[20];
    pid_t pid = fork();
    CHECK(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0) {
        size_t before = mallinfo2().uordblks, sum = 0;
        for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++) {
            blocks[i] = malloc(160 * (i + 1));
            sum += malloc_usable_size(blocks[i]);
        }
        size_t now = mallinfo2().uordblks;
        CHECK(now >= before + sum, "%zu bytes in use, after %zu and %zu more", now, before, sum);
        for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
            free(blocks[i]);
        _exit(0);
    }
    await(pid);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    if (strcmp(how, "handler") == 0)
        in_a_handler();
    else if (strcmp(how, "threads") == 0)
        by_several_threads();
    else if (strcmp(how, "flush") == 0)
        beside_streams();
    else if (strcmp(how, "early") == 0)
        before_all_else();
    else
        CHECK(false, "usage: fork_test handler|threads|flush|early");
    return 0;
}
