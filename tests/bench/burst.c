/*
 * burst.c - many blocks allocated, then all of them freed, again and again.
 *
 * usage: burst OPS MIN MAX TOTAL_KIB lifo|fifo|random
 *
 * A request, a frame, a batch: what tree and phase benchmarks do (sh6bench and binary trees among them).
 * Each round allocates blocks of MIN..MAX bytes until they come to TOTAL_KIB, then frees them: the last one
 * first, the first one first, or in an order drawn at the start. A malloc or a free is one op.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/harness.h"

struct plan {
    size_t min, range;
    uint64_t total;   /* bytes */
    uint32_t *orders; /* of the frees: the i-th is of block orders[i] */
    char **blocks;
};

static uint64_t allocate(const struct plan *plan)
{
    uint64_t state = 42, bytes = 0, count = 0;
    while (bytes < plan->total) {
        size_t size = bench_size(plan->min, plan->range, bench_random(&state));
        plan->blocks[count++] = bench_block(size);
        bytes += size;
    }
    return count;
}

static void free_all(const struct plan *plan, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        free(plan->blocks[plan->orders[i]]);
}

/* Every round has the same sizes, so one order fits all. */
static void draw_order(uint32_t *orders, uint64_t count, const char *name)
{
    uint64_t state = 43;
    for (uint64_t i = 0; i < count; i++)
        orders[i] = (uint32_t)(name[0] == 'l' ? count - 1 - i : i);
    if (name[0] != 'r')
        return;
    for (uint64_t i = count - 1; i > 0; i--) {
        uint64_t j = (bench_random(&state) >> 32) % (i + 1);
        uint32_t other = orders[j];
        orders[j] = orders[i];
        orders[i] = other;
    }
}

static bool is_order(const char *name)
{
    return strcmp(name, "lifo") == 0 || strcmp(name, "fifo") == 0 || strcmp(name, "random") == 0;
}

int main(int argc, char **argv)
{
    struct plan plan;
    if (argc != 6 || !is_order(argv[5])) {
        fprintf(stderr, "usage: burst OPS MIN MAX TOTAL_KIB lifo|fifo|random\n");
        return 2;
    }
    uint64_t ops = bench_number(argv[1], "OPS", UINT64_MAX / 4), done = 0;
    bench_range(argv + 2, 1u << 20, &plan.min, &plan.range);
    plan.total = bench_number(argv[4], "TOTAL_KIB", 1u << 22) << 10;
    bench_start();
    bench_pin(0);
    uint64_t most = plan.total / plan.min + 1;
    plan.blocks = bench_pages(most * sizeof *plan.blocks);
    plan.orders = bench_pages(most * sizeof *plan.orders);
    uint64_t count = allocate(&plan);
    draw_order(plan.orders, count, argv[5]);
    free_all(&plan, count);

    uint64_t start = bench_now_ns();
    for (; done < ops; done += 2 * count) {
        allocate(&plan);
        free_all(&plan, count);
    }
    uint64_t ns = bench_now_ns() - start;
    bench_report(&(struct bench_result){.name = "burst", .ops = done, .ns = ns, .live_kib = plan.total >> 10},
                 bench_memory());
    return 0;
}
