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

static char *new_block(struct line *line)
{
    uint64_t random = bench_random(&line->state);
    size_t size = line->min + (size_t)(((random >> 32) * line->range) >> 32);
    char *block = malloc(size);
    if (!block)
        abort();
    block[0] = block[size - 1] = 1;
    return block;
}

static void *thread_of_line(void *arg)
{
    struct line *line = arg;
    bench_pin(line->index);
    for (uint64_t i = 0; i < line->replacements; i++) {
        char **slot = &line->slots[bench_random(&line->state) % SLOTS];
        free(*slot);
        *slot = new_block(line);
    }
    return NULL;
}

/* Runs one line to its end: each thread starts when the one before it has ended. */
static void *run_line(void *arg)
{
    struct line *line = arg;
    for (; line->left > 0; line->left--) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, thread_of_line, line) != 0)
            abort();
        pthread_join(thread, NULL);
    }
    return NULL;
}

static uint64_t run(struct line *lines, unsigned threads, unsigned generations)
{
    pthread_t runners[THREADS_MAX];
    uint64_t begin = bench_now_ns();
    for (unsigned i = 0; i < threads; i++) {
        lines[i].left = generations;
        if (pthread_create(&runners[i], NULL, run_line, &lines[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < threads; i++)
        pthread_join(runners[i], NULL);
    return bench_now_ns() - begin;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: relay OPS MIN MAX THREADS\n");
        return 2;
    }
    uint64_t ops = bench_number(argv[1], "OPS", UINT64_MAX / 2);
    size_t min = bench_number(argv[2], "MIN", 1u << 20), max = bench_number(argv[3], "MAX", 1u << 20);
    unsigned threads = (unsigned)bench_number(argv[4], "THREADS", THREADS_MAX);
    if (max < min) {
        fprintf(stderr, "relay: MAX must not be under MIN\n");
        return 2;
    }
    bench_start();
    struct line *lines = bench_pages(threads * sizeof *lines);
    for (unsigned i = 0; i < threads; i++) {
        lines[i] = (struct line){.replacements = ops / 2 / threads / GENERATIONS + 1,
                                 .min = min,
                                 .range = max - min + 1,
                                 .index = i,
                                 .state = 42 + i,
                                 .slots = bench_pages(SLOTS * sizeof(char *))};
    }
    run(lines, threads, 2); /* fills the slots */
    uint64_t ns = run(lines, threads, GENERATIONS);
    bench_report(&(struct bench_result){.name = "relay",
                                        .ops = 2 * lines[0].replacements * GENERATIONS * threads,
                                        .ns = ns,
                                        .floor_ns = 0},
                 bench_memory());
    return 0;
}
