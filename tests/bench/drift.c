/*
 * drift.c - fragmentation over time: what a long-running program holds stays the same, what it is made of
 * does not.
 *
 * usage: drift LIVE_KIB in-order|random
 *
 * Blocks of LIVE_KIB in all are live. In each phase as many bytes are replaced, a block drawn at random
 * giving way to new ones of the phase's own range of sizes: what the old sizes leave behind is of use to the
 * new ones only if the allocator takes it apart or gives it back (after the idea of M. Johnstone and P.
 * Wilson, "The Memory Fragmentation Problem: Solved?", 1998). At the end all blocks are freed, as they stand
 * in the table or in random order. A malloc or a free is one op; peak RSS stands against the live bytes, and
 * RSS at the end against nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/harness.h"

#define SMALLEST 48u

struct set {
    char **blocks; /* each begins with its size */
    uint64_t count, bytes, most, ops;
    uint64_t state;
};

struct phase {
    size_t min, max;
};

static const struct phase phases[] = {{SMALLEST, 128}, {128, 512},      {512, 2048}, {2048, 8192},
                                      {8192, 32768},   {32768, 131072}, {512, 2048}, {SMALLEST, 128}};

static void add(struct set *set, const struct phase *phase)
{
    size_t size = bench_size(phase->min, phase->max - phase->min, bench_random(&set->state));
    char *block = malloc(size);
    if (!block)
        abort();
    memset(block, 1, size);
    memcpy(block, &size, sizeof size);
    set->blocks[set->count++] = block;
    set->bytes += size;
    set->most = set->bytes > set->most ? set->bytes : set->most;
    set->ops++;
}

static size_t drop(struct set *set, uint64_t index)
{
    size_t size;
    char *block = set->blocks[index];
    memcpy(&size, block, sizeof size);
    free(block);
    set->blocks[index] = set->blocks[--set->count];
    set->bytes -= size;
    set->ops++;
    return size;
}

static uint64_t draw(struct set *set)
{
    return (bench_random(&set->state) >> 32) % set->count;
}

/* Replaces as many bytes as are live. */
static void run_phase(struct set *set, const struct phase *phase, uint64_t live)
{
    while (set->bytes < live)
        add(set, phase);
    for (uint64_t replaced = 0; replaced < live;) {
        replaced += drop(set, draw(set));
        while (set->bytes + phase->max <= live)
            add(set, phase);
    }
}

static void drop_all(struct set *set, bool random)
{
    if (random) {
        while (set->count > 0)
            drop(set, draw(set));
        return;
    }
    for (uint64_t i = 0; i < set->count; i++)
        free(set->blocks[i]);
    set->ops += set->count;
    set->count = 0;
}

int main(int argc, char **argv)
{
    if (argc != 3 || (strcmp(argv[2], "in-order") != 0 && strcmp(argv[2], "random") != 0)) {
        fprintf(stderr, "usage: drift LIVE_KIB in-order|random\n");
        return 2;
    }
    uint64_t live = bench_number(argv[1], "LIVE_KIB", 1u << 24) << 10;
    live = live < (4u << 20) ? 4u << 20 : live; /* some of the biggest blocks have to fit */
    bench_start();
    bench_pin(0);
    struct set set = {.state = 42, .blocks = bench_pages((live / SMALLEST + 1) * sizeof(char *))};
    uint64_t start = bench_now_ns();
    for (unsigned i = 0; i < sizeof phases / sizeof *phases; i++)
        run_phase(&set, &phases[i], live);
    drop_all(&set, argv[2][0] == 'r');
    uint64_t ns = bench_now_ns() - start;
    bench_report(
        &(struct bench_result){.name = "drift", .ops = set.ops, .ns = ns, .live_kib = set.most >> 10},
        bench_memory());
    return 0;
}
