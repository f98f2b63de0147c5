/*
 * shadow.c - random calls of every allocation function, each block checked against a shadow of it.
 *
 * usage: shadow [--seconds S] [--threads N] [--seed X] [--forks N] [--steer 1]
 *
 * Every block is filled with a pattern made of its address and size; the pattern is checked before the block
 * is freed, resized or handed over, so overlap, early reuse and lost contents are noticed. Blocks are passed
 * between threads through shared slots; threads end and are replaced all the time, leaving blocks to others;
 * main forks children that check what they inherited, go on allocating and exit. With --steer the process
 * also changes its own tuning and trims all the time. Prints the seed (HAKMEM_TEST_SEED, unless it is given);
 * ends with status 1 and a line on the first violation.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/hakmem_api.h"

#define OWN_SLOTS         512
#define SHARED_SLOTS      256
#define ROUNDS_PER_THREAD 20000
#define MAX_THREADS       64

struct block {
    unsigned char *p;
    size_t size;
};

static _Atomic(struct block *) shared[SHARED_SLOTS];
static _Atomic(bool) stop;
static _Atomic(uint64_t) operations;
static uint64_t base_seed;
static bool steered;

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

static _Noreturn void violation(const char *what, const struct block *b, size_t at)
{
    fprintf(stderr, "shadow: seed %llu: %s: block %p of %zu bytes, at byte %zu\n",
            (unsigned long long)base_seed, what, (void *)b->p, b->size, at);
    _exit(1);
}

static unsigned char pattern(const struct block *b, size_t i)
{
    return (unsigned char)(((uintptr_t)b->p >> 4) * 31 + b->size * 7 + i * 13 + (i >> 8));
}

/* Large blocks are checked at their ends and in steps. */
static size_t stride(size_t size, size_t i)
{
    return size <= 4096 || i < 256 || i + 256 >= size ? 1 : 61;
}

static void fill(const struct block *b)
{
    for (size_t i = 0; i < b->size; i += stride(b->size, i))
        b->p[i] = pattern(b, i);
}

static void check(const struct block *b)
{
    for (size_t i = 0; i < b->size; i += stride(b->size, i)) {
        if (b->p[i] != pattern(b, i))
            violation("contents changed", b, i);
    }
}

static size_t random_size(uint64_t *state)
{
    uint64_t r = next_random(state);
    switch (r % 16) {
    case 0:
        return (size_t)((r >> 8) % 65536);
    case 1:
        return (r >> 8) % 64 == 0 ? (size_t)((r >> 16) % (12u << 20)) : (size_t)((r >> 16) % 300000);
    case 2:
    case 3:
        return (size_t)((r >> 8) % 4096);
    case 4:
        return (size_t)16 << ((r >> 8) % 12);
    default:
        return (size_t)((r >> 8) % 512);
    }
}

static void check_fresh(const struct block *b, size_t align)
{
    if (b->p == NULL) {
        fprintf(stderr, "shadow: no memory for %zu bytes: %s\n", b->size, strerror(errno));
        _exit(1);
    }
    if (((uintptr_t)b->p & (align - 1)) != 0)
        violation("misaligned", b, align);
    if (malloc_usable_size(b->p) < b->size)
        violation("usable size too small", b, malloc_usable_size(b->p));
}

static void allocate(struct block *b, uint64_t *state)
{
    size_t align = 16;
    b->size = random_size(state);
    switch (next_random(state) % 8) {
    case 0:
        b->p = calloc(1, b->size);
        check_fresh(b, align);
        for (size_t i = 0; i < b->size; i += stride(b->size, i)) {
            if (b->p[i] != 0)
                violation("calloc is not zero", b, i);
        }
        break;
    case 1: {
        void *p = NULL;
        align = (size_t)8 << (next_random(state) % 14);
        if (posix_memalign(&p, align, b->size) != 0)
            p = NULL;
        b->p = p;
        break;
    }
    case 2:
        align = (size_t)16 << (next_random(state) % 8);
        b->p = aligned_alloc(align, b->size);
        break;
    default:
        b->p = malloc(b->size);
    }
    check_fresh(b, align);
    fill(b);
}

