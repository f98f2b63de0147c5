/*
 * big.c - big blocks: buffers, tables, images.
 *
 * usage: big OPS MIN_KIB MAX_KIB SLOTS ends|pages
 *
 * Each step picks a slot at random: an occupied one is freed, an empty one gets a block of MIN_KIB..MAX_KIB,
 * every doubling equally often. ends: its first and last byte are written; pages: a byte of each page, as by
 * a program that uses what it asked for (malloc-large of mimalloc's benchmarks). A malloc or a free is one
 * op. There is no floor: first touches of pages are what allocators differ in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/harness.h"

#define SLOTS_MAX 4096u
#define PAGE      4096u

struct plan {
    size_t min;
    unsigned doublings;
    uint64_t slots;
    bool pages;
};

static size_t size_of(const struct plan *plan, uint64_t random)
{
    size_t low = plan->min << ((random >> 16) % plan->doublings);
    return bench_size(low, low, random);
}

static void step(const struct plan *plan, char **slot, uint64_t random)
{
    if (*slot) {
        free(*slot);
        *slot = NULL;
        return;
    }
    size_t size = size_of(plan, random);
    char *block = bench_block(size);
    for (size_t at = 0; plan->pages && at < size; at += PAGE)
        block[at] = 1;
    *slot = block;
}

static uint64_t run(const struct plan *plan, char **slots, uint64_t ops, uint64_t state)
{
    for (uint64_t i = 0; i < ops; i++) {
        uint64_t random = bench_random(&state);
        step(plan, &slots[random % plan->slots], random);
    }
    return state;
}

int main(int argc, char **argv)
{
    char *slots[SLOTS_MAX] = {NULL};
    if (argc != 6 || (strcmp(argv[5], "ends") != 0 && strcmp(argv[5], "pages") != 0)) {
        fprintf(stderr, "usage: big OPS MIN_KIB MAX_KIB SLOTS ends|pages\n");
        return 2;
    }
    uint64_t ops = bench_number(argv[1], "OPS", UINT64_MAX / 2);
    size_t range;
    struct plan plan = {.slots = bench_number(argv[4], "SLOTS", SLOTS_MAX), .pages = argv[5][0] == 'p'};
    bench_range(argv + 2, 1u << 21, &plan.min, &range);
    for (size_t kib = plan.min; 2 * kib <= plan.min + range - 1; kib *= 2)
        plan.doublings++;
    if (plan.doublings == 0) {
        fprintf(stderr, "big: MAX_KIB must be at least twice MIN_KIB\n");
        return 2;
    }
    plan.min <<= 10;
    bench_start();
    bench_pin(0);
    uint64_t state = run(&plan, slots, ops / 10 + 1, 42);
    uint64_t start = bench_now_ns();
    run(&plan, slots, ops, state);
    uint64_t ns = bench_now_ns() - start;
    for (uint64_t i = 0; i < plan.slots; i++)
        free(slots[i]);
    bench_report(&(struct bench_result){.name = "big", .ops = ops, .ns = ns}, bench_memory());
    return 0;
}
