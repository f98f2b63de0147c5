/*
 * crowd.c - several producers, several consumers: work queues of a server.
 *
 * usage: crowd BLOCKS MIN MAX PRODUCERS CONSUMERS
 *
 * Producers allocate blocks of MIN..MAX bytes and hand them to each consumer in turn, some at a time;
 * consumers read and free them (xmalloc-test's pattern, after C. Lever and D. Boreham, "malloc() Performance
 * in a Multithreaded Linux Environment", 2000). Each pair has a bounded ring. A malloc or a free is one op;
 * BLOCKS is for all producers together. There is no floor: how the threads meet is part of what is measured.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/harness.h"
#include "tests/bench/ring.h"

#define SIDE_MAX 16u
#define AT_ONCE  64u

struct worker {
    uint64_t blocks; /* that go through each ring, a multiple of AT_ONCE */
    size_t min, range;
    struct ring *rings; /* producer p's to consumer c is rings[p * consumers + c] */
    unsigned index, producers, consumers;
    uint64_t received;
};

static void produce(const struct worker *w)
{
    uint64_t state = 42 + w->index;
    struct ring *mine = &w->rings[w->index * w->consumers];
    for (uint64_t sent = 0; sent < w->blocks; sent += AT_ONCE) {
        for (unsigned c = 0; c < w->consumers; c++) {
            for (unsigned i = 0; i < AT_ONCE; i++)
                ring_put(&mine[c], bench_block(bench_size(w->min, w->range, bench_random(&state))));
        }
    }
}

static void consume(struct worker *w)
{
    uint64_t expected = w->blocks * w->producers;
    unsigned mine = w->index - w->producers;
    while (w->received < expected) {
        uint64_t before = w->received;
        for (unsigned p = 0; p < w->producers; p++) {
            struct ring *ring = &w->rings[p * w->consumers + mine];
            for (uint64_t ready = ring_ready(ring); ready > 0; ready--) {
                char *block = ring_take(ring);
                w->received += (unsigned char)block[0];
                free(block);
            }
        }
        if (w->received == before)
            sched_yield();
    }
}

static void work(void *arg)
{
    struct worker *w = arg;
    w->received = 0;
    if (w->index < w->producers)
        produce(w);
    else
        consume(w);
}

/* Producers and consumers alternate over the processors. */
static uint64_t run(struct worker *workers, unsigned threads, uint64_t blocks)
{
    for (unsigned i = 0; i < threads; i++)
        workers[i].blocks = blocks;
    return bench_parallel(threads, work, workers, sizeof *workers);
}

int main(int argc, char **argv)
{
    struct worker workers[2 * SIDE_MAX], first = {0};
    if (argc != 6) {
        fprintf(stderr, "usage: crowd BLOCKS MIN MAX PRODUCERS CONSUMERS\n");
        return 2;
    }
    uint64_t blocks = bench_number(argv[1], "BLOCKS", UINT64_MAX / 8);
    bench_range(argv + 2, 1u << 20, &first.min, &first.range);
    first.producers = (unsigned)bench_number(argv[4], "PRODUCERS", SIDE_MAX);
    first.consumers = (unsigned)bench_number(argv[5], "CONSUMERS", SIDE_MAX);
    bench_start();
    bench_pin(0);
    unsigned pairs = first.producers * first.consumers, threads = first.producers + first.consumers;
    first.rings = bench_pages(pairs * sizeof *first.rings);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = first;
        workers[i].index = i;
    }
    uint64_t each = blocks / pairs / AT_ONCE * AT_ONCE + AT_ONCE;
    run(workers, threads, each / 10 / AT_ONCE * AT_ONCE + AT_ONCE);
    uint64_t ns = run(workers, threads, each);
    bench_report(&(struct bench_result){.name = "crowd", .ops = 2 * each * pairs, .ns = ns}, bench_memory());
    return 0;
}
