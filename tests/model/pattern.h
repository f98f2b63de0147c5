/*
 * pattern.h - what blocks are filled with, and how it is checked.
 *
 * Short blocks wholly, to the last usable byte; long ones at both ends and in steps between, some of them
 * wholly too (block.whole). Every word follows from the block's seed and its place.
 */
#ifndef HAKMEM_TESTS_MODEL_PATTERN_H
#define HAKMEM_TESTS_MODEL_PATTERN_H

#include "tests/model/model.h"

/* Writes the pattern into all usable bytes. */
void pattern_fill(const struct block *b);

/* violation() unless the first `bytes` bytes at p (usable ones, if more) hold what b's pattern says. */
void pattern_check(const struct block *b, const unsigned char *p, size_t bytes, const char *what);

/* violation() unless the block reads as zero: the size asked for. */
void pattern_check_zero(const struct block *b);

#endif
