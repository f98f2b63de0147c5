/*
 * handoff.c - one thread allocates, another frees: every free is of another thread's block.
 *
 * usage: handoff BLOCKS MIN MAX
 *
 * The producer writes the first byte of each block of MIN..MAX bytes and passes it through a bounded
 * ring; the consumer reads that byte and frees the block. Each thread has a processor of its own where
 * there are two. A malloc or a free is one op. The floor passes blocks of a table.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/harness.h"
#include "tests/bench/ring.h"

#define FLOOR_BLOCKS (2 * RING_SLOTS)

struct shared {
    struct ring ring;
    uint64_t blocks;
    size_t min, range;
    char *table; /* NULL: malloc and free */
    pthread_barrier_t start;
    uint64_t sum; /* of what the consumer read */
};

static char *get_block(const struct shared *shared, uint64_t i, uint64_t random)
{
    size_t size = shared->min + (size_t)(((random >> 32) * shared->range) >> 32);
    if (shared->table)
        return shared->table + i % FLOOR_BLOCKS * (shared->min + shared->range);
    char *block = malloc(size);
    if (!block)
        abort();
    return block;
}

static void produce(struct shared *shared)
{
    uint64_t state = 42;
    for (uint64_t i = 0; i < shared->blocks; i++) {
        char *block = get_block(shared, i, bench_random(&state));
        *block = 1;
        ring_put(&shared->ring, block);
    }
}

static void *consume(void *arg)
{
    struct shared *shared = arg;
    bench_pin(1);
    pthread_barrier_wait(&shared->start);
    for (uint64_t i = 0; i < shared->blocks; i++) {
        char *block = ring_take(&shared->ring);
        shared->sum += (unsigned char)*block;
        if (!shared->table)
            free(block);
    }
    return NULL;
}

static uint64_t run(struct shared *shared, uint64_t blocks)
{
    pthread_t consumer;
    shared->blocks = blocks;
    shared->sum = 0;
    if (pthread_create(&consumer, NULL, consume, shared) != 0)
        abort();
    pthread_barrier_wait(&shared->start);
    uint64_t start = bench_now_ns();
    produce(shared);
    pthread_join(consumer, NULL);
    uint64_t ns = bench_now_ns() - start;
    if (shared->sum != blocks) {
        fprintf(stderr, "handoff: %llu blocks were sent, %llu came through\n", (unsigned long long)blocks,
                (unsigned long long)shared->sum);
        exit(1);
    }
    return ns;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: handoff BLOCKS MIN MAX\n");
        return 2;
    }
    uint64_t blocks = bench_number(argv[1], "BLOCKS", UINT64_MAX / 4);
    size_t min = bench_number(argv[2], "MIN", 1u << 20), max = bench_number(argv[3], "MAX", 1u << 20);
    if (max < min) {
        fprintf(stderr, "handoff: MAX must not be under MIN\n");
        return 2;
    }
    bench_start();
    bench_pin(0);
    struct shared *shared = bench_pages(sizeof *shared);
    shared->min = min;
    shared->range = max - min + 1;
    pthread_barrier_init(&shared->start, NULL, 2);
    run(shared, blocks / 10 + 1);
    uint64_t ns = run(shared, blocks);
    struct bench_memory memory = bench_memory();
    shared->table = bench_pages(FLOOR_BLOCKS * (shared->min + shared->range));
    uint64_t floor_ns = run(shared, blocks);
    bench_report(&(struct bench_result){.name = "handoff", .ops = 2 * blocks, .ns = ns, .floor_ns = floor_ns},
                 memory);
    return 0;
}
