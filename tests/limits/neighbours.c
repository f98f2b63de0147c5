/*
 * neighbours.c - a program that maps where it likes: right behind blocks, in between, and far ahead of them.
 *
 * What is mapped there is the program's for ever: allocation goes around it, and memory that is given back
 * does not take it along. All addresses fit into 47 bits, as programs that put tags into pointers expect.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#define NEIGHBOURS 40
#define PAGE       4096
#define STEP       ((uintptr_t)2 << 20)

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static unsigned char *neighbours[NEIGHBOURS];
static unsigned count;

static void move_in(uintptr_t at)
{
    if (count == NEIGHBOURS)
        return;
    void *p = mmap((void *)at, PAGE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p == MAP_FAILED) {
        CHECK(errno == EEXIST || errno == ENOMEM, "mmap: %s", strerror(errno));
        return;
    }
    CHECK((uintptr_t)p == at, "mapped elsewhere");
    pattern_fill(p, PAGE, count);
    neighbours[count++] = p;
}

static void check_neighbours(void)
{
    for (unsigned i = 0; i < count; i++)
        CHECK(pattern_check(neighbours[i], PAGE, i) == PAGE, "neighbour %u changed", i);
}

static void *get(size_t size)
{
    void *p = malloc(size);
    CHECK(p != NULL, "no memory for %zu bytes", size);
    CHECK((uintptr_t)p >> 47 == 0, "%p has more than 47 bits", p);
    memset(p, 0xa5, size < 65536 ? size : 65536);
    return p;
}

static void fill_and_free(void)
{
    static void *blocks[4000];
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
        blocks[i] = get(i % 400 == 0 ? 3000000 : 16 + i * 7 % 30000);
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i += 400)
        blocks[i] = realloc(blocks[i], 9000000);
    check_neighbours();
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
        free(blocks[(i * 7) % HK_COUNT_OF(blocks)]);
    malloc_trim(0);
    check_neighbours();
}

int main(void)
{
    uintptr_t first = (uintptr_t)get(10) & ~(STEP - 1);
    static const unsigned ahead[] = {1, 2, 3, 5, 9, 17, 18, 40, 64, 100, 200, 500};
    for (unsigned i = 0; i < HK_COUNT_OF(ahead); i++)
        move_in(first + ahead[i] * STEP + (i % 2 != 0 ? 0 : STEP / 2));
    CHECK(count > HK_COUNT_OF(ahead) / 2, "only %u neighbours", count);
    for (unsigned round = 0; round < 6; round++) {
        fill_and_free();
        void *large = get(20000000);
        uintptr_t behind = ((uintptr_t)large + 20000000 + STEP) & ~(STEP - 1);
        move_in(behind);
        move_in(behind + 3 * STEP);
        free(large);
    }
    fill_and_free();
    return 0;
}
