/*
 * handoff.c - blocks that one thread allocates and another frees: every free is of a foreign block.
 *
 * usage: handoff BLOCKS MIN MAX one|both
 *
 * one: the first thread allocates, the second frees. both: each allocates for the other and frees what
 * it gets, some blocks behind. Blocks have MIN..MAX bytes and go through bounded rings; who makes one
 * writes its first byte, who frees it reads that byte. Each thread has a processor of its own where there
 * are two. A malloc or a free is one op. The floor passes blocks of a table, as many as two rings hold: an
 * allocator that makes do with fewer, and so with fewer cache lines on their way, can be below it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/harness.h"
#include "tests/bench/ring.h"

#define FLOOR_BLOCKS (2 * RING_SLOTS)
#define BEHIND       (RING_SLOTS / 4)

struct plan {
    uint64_t blocks; /* that each sender sends */
    size_t min, range;
    bool both;
    char *table; /* of two halves, one a thread; NULL: malloc and free */
};

struct side {
    const struct plan *plan;
    struct ring *out, *in; /* NULL where nothing goes that way */
    unsigned index;
    uint64_t received;
};

static char *get_block(const struct side *side, uint64_t i, uint64_t random)
{
    const struct plan *plan = side->plan;
    if (plan->table)
        return plan->table + (side->index * FLOOR_BLOCKS + i % FLOOR_BLOCKS) * (plan->min + plan->range);
    char *block = malloc(bench_size(plan->min, plan->range, random));
    if (!block)
        abort();
    return block;
}

static void work(void *arg)
{
    struct side *side = arg;
    const struct plan *plan = side->plan;
    uint64_t state = 42 + side->index, behind = plan->both ? BEHIND : 0;
    for (uint64_t i = 0; i < plan->blocks + behind; i++) {
        if (side->out && i < plan->blocks) {
            char *block = get_block(side, i, bench_random(&state));
            *block = 1;
            ring_put(side->out, block);
        }
        if (side->in && i >= behind) {
            char *block = ring_take(side->in);
            side->received += (unsigned char)*block;
            if (!plan->table)
                free(block);
        }
    }
}

static void check(const struct side *side)
{
    uint64_t expected = side->in ? side->plan->blocks : 0;
    if (side->received != expected) {
        fprintf(stderr, "handoff: %llu blocks were sent, %llu came through\n", (unsigned long long)expected,
                (unsigned long long)side->received);
        exit(1);
    }
}

static uint64_t run(const struct plan *plan, struct ring rings[2])
{
    struct side sides[2] = {{.plan = plan, .out = &rings[0], .index = 0},
                            {.plan = plan, .in = &rings[0], .index = 1}};
    if (plan->both) {
        sides[0].in = &rings[1];
        sides[1].out = &rings[1];
    }
    uint64_t ns = bench_parallel(2, work, sides, sizeof *sides);
    check(&sides[0]);
    check(&sides[1]);
    return ns;
}

int main(int argc, char **argv)
{
    if (argc != 5 || (strcmp(argv[4], "one") != 0 && strcmp(argv[4], "both") != 0)) {
        fprintf(stderr, "usage: handoff BLOCKS MIN MAX one|both\n");
        return 2;
    }
    struct plan plan = {.blocks = bench_number(argv[1], "BLOCKS", UINT64_MAX / 8), .both = argv[4][0] == 'b'};
    bench_range(argv + 2, 1u << 20, &plan.min, &plan.range);
    bench_start();
    bench_pin(0);
    struct ring *rings = bench_pages(2 * sizeof *rings);
    struct plan warm_up = plan;
    warm_up.blocks = plan.blocks / 10 + 1;
    run(&warm_up, rings);
    uint64_t ns = run(&plan, rings);
    struct bench_memory memory = bench_memory();
    plan.table = bench_pages(2 * FLOOR_BLOCKS * (plan.min + plan.range));
    uint64_t floor_ns = run(&plan, rings);
    bench_report(
        &(struct bench_result){
            .name = "handoff", .ops = (plan.both ? 4 : 2) * plan.blocks, .ns = ns, .floor_ns = floor_ns},
        memory);
    return 0;
}