static void resize(struct block *b, uint64_t *state)
{
    size_t size = next_random(state) % 4 == 0 ? random_size(state)
                                              : b->size + next_random(state) % (b->size / 2 + 32);
    size_t kept = size < b->size ? size : b->size;
    struct block old = *b;
    check(b);
    if (size == 0)
        size = 1;
    b->p = realloc(b->p, size);
    b->size = size;
    check_fresh(b, 16);
    for (size_t i = 0; i < kept; i += stride(old.size, i)) {
        if (b->p[i] != pattern(&old, i))
            violation("contents lost by realloc", b, i);
    }
    fill(b);
}

static void release(struct block *b)
{
    check(b);
    free(b->p);
    b->p = NULL;
}

/* Puts the block into a shared slot and takes what was there. */
static void exchange(struct block *b, uint64_t *state)
{
    struct block *mine = NULL;
    if (b->p != NULL) {
        mine = malloc(sizeof *mine);
        if (mine == NULL)
            _exit(1);
        *mine = *b;
        b->p = NULL;
    }
    struct block *theirs = atomic_exchange(&shared[next_random(state) % SHARED_SLOTS], mine);
    if (theirs != NULL) {
        *b = *theirs;
        free(theirs);
        check(b);
    }
}

/* From one extreme to another, back to what is usual, and all free memory away in between. */
static void steer(uint64_t *state)
{
    static const char *const settings[][2] = {
        {"refill_batch", "1"},
        {"refill_batch", "1000"},
        {"refill_batch", "100"},
        {"bin_cap", "2"},
        {"bin_cap", "8192"},
        {"bin_cap", "128"},
        {"bin_bytes", "4096"},
        {"bin_bytes", "16777216"},
        {"heap_cache_bytes", "65536"},
        {"retain_bytes", "0"},
        {"retain_bytes", "67108864"},
        {"retain_percent", "0"},
        {"purge_kind", "free"},
        {"purge_kind", "dontneed"},
        {"thp", "madvise"},
        {"thp", "large"},
        {"soft_limit_bytes", "1"},
        {"soft_limit_bytes", "0"},
        {"harden", "canary"},
        {"harden", "all"},
        {"harden", "double-free"},
        {"harden", "off"},
        {"big_cache_bytes", "0"},
        {"big_cache_bytes", "1000000"},
        {"heap_cache_bytes", "2097152"},
    };
    enum { SETTINGS = sizeof settings / sizeof settings[0] };
    uint64_t r = next_random(state) % (SETTINGS + 2);
    if (r >= SETTINGS) {
        malloc_trim(r == SETTINGS ? 0 : 1u << 20);
    } else if (hakmem_tune(settings[r][0], settings[r][1]) != 0) {
        fprintf(stderr, "shadow: %s=%s was refused\n", settings[r][0], settings[r][1]);
        _exit(1);
    }
}

static void step(struct block *slots, uint64_t *state)
{
    if (steered && next_random(state) % 2000 == 0)
        steer(state);
    struct block *b = &slots[next_random(state) % OWN_SLOTS];
    switch (next_random(state) % 8) {
    case 0:
        if (b->p != NULL)
            resize(b, state);
        break;
    case 1:
        exchange(b, state);
        break;
    default:
        if (b->p != NULL)
            release(b);
        else
            allocate(b, state);
    }
}

/* What a thread still has at its end it leaves in shared slots, or frees. */
static void *worker(void *arg)
{
    static _Thread_local struct block slots[OWN_SLOTS];
    uint64_t state = (uint64_t)(uintptr_t)arg;
    memset(slots, 0, sizeof slots);
    for (int i = 0; i < ROUNDS_PER_THREAD && !atomic_load_explicit(&stop, memory_order_relaxed); i++)
        step(slots, &state);
    atomic_fetch_add(&operations, ROUNDS_PER_THREAD);
    for (int i = 0; i < OWN_SLOTS; i++) {
        if (slots[i].p != NULL && i % 4 == 0)
            exchange(&slots[i], &state);
        if (slots[i].p != NULL)
            release(&slots[i]);
    }
    return NULL;
}

