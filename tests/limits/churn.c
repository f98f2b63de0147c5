/*
 * churn.c - blocks of all sizes grow and shrink at random, and the process's mappings stay few.
 *
 * usage: churn ROUNDS [SEED]     HAKMEM_TEST_SEED as well
 *
 * A process may have 65,530 mappings; holes, tails and moved blocks cost one each, so each has its bound.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#define BLOCKS        300
#define MOST_MAPPINGS 8000
#define EVERY         5000
#define PAGE          4096

static struct {
    unsigned char *p;
    size_t size;
} blocks[BLOCKS];

static uint64_t state;

static uint64_t next(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 33;
}

/* Most are small, some have megabytes. */
static size_t random_size(void)
{
    static const unsigned shifts[] = {8, 10, 12, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24};
    unsigned shift = shifts[next() % HK_COUNT_OF(shifts)];
    return 16 + next() % ((size_t)1 << shift);
}

static size_t marked(size_t size)
{
    return size < PAGE ? size : PAGE;
}

static unsigned count_mappings(void)
{
    static char text[1 << 16];
    unsigned lines = 0;
    ssize_t n;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0, "/proc/self/maps");
    while ((n = read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            lines += text[i] == '\n';
    }
    close(fd);
    return lines;
}

static void churn(unsigned i)
{
    size_t size = random_size(), kept;
    if (next() % 8 == 0) {
        free(blocks[i].p);
        blocks[i].p = NULL;
        blocks[i].size = 0;
    }
    unsigned char *p = realloc(blocks[i].p, size);
    CHECK(p != NULL, "no memory for %zu bytes", size);
    kept = size < blocks[i].size ? marked(size) & ~(size_t)7 : marked(blocks[i].size);
    CHECK(pattern_check(p, kept < marked(blocks[i].size) ? kept : marked(blocks[i].size), i) == kept,
          "block %u changed", i);
    pattern_fill(p, marked(size), i);
    p[size - 1] = p[size - 1];
    blocks[i].p = p;
    blocks[i].size = size;
}

int main(int argc, char **argv)
{
    const char *given = argc > 2 ? argv[2] : getenv("HAKMEM_TEST_SEED");
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
    unsigned most = 0;
    state = given != NULL ? strtoull(given, NULL, 0) : check_now_ns();
    printf("seed %llu\n", (unsigned long long)state);
    fflush(stdout);
    for (unsigned long round = 1; round <= rounds; round++) {
        churn((unsigned)(next() % BLOCKS));
        if (round % EVERY != 0)
            continue;
        unsigned mappings = count_mappings();
        CHECK(mappings <= MOST_MAPPINGS, "%u mappings after %lu rounds", mappings, round);
        most = mappings > most ? mappings : most;
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        free(blocks[i].p);
    printf("%lu rounds, at most %u mappings\n", rounds, most);
    return 0;
}
