/*
 * random_test.c - every function that allocates, at random, by several threads that pass blocks round, each
 * block's contents checked.
 *
 * usage: random_test [SEED [STEPS]]
 */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

enum { THREADS = 4, PLACES = 256, SHARED = 512 };

struct block {
    void *p;
    size_t size;
    uint64_t seed;
};

static struct block shared[SHARED];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t first_seed;
static unsigned steps = 60000;

static uint64_t next(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Small ones mostly, any up to some MiB now and then, and many next to a power of two. */
static size_t pick_size(uint64_t *state)
{
    uint64_t r = next(state);
    unsigned bits = (unsigned)(r % 100 < 90 ? r / 100 % 11 : r / 100 % 22);
    size_t size = (size_t)(next(state) % ((UINT64_C(1) << bits) + 1));
    return r % 7 == 0 ? ((size_t)1 << bits) + (size_t)(r / 7 % 3) - 1 : size;
}

static void make(struct block *b, uint64_t *state)
{
    static const char *const names[] = {"malloc",       "calloc",        "realloc",
                                        "reallocarray", "aligned_alloc", "posix_memalign",
                                        "memalign",     "valloc",        "pvalloc"};
    unsigned how = (unsigned)(next(state) % 12);
    size_t align = (size_t)8 << next(state) % 12;
    b->size = pick_size(state);
    b->seed = next(state);
    b->p = NULL;
    switch (how) {
    case 1:
        b->p = calloc(b->size, 1);
        align = 16;
        break;
    case 2:
        b->p = realloc(NULL, b->size);
        align = 16;
        break;
    case 3:
        b->p = reallocarray(NULL, b->size, 1);
        align = 16;
        break;
    case 4:
        b->p = aligned_alloc(align, b->size);
        break;
    case 5:
        CHECK(posix_memalign(&b->p, align, b->size) == 0, "posix_memalign");
        break;
    case 6:
        b->p = memalign(align, b->size);
        break;
    case 7:
        b->p = valloc(b->size);
        align = 4096;
        break;
    case 8:
        b->p = pvalloc(b->size);
        align = 4096;
        break;
    default:
        how = 0;
        b->p = malloc(b->size);
        align = 16;
        break;
    }
    CHECK(b->p != NULL, "%s of %zu bytes gave nothing", names[how], b->size);
    CHECK(((uintptr_t)b->p & (align - 1)) == 0, "%s of %zu bytes is at %p", names[how], b->size, b->p);
    CHECK(malloc_usable_size(b->p) >= b->size, "%s of %zu bytes has %zu", names[how], b->size,
          malloc_usable_size(b->p));
    for (size_t i = 0; how == 1 && i < b->size; i++)
        CHECK(((char *)b->p)[i] == 0, "calloc of %zu bytes is not zero at %zu", b->size, i);
    pattern_fill(b->p, b->size, b->seed);
}

static void check(const struct block *b)
{
    CHECK(pattern_check(b->p, b->size, b->seed) == b->size, "a block of %zu bytes at %p is broken at %zu",
          b->size, b->p, pattern_check(b->p, b->size, b->seed));
}

static void drop(struct block *b)
{
    check(b);
    free(b->p);
    b->p = NULL;
}

static void resize(struct block *b, uint64_t *state)
{
    size_t size = pick_size(state) + 1, kept = size < b->size ? size : b->size;
    check(b);
    b->p = realloc(b->p, size);
    CHECK(b->p != NULL, "realloc to %zu bytes gave nothing", size);
    CHECK(pattern_check(b->p, kept & ~(size_t)7, b->seed) == (kept & ~(size_t)7),
          "realloc from %zu to %zu bytes lost contents", b->size, size);
    b->size = size;
    pattern_fill(b->p, size, b->seed);
}

static void swap(struct block *own, uint64_t *state)
{
    struct block *other = &shared[next(state) % SHARED];
    pthread_mutex_lock(&lock);
    struct block t = *other;
    *other = *own;
    *own = t;
    pthread_mutex_unlock(&lock);
}

static void *work(void *arg)
{
    uint64_t state = first_seed * THREADS + (uint64_t)(uintptr_t)arg;
    struct block own[PLACES] = {0};
    for (unsigned i = 0; i < steps; i++) {
        struct block *b = &own[next(&state) % PLACES];
        unsigned what = (unsigned)(next(&state) % 16);
        if (what == 0)
            swap(b, &state);
        else if (b->p == NULL)
            make(b, &state);
        else if (what < 6)
            resize(b, &state);
        else
            drop(b);
    }
    for (unsigned i = 0; i < PLACES; i++)
        if (own[i].p != NULL)
            drop(&own[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    first_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
    steps = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : steps;
    fprintf(stderr, "seed %llu, %u steps each\n", (unsigned long long)first_seed, steps);
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0, "pthread_create");
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < SHARED; i++)
        if (shared[i].p != NULL)
            drop(&shared[i]);
    return 0;
}
