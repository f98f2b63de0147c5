/*
 * calls.c - malloc's relatives: calloc, and blocks that are aligned.
 *
 * usage: calls OPS calloc MIN MAX SLOTS
 *        calls OPS aligned MIN MAX SLOTS ALIGNMENT
 *
 * As random_mixed, over SLOTS slots, but for the call. What calloc returns is looked at, at its ends, and
 * written to there: a block used before has to be cleared. aligned stands for aligned_alloc, with sizes
 * rounded up as it demands. A call or a free is one op.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/harness.h"

struct plan {
    size_t min, range;
    uint64_t slots;
    size_t alignment; /* 0: calloc */
};

static char *new_block(const struct plan *plan, uint64_t random)
{
    size_t size = bench_size(plan->min, plan->range, random);
    char *block;
    if (plan->alignment) {
        size = (size + plan->alignment - 1) & ~(plan->alignment - 1);
        block = aligned_alloc(plan->alignment, size);
        if (!block || (uintptr_t)block % plan->alignment != 0)
            abort();
    } else {
        block = calloc(1, size);
        if (!block || block[0] != 0 || block[size - 1] != 0)
            abort();
    }
    bench_touch(block, size);
    return block;
}

static uint64_t run(const struct plan *plan, char **slots, uint64_t ops, uint64_t state)
{
    for (uint64_t i = 0; i < ops; i++) {
        uint64_t random = bench_random(&state);
        char **slot = &slots[random & (plan->slots - 1)];
        if (*slot) {
            free(*slot);
            *slot = NULL;
        } else {
            *slot = new_block(plan, random);
        }
    }
    return state;
}

static void bad_usage(void)
{
    fprintf(stderr, "usage: calls OPS calloc MIN MAX SLOTS | calls OPS aligned MIN MAX SLOTS ALIGNMENT; "
                    "SLOTS and ALIGNMENT are powers of two\n");
    exit(2);
}

int main(int argc, char **argv)
{
    struct plan plan = {0};
    if (argc < 6 ||
        (strcmp(argv[2], "calloc") == 0 ? argc != 6 : strcmp(argv[2], "aligned") != 0 || argc != 7))
        bad_usage();
    uint64_t ops = bench_number(argv[1], "OPS", UINT64_MAX / 2);
    bench_range(argv + 3, 1u << 30, &plan.min, &plan.range);
    plan.slots = bench_number(argv[5], "SLOTS", 1u << 24);
    if (argc == 7)
        plan.alignment = bench_number(argv[6], "ALIGNMENT", 1u << 21);
    if ((plan.slots & (plan.slots - 1)) || (plan.alignment & (plan.alignment - 1)))
        bad_usage();
    bench_start();
    bench_pin(0);
    char **slots = bench_pages(plan.slots * sizeof *slots);
    uint64_t state = run(&plan, slots, 4 * plan.slots, 42);
    uint64_t start = bench_now_ns();
    run(&plan, slots, ops, state);
    uint64_t ns = bench_now_ns() - start;
    for (uint64_t i = 0; i < plan.slots; i++)
        free(slots[i]);
    bench_report(&(struct bench_result){.name = "calls", .ops = ops, .ns = ns}, bench_memory());
    return 0;
}
