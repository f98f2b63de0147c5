/*
 * tiny.c - the smallest program that allocates: what an allocator costs before it does anything.
 *
 * usage: tiny [report]
 *
 * It allocates 100 blocks, frees them and ends; with `report` it also proves who served it and says how much
 * memory that took. launch.c starts it again and again.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/bench/harness.h"

#define BLOCKS 100u

int main(int argc, char **argv)
{
    char *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = bench_block(1 + i * 8);
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    if (argc == 1)
        return 0;
    if (argc != 2 || strcmp(argv[1], "report") != 0)
        return 2;
    struct bench_memory memory = bench_memory();
    bench_start();
    bench_report(&(struct bench_result){.name = "tiny", .ops = 2 * (uint64_t)BLOCKS, .ns = 1}, memory);
    return 0;
}
