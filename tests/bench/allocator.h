/*
 * allocator.h - which object serves malloc in this process, proved from inside.
 *
 * Used by the benchmark programs and by probe.c, which is preloaded into programs that are not ours.
 */
#ifndef HAKMEM_TESTS_BENCH_ALLOCATOR_H
#define HAKMEM_TESTS_BENCH_ALLOCATOR_H

#include <limits.h>
#include <stdbool.h>

struct allocator {
    char path[PATH_MAX]; /* of the object that malloc, calloc, realloc and free resolve to, links resolved */
    const char *flaw;    /* NULL, or what contradicts the proof: a constant sentence */
};

/* Finds it out; may allocate. Not thread-safe: other threads' allocations disturb the proof. */
void allocator_find(struct allocator *out);

/* Whether it is the one expected: "libc", or a path. */
bool allocator_is(const struct allocator *allocator, const char *expected);

#endif
