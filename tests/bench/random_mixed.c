/*
 * random_mixed.c - random malloc and free over a set of slots.
 *
 * usage: random_mixed OPS MIN MAX [SLOTS [THREADS [SEED]]]
 *
 * Each step picks a slot at random: an occupied one is freed, an empty one gets a block of MIN..MAX bytes
 * whose first and last byte are written. A malloc or a free is one op; OPS is for all threads together, each
 * of which has slots of its own. The floor is the same loop where blocks come from a small table.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/harness.h"

#define FLOOR_BLOCKS 64u
#define THREADS_MAX  64u

struct worker {
    uint64_t ops;
    size_t min, range; /* sizes are min .. min + range - 1 */
    uint64_t mask;     /* of the slots' index */
    uint64_t state;    /* where a second run goes on */
    char **slots;
    char *table; /* the floor's blocks */
};

static void run(void *arg)
{
    struct worker *worker = arg;
    struct worker w = *worker;
    for (uint64_t i = 0; i < w.ops; i++) {
        uint64_t random = bench_random(&w.state);
        char **slot = &w.slots[random & w.mask];
        if (*slot) {
            free(*slot);
            *slot = NULL;
        } else {
            *slot = bench_block(bench_size(w.min, w.range, random));
        }
    }
    worker->state = w.state;
}

static void run_floor(void *arg)
{
    struct worker *worker = arg;
    struct worker w = *worker;
    for (uint64_t i = 0; i < w.ops; i++) {
        uint64_t random = bench_random(&w.state);
        char **slot = &w.slots[random & w.mask];
        if (*slot) {
            BENCH_ESCAPE(*slot);
            *slot = NULL;
        } else {
            size_t size = bench_size(w.min, w.range, random);
            char *block = w.table + (random & (FLOOR_BLOCKS - 1)) * (w.min + w.range);
            BENCH_ESCAPE(block);
            bench_touch(block, size);
            *slot = block;
        }
    }
    worker->state = w.state;
}

static void empty(void *arg)
{
    struct worker *w = arg;
    for (uint64_t i = 0; i <= w->mask; i++) {
        free(w->slots[i]);
        w->slots[i] = NULL;
    }
}

/* Warms up, so that every slot has been used several times, and measures. */
static uint64_t measure(struct worker *workers, unsigned threads, uint64_t ops, void (*work)(void *))
{
    for (unsigned i = 0; i < threads; i++)
        workers[i].ops = 4 * (workers[i].mask + 1);
    bench_parallel(threads, work, workers, sizeof *workers);
    for (unsigned i = 0; i < threads; i++)
        workers[i].ops = ops / threads;
    return bench_parallel(threads, work, workers, sizeof *workers);
}

int main(int argc, char **argv)
{
    struct worker workers[THREADS_MAX];
    if (argc < 4 || argc > 7) {
        fprintf(stderr, "usage: random_mixed OPS MIN MAX [SLOTS [THREADS [SEED]]]\n");
        return 2;
    }
    uint64_t ops = bench_number(argv[1], "OPS", UINT64_MAX / 2);
    uint64_t slots = argc > 4 ? bench_number(argv[4], "SLOTS", 1u << 24) : 8192;
    unsigned threads = argc > 5 ? (unsigned)bench_number(argv[5], "THREADS", THREADS_MAX) : 1;
    uint64_t seed = argc > 6 ? bench_number(argv[6], "SEED", UINT64_MAX / 2) : 42;
    struct worker first = {.mask = slots - 1};
    bench_range(argv + 2, 1u << 30, &first.min, &first.range);
    if ((slots & (slots - 1)) != 0) {
        fprintf(stderr, "random_mixed: SLOTS must be a power of two\n");
        return 2;
    }
    bench_start();
    bench_pin(0);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = first;
        workers[i].state = seed + i;
        workers[i].slots = bench_pages(slots * sizeof(char *));
        workers[i].table = bench_pages(FLOOR_BLOCKS * (first.min + first.range));
    }
    uint64_t ns = measure(workers, threads, ops, run);
    bench_parallel(threads, empty, workers, sizeof *workers);
    struct bench_memory memory = bench_memory();
    uint64_t floor_ns = measure(workers, threads, ops, run_floor);
    bench_report(
        &(struct bench_result){
            .name = "random_mixed", .ops = ops / threads * threads, .ns = ns, .floor_ns = floor_ns},
        memory);
    return 0;
}
