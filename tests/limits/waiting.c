/*
 * waiting.c - where there is no memory left, freed blocks that wait (HAKMEM_HARDEN) are given up for it.
 *
 * usage: waiting [BYTES]     under a limit on addresses; of the blocks, 100000 by default
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

struct block {
    struct block *next;
};

int main(int argc, char **argv)
{
    size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000, count = 0;
    struct block *all = NULL, *b;
    while ((b = malloc(size)) != NULL) {
        b->next = all;
        all = b;
        count++;
    }
    CHECK(errno == ENOMEM && count * size > (size_t)20 << 20, "only %zu blocks: %s", count, strerror(errno));
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < 4; i++) {
            b = all;
            all = all->next;
            free(b);
        }
        errno = 0;
        for (unsigned i = 0; i < 4; i++) {
            b = malloc(size);
            CHECK(b != NULL && errno == 0, "round %u: no block after 4 were freed", round);
            b->next = all;
            all = b;
        }
    }
    for (; all != NULL; all = b) {
        b = all->next;
        free(all);
    }
    return 0;
}
