/*
 * brief.c - many threads that live for a moment: one for each request.
 *
 * usage: brief THREADS ABREAST BLOCKS
 *
 * ABREAST lines of threads, one after the other in each; a thread allocates BLOCKS blocks of 16..512 bytes,
 * writes and frees them, and ends. What is counted is threads: making one, what malloc does at its first
 * call, and what it does when the thread ends.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/harness.h"

#define ABREAST_MAX 64u
#define BLOCKS_MAX  4096u

struct line {
    uint64_t threads;
    unsigned blocks, index;
};

static void *live_briefly(void *arg)
{
    const struct line *line = arg;
    char *blocks[BLOCKS_MAX];
    uint64_t state = 42 + line->index;
    bench_pin(line->index);
    for (unsigned i = 0; i < line->blocks; i++)
        blocks[i] = bench_block(bench_size(16, 497, bench_random(&state)));
    for (unsigned i = 0; i < line->blocks; i++)
        free(blocks[i]);
    return NULL;
}

static void run_line(void *arg)
{
    struct line *line = arg;
    for (uint64_t i = 0; i < line->threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, live_briefly, line) != 0)
            abort();
        pthread_join(thread, NULL);
    }
}

int main(int argc, char **argv)
{
    struct line lines[ABREAST_MAX];
    if (argc != 4) {
        fprintf(stderr, "usage: brief THREADS ABREAST BLOCKS\n");
        return 2;
    }
    uint64_t threads = bench_number(argv[1], "THREADS", 1u << 30);
    unsigned abreast = (unsigned)bench_number(argv[2], "ABREAST", ABREAST_MAX);
    unsigned blocks = (unsigned)bench_number(argv[3], "BLOCKS", BLOCKS_MAX);
    bench_start();
    bench_pin(0);
    for (unsigned i = 0; i < abreast; i++)
        lines[i] = (struct line){.threads = threads / abreast + 1, .blocks = blocks, .index = i};
    uint64_t ns = bench_parallel(abreast, run_line, lines, sizeof *lines);
    bench_report(&(struct bench_result){.name = "brief", .ops = lines[0].threads * abreast, .ns = ns},
                 bench_memory());
    return 0;
}
