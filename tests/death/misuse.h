/*
 * misuse.h - what programs that misuse the allocator share.
 *
 * Each is a list of misuses, one of which is done in a run: it prints the pointer that it is about, then
 * misuses it. death_test.py runs all of a list.
 */
#ifndef HAKMEM_TESTS_DEATH_MISUSE_H
#define HAKMEM_TESTS_DEATH_MISUSE_H

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/check.h"

#define SMALL 64
#define MANY  40 /* blocks of one slab */

/* Through this the compiler knows nothing of what is passed. */
static inline void *about(const void *p)
{
    char line[32];
    int n = snprintf(line, sizeof line, "%#lx\n", (unsigned long)p);
    if (write(STDOUT_FILENO, line, (size_t)n) != n)
        _exit(4);
    return check_hidden_pointer((void *)(uintptr_t)p);
}

static inline void *at(void *p, size_t offset)
{
    return about((char *)p + offset);
}

static inline void *block(size_t size)
{
    void *p = malloc(size);
    CHECK(p != NULL, "no memory");
    return memset(p, 1, size);
}

/* Every block in a bin goes back to its slab. */
static inline void flush(void)
{
    malloc_trim(0);
}

static void *some_blocks[MANY];

/* Blocks of a slab most of which stays live. */
static inline void allocate_some(void)
{
    for (unsigned i = 0; i < MANY; i++)
        some_blocks[i] = block(SMALL);
}

#define NOT_OURS     "the pointer is not from this allocator, nor the C library's heap"
#define FREE_MEMORY  "the pointer is in free memory: freed before, or never allocated"
#define INSIDE       "the pointer is inside a block of "
#define ANY_OF(a, b) "(" a "|" b ")"
#define TWICE        "double free: the block of 64 bytes at 0x[0-9a-f]+, or another of its slab, was freed before"

#define TWICE_PTR "double free: the block of 64 bytes at PTR was freed twice"

/* What is said: a regular expression, in which PTR is the pointer that was printed. */
struct misuse {
    const char *name, *said;
    void (*run)(void);
};

#define MISUSE(name, said)                                                                                   \
    {                                                                                                        \
#name, said, name                                                                                    \
    }

/*
 * Does the misuse that is named, or lists all of them.
 *
 * @return  the program's exit status: 0 listed; 2 no such name; 3 nobody noticed
 */
static inline int do_misuse(const struct misuse *list, unsigned count, int argc, char **argv)
{
    alarm(120);
    for (unsigned i = 0; i < count; i++) {
        if (argc == 1) {
            printf("%s\t%s\n", list[i].name, list[i].said);
        } else if (strcmp(argv[1], list[i].name) == 0) {
            list[i].run();
            return 3;
        }
    }
    return argc == 1 ? 0 : 2;
}

#endif
