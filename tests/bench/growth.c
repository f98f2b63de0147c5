/*
 * growth.c - blocks that grow by realloc.
 *
 * usage: growth REALLOCS string|vector|buffer
 *
 * string: 16 texts at a time, each in turn gets 8..64 bytes more, to the byte, until it has 16 KiB.
 * vector: 16 arrays at a time, each in turn doubles its room, from 16 bytes to 1 MiB, and fills it.
 * buffer: one block gets 64 KiB more, and fills them, until it has 64 MiB.
 * What has reached its length is freed and begins again. One realloc is one op; what was there before is
 * checked, at its ends, after each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/harness.h"

#define AT_ONCE_MAX 16u

struct kind {
    const char *name;
    unsigned at_once;
    size_t limit; /* bytes */
};

static const struct kind kinds[] = {
    {"string", AT_ONCE_MAX, 16u << 10}, {"vector", AT_ONCE_MAX, 1u << 20}, {"buffer", 1, 64u << 20}};

struct text {
    char *block;
    size_t size;
};

static size_t next_size(const struct kind *kind, size_t size, uint64_t random)
{
    switch (kind->name[0]) {
    case 's':
        return size + bench_size(8, 57, random);
    case 'v':
        return size ? 2 * size : 16;
    default:
        return size + (64u << 10);
    }
}

static void grow(const struct kind *kind, struct text *text, uint64_t random)
{
    size_t size = next_size(kind, text->size, random);
    if (size > kind->limit) {
        free(text->block);
        *text = (struct text){NULL, 0};
        size = next_size(kind, 0, random);
    }
    char *block = realloc(text->block, size);
    if (!block || (text->size && (block[0] != 1 || block[text->size - 1] != 1)))
        abort();
    memset(block + text->size, 1, size - text->size);
    *text = (struct text){block, size};
}

static uint64_t run(const struct kind *kind, struct text *texts, uint64_t ops, uint64_t state)
{
    for (uint64_t i = 0; i < ops; i++)
        grow(kind, &texts[i % kind->at_once], bench_random(&state));
    return state;
}

int main(int argc, char **argv)
{
    struct text texts[AT_ONCE_MAX] = {{NULL, 0}};
    const struct kind *kind = NULL;
    for (unsigned i = 0; argc == 3 && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(argv[2], kinds[i].name) == 0)
            kind = &kinds[i];
    }
    if (!kind) {
        fprintf(stderr, "usage: growth REALLOCS string|vector|buffer\n");
        return 2;
    }
    uint64_t ops = bench_number(argv[1], "REALLOCS", UINT64_MAX / 2);
    bench_start();
    bench_pin(0);
    uint64_t state = run(kind, texts, ops / 10 + 1, 42);
    uint64_t start = bench_now_ns();
    run(kind, texts, ops, state);
    uint64_t ns = bench_now_ns() - start;
    for (unsigned i = 0; i < AT_ONCE_MAX; i++)
        free(texts[i].block);
    bench_report(&(struct bench_result){.name = "growth", .ops = ops, .ns = ns}, bench_memory());
    return 0;
}
