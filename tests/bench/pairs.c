/*
 * pairs.c - mallocs and as many frees, again and again, of one size.
 *
 * usage: pairs PAIRS SIZE first|whole [DEPTH]
 *
 * DEPTH mallocs, then DEPTH frees in the same order. Of each block the first byte is written, or all of
 * it: what a list hands out next matters only to programs that use their memory. The floor is the same
 * loop over blocks that stay.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/harness.h"

#define DEPTH_MAX 1024u

struct plan {
    uint64_t rounds;
    size_t size;
    unsigned depth;
    bool whole;
};

static void touch(const struct plan *plan, char *block)
{
    if (plan->whole)
        memset(block, 1, plan->size);
    else
        *(volatile char *)block = 1;
    BENCH_ESCAPE(block);
}

/* One after the other, without a detour through an array. */
static void run_single(const struct plan *plan, uint64_t rounds)
{
    for (uint64_t i = 0; i < rounds; i++) {
        char *block = malloc(plan->size);
        if (!block)
            abort();
        touch(plan, block);
        free(block);
    }
}

static void run(const struct plan *plan, uint64_t rounds)
{
    char *blocks[DEPTH_MAX];
    if (plan->depth == 1) {
        run_single(plan, rounds);
        return;
    }
    for (uint64_t i = 0; i < rounds; i++) {
        for (unsigned d = 0; d < plan->depth; d++) {
            char *block = malloc(plan->size);
            if (!block)
                abort();
            touch(plan, block);
            blocks[d] = block;
        }
        for (unsigned d = 0; d < plan->depth; d++)
            free(blocks[d]);
    }
}

static void run_floor(const struct plan *plan, char **table, uint64_t rounds)
{
    char *blocks[DEPTH_MAX];
    for (uint64_t i = 0; i < rounds; i++) {
        for (unsigned d = 0; d < plan->depth; d++) {
            char *block = table[d];
            touch(plan, block);
            blocks[d] = block;
        }
        for (unsigned d = 0; d < plan->depth; d++)
            BENCH_ESCAPE(blocks[d]);
    }
}

static uint64_t measure_floor(const struct plan *plan)
{
    char *table[DEPTH_MAX];
    char *pages = bench_pages(plan->depth * plan->size);
    for (unsigned d = 0; d < plan->depth; d++)
        table[d] = pages + d * plan->size;
    run_floor(plan, table, plan->rounds / 10 + 1);
    uint64_t start = bench_now_ns();
    run_floor(plan, table, plan->rounds);
    return bench_now_ns() - start;
}

int main(int argc, char **argv)
{
    if ((argc != 4 && argc != 5) || (strcmp(argv[3], "first") != 0 && strcmp(argv[3], "whole") != 0)) {
        fprintf(stderr, "usage: pairs PAIRS SIZE first|whole [DEPTH]\n");
        return 2;
    }
    struct plan plan = {.size = bench_number(argv[2], "SIZE", 1u << 30),
                        .depth = argc > 4 ? (unsigned)bench_number(argv[4], "DEPTH", DEPTH_MAX) : 1,
                        .whole = argv[3][0] == 'w'};
    uint64_t pairs = bench_number(argv[1], "PAIRS", UINT64_MAX / 4);
    plan.rounds = pairs / plan.depth + (pairs % plan.depth != 0);
    bench_start();
    bench_pin(0);

    run(&plan, plan.rounds / 10 + 1);
    uint64_t start = bench_now_ns();
    run(&plan, plan.rounds);
    uint64_t ns = bench_now_ns() - start;
    struct bench_memory memory = bench_memory();
    uint64_t floor_ns = measure_floor(&plan);
    bench_report(
        &(struct bench_result){
            .name = "pairs", .ops = 2 * plan.rounds * plan.depth, .ns = ns, .floor_ns = floor_ns},
        memory);
    return 0;
}
