/* harness.c - see harness.h. */
#include "tests/bench/harness.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/allocator.h"

#define THREADS_MAX 256u

static struct allocator served_by;
/* The set of the process as it was started: pinned threads must not narrow it for later ones. */
static cpu_set_t allowed;
static unsigned first_cpu;
static uint64_t own_bytes; /* by bench_pages() */

static _Noreturn void die(int status, const char *what, const char *detail)
{
    fprintf(stderr, "bench: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
    exit(status);
}

static void find_processors(void)
{
    const char *cpu = getenv("BENCH_CPU");
    first_cpu = cpu ? (unsigned)strtoul(cpu, NULL, 10) : 0;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        die(1, "sched_getaffinity", strerror(errno));
}

void bench_start(void)
{
    const char *expected = getenv("BENCH_EXPECT");
    find_processors(); /* before there are threads */
    /* stdio's buffer is there before anything is counted. */
    static char buffer[4096];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    allocator_find(&served_by);
    if (served_by.flaw)
        die(3, served_by.flaw, served_by.path);
    if (expected && !allocator_is(&served_by, expected)) {
        fprintf(stderr, "bench: expected to be served by %s\n", expected);
        die(3, "refusing to report figures of another allocator", served_by.path);
    }
}

void bench_pin(unsigned index)
{
    if (CPU_COUNT(&allowed) == 0)
        find_processors();
    unsigned wanted = (index + first_cpu) % (unsigned)CPU_COUNT(&allowed);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || wanted-- > 0)
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (sched_setaffinity(0, sizeof one, &one) != 0)
            die(1, "sched_setaffinity", strerror(errno));
        return;
    }
}

uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct runner {
    pthread_t thread;
    pthread_barrier_t *start;
    void (*work)(void *arg);
    void *arg;
    unsigned index;
    uint64_t began, ended;
};

static void *run_one(void *arg)
{
    struct runner *runner = arg;
    bench_pin(runner->index);
    if (runner->start)
        pthread_barrier_wait(runner->start);
    runner->began = bench_now_ns();
    runner->work(runner->arg);
    runner->ended = bench_now_ns();
    return NULL;
}

static void run_all(struct runner *runners, unsigned threads)
{
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, threads);
    for (unsigned i = 0; i < threads; i++) {
        runners[i].start = &start;
        if (pthread_create(&runners[i].thread, NULL, run_one, &runners[i]) != 0)
            die(1, "pthread_create", strerror(errno));
    }
    for (unsigned i = 0; i < threads; i++)
        pthread_join(runners[i].thread, NULL);
    pthread_barrier_destroy(&start);
}

uint64_t bench_parallel(unsigned threads, void (*work)(void *arg), void *args, size_t arg_size)
{
    static struct runner runners[THREADS_MAX];
    if (threads > THREADS_MAX)
        die(1, "too many threads", NULL);
    for (unsigned i = 0; i < threads; i++)
        runners[i] = (struct runner){.work = work, .arg = (char *)args + i * arg_size, .index = i};
    if (threads == 1)
        run_one(runners);
    else
        run_all(runners, threads);
    uint64_t began = UINT64_MAX, ended = 0;
    for (unsigned i = 0; i < threads; i++) {
        began = runners[i].began < began ? runners[i].began : began;
        ended = runners[i].ended > ended ? runners[i].ended : ended;
    }
    return ended - began;
}

static uint64_t status_kib(FILE *status, const char *key)
{
    char line[256];
    size_t len = strlen(key);
    rewind(status);
    while (fgets(line, sizeof line, status)) {
        if (strncmp(line, key, len) == 0) {
            uint64_t kib = strtoull(line + len, NULL, 10);
            return kib - (own_bytes >> 10 < kib ? own_bytes >> 10 : kib);
        }
    }
    die(1, "not in /proc/self/status", key);
}

struct bench_memory bench_memory(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    if (!status)
        die(1, "/proc/self/status", strerror(errno));
    struct bench_memory now = {.peak_kib = status_kib(status, "VmHWM:"),
                               .rss_kib = status_kib(status, "VmRSS:")};
    fclose(status);
    return now;
}

void *bench_pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (p == MAP_FAILED)
        die(1, "mmap", strerror(errno));
    own_bytes += bytes;
    return p;
}

uint64_t bench_number(const char *text, const char *what, uint64_t max)
{
    char *end;
    errno = 0;
    uint64_t v = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || v == 0 || v > max) {
        fprintf(stderr, "bench: %s: '%s' is not a number in 1..%" PRIu64 "\n", what, text, max);
        exit(2);
    }
    return v;
}

void bench_range(char **arguments, uint64_t limit, size_t *min, size_t *range)
{
    size_t max = bench_number(arguments[1], "MAX", limit);
    *min = bench_number(arguments[0], "MIN", limit);
    if (max < *min) {
        fprintf(stderr, "bench: MAX must not be under MIN\n");
        exit(2);
    }
    *range = max - *min + 1;
}

void bench_report(const struct bench_result *result, struct bench_memory memory)
{
    /* Paths with quotes or backslashes are not escaped: none of the libraries measured has one. */
    printf("{\"program\": \"%s\", \"ops\": %" PRIu64 ", \"ns\": %" PRIu64 ", \"floor_ns\": %" PRIu64
           ", \"peak_rss_kib\": %" PRIu64 ", \"rss_kib\": %" PRIu64 ", \"live_kib\": %" PRIu64
           ", \"allocator\": \"%s\"}\n",
           result->name, result->ops, result->ns, result->floor_ns, memory.peak_kib, memory.rss_kib,
           result->live_kib, served_by.path);
    if (fflush(stdout) != 0)
        die(1, "standard output", strerror(errno));
}
