/*
 * canary.h - bytes that nobody should change: behind the end of a block, and in one that was freed.
 */
#ifndef HAKMEM_LIB_HARDEN_CANARY_H
#define HAKMEM_LIB_HARDEN_CANARY_H

#include "shm/base.h"

/* So many bytes at least lie behind each block that has a canary, and so many are looked at at most. */
#define HK_CANARY_LEAST 8
#define HK_CANARY_MOST  128

/* Draws the process's secret. Called once, before the others. */
void hk_canary_init(void);

/* Writes a canary from `at` (any address) to end, HK_CANARY_MOST bytes at most. */
void hk_canary_write(char *at, const char *end);

/* The first byte that is not as it was written; NULL if all are. */
const char *hk_canary_broken(const char *at, const char *end);

/* Fills memory that was freed (8 bytes and more, aligned to 8, a multiple of 8): it is no pointer, no zero
 * and no small number. */
void hk_freed_fill(char *at, size_t bytes);

/* The first byte of it that is not as it was filled; NULL if all are. */
const char *hk_freed_touched(const char *at, size_t bytes);

#endif
