/*
 * sharing.c - whether blocks of two threads come to share a cache line.
 *
 * usage: sharing ROUNDS THREADS SIZE active|passive
 *
 * The two tests of E. Berger, K. McKinley, R. Blumofe and P. Wilson, "Hoard: A Scalable Memory Allocator for
 * Multithreaded Applications" (2000), cache-thrash and cache-scratch by name. A round allocates a block of
 * SIZE bytes, writes it again and again, and frees it. active: that is all; an allocator that gives
 * neighbours of one line to several threads makes them fight for it. passive: each thread first frees a block
 * that the main thread allocated next to the others' ones; an allocator that gives it back to the same thread
 * hands the fight on. What is counted is rounds of all threads together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/harness.h"

#define THREADS_MAX 64u
#define WRITES      100u

struct worker {
    uint64_t rounds;
    size_t size;
    char *given; /* by the main thread, or NULL */
};

static void work(void *arg)
{
    struct worker *w = arg;
    free(w->given);
    for (uint64_t i = 0; i < w->rounds; i++) {
        char *block = bench_block(w->size);
        for (unsigned n = 0; n < WRITES; n++)
            *(volatile char *)block = (char)(*(volatile char *)block + 1);
        free(block);
    }
}

int main(int argc, char **argv)
{
    struct worker workers[THREADS_MAX];
    if (argc != 5 || (strcmp(argv[4], "active") != 0 && strcmp(argv[4], "passive") != 0)) {
        fprintf(stderr, "usage: sharing ROUNDS THREADS SIZE active|passive\n");
        return 2;
    }
    uint64_t rounds = bench_number(argv[1], "ROUNDS", UINT64_MAX / 2);
    unsigned threads = (unsigned)bench_number(argv[2], "THREADS", THREADS_MAX);
    size_t size = bench_number(argv[3], "SIZE", 4096);
    bench_start();
    bench_pin(0);
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){.rounds = rounds / threads, .size = size};
        if (argv[4][0] == 'p')
            workers[i].given = bench_block(size);
    }
    uint64_t ns = bench_parallel(threads, work, workers, sizeof *workers);
    bench_report(&(struct bench_result){.name = "sharing", .ops = rounds / threads * threads, .ns = ns},
                 bench_memory());
    return 0;
}
