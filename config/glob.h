/*
 * glob.h - shell patterns over whole strings: * ? [a-z] [!a-z] and \ to take the next character as it is.
 *
 * Not fnmatch(): patterns come from any client, and its matching takes exponential time for some. This
 * one takes at most length of pattern times length of text. A slash is a character like any other.
 * Pure, thread-safe.
 */
#ifndef HAKMEM_CONFIG_GLOB_H
#define HAKMEM_CONFIG_GLOB_H

#include <stdbool.h>

#define HK_GLOB_MAX 512 /* bytes of a pattern */

/* NULL if the pattern is well formed, else what is wrong with it: a constant sentence. */
const char *hk_glob_problem(const char *pattern);

/* Whether the whole text matches. A pattern that is not well formed matches as far as it makes sense. */
bool hk_glob_match(const char *pattern, const char *text);

#endif
