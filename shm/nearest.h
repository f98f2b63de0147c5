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

/* Finds the known words that the first len bytes of word were probably meant to be: those at the smallest
 * edit distances (insertions, deletions, changes, swapped neighbours), of at most a third of len and at
 * most 3, best first. Where there are none, and len is 2 or more, those that begin with the word. Writes up
 * to max of them into out, each once. names[0..count) may hold NULLs, which are skipped. Returns how many
 * were written. */
unsigned hk_nearest(const char *word, size_t len, const char *const *names, unsigned count, const char **out,
                    unsigned max);

#endif
