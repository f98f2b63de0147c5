/*
 * process.h - the process's own totals: the truth behind its area in the segment.
 *
 * Changed by any thread with one relaxed atomic addition, far from the hot path. The allocator decides by
 * these and never by what is in the segment. lib/publish.c copies them there.
 */
#ifndef HAKMEM_LIB_PROCESS_H
#define HAKMEM_LIB_PROCESS_H

#include "shm/layout.h"

extern struct hk_process_row hk_process HK_HIDDEN;

/* Counts each change up, so that a publisher who finds it unmoved has nothing to do. */
extern hk_au64 hk_process_changes HK_HIDDEN;

/* Adds to a total; returns the new value. Gauges go down by adding the negative. */
HK_INLINE uint64_t hk_count(hk_au64 *total, uint64_t n)
{
    uint64_t now = atomic_fetch_add_explicit(total, n, memory_order_relaxed) + n;
    atomic_fetch_add_explicit(&hk_process_changes, 1, memory_order_relaxed);
    return now;
}

/* The same for one of several totals that change together, of which the last is counted by hk_count(). */
HK_INLINE uint64_t hk_count_along(hk_au64 *total, uint64_t n)
{
    return atomic_fetch_add_explicit(total, n, memory_order_relaxed) + n;
}

HK_INLINE uint64_t hk_uncount(hk_au64 *total, uint64_t n)
{
    return hk_count(total, (uint64_t)0 - n);
}

HK_INLINE uint64_t hk_total(const hk_au64 *total)
{
    return atomic_load_explicit(total, memory_order_relaxed);
}

#endif
