/*
 * problems.h - what is wrong with a configuration, as lines to be shown.
 *
 * Parsing goes on after a problem so that one run names them all, up to a bound. Knows nothing of where
 * the lines are shown. Not thread-safe.
 */
#ifndef HAKMEM_CONFIG_PROBLEMS_H
#define HAKMEM_CONFIG_PROBLEMS_H

#include "shm/base.h"

#define HK_PROBLEMS_KEPT  32
#define HK_PROBLEM_LENGTH 512

struct hk_problems {
    char *lines[HK_PROBLEMS_KEPT];
    unsigned kept;
    unsigned count; /* all of them, the ones not kept included */
};

/* Adds one line, cut at HK_PROBLEM_LENGTH bytes. */
void hk_problems_add(struct hk_problems *problems, const char *format, ...) HK_PRINTF(2, 3);

/* Frees the lines; the struct is empty afterwards and may be used again. */
void hk_problems_clear(struct hk_problems *problems);

#endif
