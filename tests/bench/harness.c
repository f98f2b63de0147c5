/* harness.c - see harness.h. */
#include "tests/bench/harness.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/allocator.h"

static struct allocator served_by;

static _Noreturn void die(int status, const char *what, const char *detail)
{
    fprintf(stderr, "bench: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
    exit(status);
}

void bench_start(void)
{
    const char *expected = getenv("BENCH_EXPECT");
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

unsigned bench_cpus(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    return (unsigned)CPU_COUNT(&set);
}

void bench_pin(unsigned index)
{
    /* The set of the process as it was started: pinned threads must not narrow it for later ones. */
    static cpu_set_t allowed;
    static unsigned base;
    if (CPU_COUNT(&allowed) == 0) {
        const char *cpu = getenv("BENCH_CPU");
        base = cpu ? (unsigned)strtoul(cpu, NULL, 10) : 0;
        if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
            die(1, "sched_getaffinity", strerror(errno));
    }
    unsigned wanted = (index + base) % (unsigned)CPU_COUNT(&allowed);
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

static uint64_t status_kib(FILE *status, const char *key)
{
    char line[256];
    size_t len = strlen(key);
    rewind(status);
    while (fgets(line, sizeof line, status)) {
        if (strncmp(line, key, len) == 0)
            return strtoull(line + len, NULL, 10);
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

void bench_report(const struct bench_result *result, struct bench_memory memory)
{
    /* Paths with quotes or backslashes are not escaped: none of the libraries measured has one. */
    printf("{\"program\": \"%s\", \"ops\": %" PRIu64 ", \"ns\": %" PRIu64 ", \"floor_ns\": %" PRIu64
           ", \"peak_rss_kib\": %" PRIu64 ", \"rss_kib\": %" PRIu64 ", \"allocator\": \"%s\"}\n",
           result->name, result->ops, result->ns, result->floor_ns, memory.peak_kib, memory.rss_kib,
           served_by.path);
    if (fflush(stdout) != 0)
        die(1, "standard output", strerror(errno));
}
