/*
 * random.h - random numbers for what should not be foreseen.
 *
 * Seeded by the kernel, a generator for each thread. Whoever sees many of its numbers can tell the next ones:
 * it makes guessing cost tries, it keeps no secret.
 */
#ifndef HAKMEM_LIB_OS_RANDOM_H
#define HAKMEM_LIB_OS_RANDOM_H

#include <stdbool.h>

#include "shm/base.h"

/* Draws the process's secret, before the others are called; once is enough. ask: from the kernel, where it
 * has one to give; else from what it gave at the process's start, for a filter may forbid to ask by now. */
void hk_chance_begin(bool ask);

/* A number below n (1..UINT32_MAX). */
uint32_t hk_chance(uint32_t n);

/* 64 bits that nobody knows, others each time. */
uint64_t hk_chance_secret(void);

/* In a forked child: not the parent's next numbers. */
void hk_chance_after_fork(void);

#endif
