/*
 * random_mixed.c - random malloc and free over a set of slots.
 *
 * usage: random_mixed OPS MIN MAX [SLOTS] [SEED]
 *
 * Each step picks a slot at random: an occupied one is freed, an empty one gets a block of MIN..MAX bytes
 * whose first and last byte are written. A malloc or a free is one op. The floor is the same loop where
 * blocks come from a small table.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/harness.h"

#define FLOOR_BLOCKS 64u

struct plan {
    uint64_t ops;
    size_t min, range; /* sizes are min .. min + range - 1 */
    uint64_t slots;    /* a power of two */
    uint64_t seed;
};

static size_t size_of(const struct plan *plan, uint64_t random)
{
    return plan->min + (size_t)(((random >> 32) * plan->range) >> 32);
}

static void touch(char *block, size_t size)
{
    block[0] = 1;
    block[size - 1] = 1;
}

/* Returns the state it ends with, so that a second call goes on where the first stopped. */
static uint64_t run(const struct plan *plan, char **slots, uint64_t ops, uint64_t state)
{
    for (uint64_t i = 0; i < ops; i++) {
        uint64_t random = bench_random(&state);
        char **slot = &slots[random & (plan->slots - 1)];
        if (*slot) {
            free(*slot);
            *slot = NULL;
        } else {
            size_t size = size_of(plan, random);
            char *block = malloc(size);
            if (!block)
                abort();
            touch(block, size);
            *slot = block;
        }
    }
    return state;
}

static uint64_t run_floor(const struct plan *plan, char **slots, char *table, uint64_t ops, uint64_t state)
{
    size_t stride = plan->min + plan->range;
    for (uint64_t i = 0; i < ops; i++) {
        uint64_t random = bench_random(&state);
        char **slot = &slots[random & (plan->slots - 1)];
        if (*slot) {
            BENCH_ESCAPE(*slot);
            *slot = NULL;
        } else {
            size_t size = size_of(plan, random);
            char *block = table + (random & (FLOOR_BLOCKS - 1)) * stride;
            BENCH_ESCAPE(block);
            touch(block, size);
            *slot = block;
        }
    }
    return state;
}

/* Enough for every slot to have been used several times. */
static uint64_t warm_up_ops(const struct plan *plan)
{
    return 16 * plan->slots;
}

static void empty(const struct plan *plan, char **slots)
{
    for (uint64_t i = 0; i < plan->slots; i++) {
        free(slots[i]);
        slots[i] = NULL;
    }
}

static uint64_t measure_floor(const struct plan *plan, char **slots)
{
    char *table = bench_pages(FLOOR_BLOCKS * (plan->min + plan->range));
    uint64_t state = run_floor(plan, slots, table, warm_up_ops(plan), plan->seed);
    uint64_t start = bench_now_ns();
    run_floor(plan, slots, table, plan->ops, state);
    return bench_now_ns() - start;
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 6) {
        fprintf(stderr, "usage: random_mixed OPS MIN MAX [SLOTS] [SEED]\n");
        return 2;
    }
    struct plan plan = {.ops = bench_number(argv[1], "OPS", UINT64_MAX / 2),
                        .min = bench_number(argv[2], "MIN", 1u << 30),
                        .slots = argc > 4 ? bench_number(argv[4], "SLOTS", 1u << 24) : 8192,
                        .seed = argc > 5 ? bench_number(argv[5], "SEED", UINT64_MAX) : 42};
    size_t max = bench_number(argv[3], "MAX", 1u << 30);
    if (max < plan.min || (plan.slots & (plan.slots - 1)) != 0) {
        fprintf(stderr, "random_mixed: MAX must not be under MIN, and SLOTS must be a power of two\n");
        return 2;
    }
    plan.range = max - plan.min + 1;
    bench_start();
    bench_pin(0);

    char **slots = bench_pages(plan.slots * sizeof *slots);
    uint64_t state = run(&plan, slots, warm_up_ops(&plan), plan.seed);
    uint64_t start = bench_now_ns();
    run(&plan, slots, plan.ops, state);
    uint64_t ns = bench_now_ns() - start;
    struct bench_memory memory = bench_memory();
    empty(&plan, slots);
    uint64_t floor_ns = measure_floor(&plan, slots);
    bench_report(
        &(struct bench_result){.name = "random_mixed", .ops = plan.ops, .ns = ns, .floor_ns = floor_ns},
        memory);
    return 0;
}
