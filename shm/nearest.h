/*
 * nearest.h - which known word a misspelt one was probably meant to be.
 *
 * For error messages: tunables, options, commands, keys of configuration files. Pure, thread-safe, calls
 * nothing that allocates.
 */
#ifndef HAKMEM_SHM_NEAREST_H
#define HAKMEM_SHM_NEAREST_H

#include "shm/base.h"

/* Words of this many bytes and more are near to nothing. */
#define HK_NEAREST_WORD_BYTES 40

/* The known words at an edit distance (insertions, deletions, changes, swapped neighbours) of at most
 * limit, and half of len, from the first len bytes of word, best first, each once: up to max of them into
 * out; where there are none, those that begin with it. Returns how many. names may hold NULLs, which are
 * skipped. */
unsigned hk_nearest(const char *word, size_t len, const char *const *names, unsigned count, unsigned limit,
                    const char **out, unsigned max);

#endif