/* A child has what the parent had in main's slots, whatever other threads were doing. */
static void in_child(struct block *slots, uint64_t *state)
{
    for (int i = 0; i < OWN_SLOTS; i++) {
        if (slots[i].p != NULL)
            check(&slots[i]);
    }
    for (int i = 0; i < 2000; i++)
        step(slots, state);
    pthread_t t;
    if (pthread_create(&t, NULL, worker, (void *)(uintptr_t)(next_random(state) | 1)) == 0)
        pthread_join(t, NULL);
    for (int i = 0; i < OWN_SLOTS; i++) {
        if (slots[i].p != NULL)
            release(&slots[i]);
    }
    _exit(0);
}

static void fork_and_wait(struct block *slots, uint64_t *state)
{
    pid_t pid = fork();
    if (pid == 0)
        in_child(slots, state);
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        fprintf(stderr, "shadow: seed %llu: child ended with status %#x\n", (unsigned long long)base_seed,
                (unsigned)status);
        _exit(1);
    }
}

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct {
    const char *name;
    double value;
} options[] = {{"--seconds", 3}, {"--threads", 4}, {"--forks", 20}, {"--steer", 0}, {"--seed", 0}};

enum { SECONDS, THREADS, FORKS, STEER, SEED, OPTIONS };

/* false: what is there cannot be understood. */
static bool set_option(const char *name, const char *value)
{
    char *end = NULL;
    for (int i = 0; i < OPTIONS && value != NULL; i++) {
        if (strcmp(name, options[i].name) == 0) {
            options[i].value = strtod(value, &end);
            return end != value && *end == '\0';
        }
    }
    return false;
}

static bool read_options(int argc, char **argv)
{
    const char *seed = getenv("HAKMEM_TEST_SEED");
    options[SEED].value = (double)(time(NULL) % 1000003 + getpid());
    if (seed != NULL && !set_option("--seed", seed))
        return false;
    for (int i = 1; i < argc; i += 2) {
        if (!set_option(argv[i], argv[i + 1]))
            return false;
    }
    return options[THREADS].value >= 1 && options[THREADS].value <= MAX_THREADS &&
           options[SECONDS].value >= 0;
}

int main(int argc, char **argv)
{
    static struct block slots[OWN_SLOTS];
    if (!read_options(argc, argv)) {
        fprintf(stderr, "usage: shadow [--seconds S] [--threads 1..%d] [--seed X] [--forks N] [--steer 1]\n",
                MAX_THREADS);
        return 2;
    }
    double seconds = options[SECONDS].value;
    int threads = (int)options[THREADS].value, forks = (int)options[FORKS].value;
    base_seed = (uint64_t)options[SEED].value;
    steered = options[STEER].value != 0;
    printf("seed %llu\n", (unsigned long long)base_seed);
    fflush(stdout);
    uint64_t state = base_seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    double end = now() + seconds, next_fork = now();
    pthread_t running[MAX_THREADS];
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&running[i], NULL, worker, (void *)(uintptr_t)(next_random(&state) | 1)) != 0)
            return 1;
    }
    for (int i = 0; now() < end; i = (i + 1) % threads) {
        for (int k = 0; k < 500; k++)
            step(slots, &state);
        if (forks > 0 && now() >= next_fork) {
            fork_and_wait(slots, &state);
            next_fork = now() + seconds / forks;
        }
        pthread_join(running[i], NULL);
        if (pthread_create(&running[i], NULL, worker, (void *)(uintptr_t)(next_random(&state) | 1)) != 0)
            return 1;
    }
    atomic_store(&stop, true);
    for (int i = 0; i < threads; i++)
        pthread_join(running[i], NULL);
    for (int i = 0; i < OWN_SLOTS; i++) {
        if (slots[i].p != NULL)
            release(&slots[i]);
    }
    for (int i = 0; i < SHARED_SLOTS; i++) {
        struct block *b = atomic_exchange(&shared[i], NULL);
        if (b != NULL) {
            release(b);
            free(b);
        }
    }
    printf("%llu operations, no violation\n", (unsigned long long)atomic_load(&operations));
    return 0;
}
