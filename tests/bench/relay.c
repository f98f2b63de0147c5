/*
 * relay.c - a server whose threads come and go: what one leaves, its successor frees.
 *
 * usage: relay OPS MIN MAX THREADS
 *
 * After P. Larson and M. Krishnan, "Memory Allocation for Long-Running Server Applications" (ISMM 1998).
 * Each of THREADS lines of threads has a set of slots; a thread replaces blocks of MIN..MAX bytes at
 * random, then hands all of them to a new thread and ends. A malloc or a free is one op; OPS is for all
 * lines together. There is no floor: threads are part of what is measured.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/harness.h"

#define SLOTS       4096u
#define GENERATIONS 50u
#define THREADS_MAX 64u

struct line {
    uint64_t replacements; /* of each thread */
    size_t min, range;
    unsigned index;
    unsigned left; /* generations to come */
    uint64_t state;
    char **slots;
};

static void *thread_of_line(void *arg)
{
    struct line *line = arg;
    bench_pin(line->index);
    for (uint64_t i = 0; i < line->replacements; i++) {
        char **slot = &line->slots[bench_random(&line->state) % SLOTS];
        free(*slot);
        *slot = bench_block(bench_size(line->min, line->range, bench_random(&line->state)));
    }
    return NULL;
}

/* Runs one line to its end: each thread starts when the one before it has ended. */
static void run_line(void *arg)
{
    struct line *line = arg;
    for (; line->left > 0; line->left--) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, thread_of_line, line) != 0)
            abort();
        pthread_join(thread, NULL);
    }
}

static uint64_t run(struct line *lines, unsigned threads, unsigned generations)
{
    for (unsigned i = 0; i < threads; i++)
        lines[i].left = generations;
    return bench_parallel(threads, run_line, lines, sizeof *lines);
}

static void empty(void *arg)
{
    struct line *line = arg;
    for (unsigned i = 0; i < SLOTS; i++)
        free(line->slots[i]);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: relay OPS MIN MAX THREADS\n");
        return 2;
    }
    uint64_t ops = bench_number(argv[1], "OPS", UINT64_MAX / 2);
    size_t min, range;
    bench_range(argv + 2, 1u << 20, &min, &range);
    unsigned threads = (unsigned)bench_number(argv[4], "THREADS", THREADS_MAX);
    bench_start();
    bench_pin(0);
    struct line *lines = bench_pages(threads * sizeof *lines);
    for (unsigned i = 0; i < threads; i++) {
        lines[i] = (struct line){.replacements = ops / 2 / threads / GENERATIONS + 1,
                                 .min = min,
                                 .range = range,
                                 .index = i,
                                 .state = 42 + i,
                                 .slots = bench_pages(SLOTS * sizeof(char *))};
    }
    run(lines, threads, 2); /* fills the slots */
    uint64_t ns = run(lines, threads, GENERATIONS);
    bench_parallel(threads, empty, lines, sizeof *lines);
    bench_report(&(struct bench_result){.name = "relay",
                                        .ops = 2 * lines[0].replacements * GENERATIONS * threads,
                                        .ns = ns,
                                        .floor_ns = 0},
                 bench_memory());
    return 0;
}
