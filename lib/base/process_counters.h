/*
 * process_counters.h - the process's own totals: the truth behind its area in the segment.
 *
 * Changed by any thread with one relaxed atomic addition, far from the hot path. The allocator decides by
 * these and never by what is in the segment. lib/publish/publish.c copies them there.
 */
#ifndef HAKMEM_LIB_BASE_PROCESS_COUNTERS_H
#define HAKMEM_LIB_BASE_PROCESS_COUNTERS_H

#include <stdbool.h>

#include "lib/base/size_class.h"
#include "shm/layout.h"

extern struct hk_process_row hk_process HK_HIDDEN;

/* What a forked child that publishes has from its parent, in counts that say no more than that: what is live
 * and what is in bins. The parent counts its past itself, and the totals of a host are to add up. Heaps of
 * the child begin at zero beside it. All zeros otherwise; constant once the child has done its first slow
 * path. */
extern struct hk_class_row hk_inherited[HK_CLASSES] HK_HIDDEN;

/* Counts changes up, but for those of big and huge blocks and of what is retained, which tell themselves. */
extern hk_au64 hk_process_changes HK_HIDDEN;

/* Big and huge blocks that were not served from the cache of freed ones. */
extern hk_au64 hk_big_cache_misses HK_HIDDEN;

/* Puts those totals right that are not counted where they change: live big and huge blocks, cache hits. */
void hk_process_reckon(void);

/* In a forked child, before its counters begin anew: its live blocks stay counted. */
void hk_process_inherit(void);

/* Another number after each change: a publisher who finds it unmoved has nothing to do. */
uint64_t hk_process_version(void);

/* Where nothing is published (lib/publish/publish_off.h), nobody looks. */
HK_INLINE void hk_process_changed(void)
{
#ifndef HK_NO_SEGMENT
    atomic_fetch_add_explicit(&hk_process_changes, 1, memory_order_relaxed);
#endif
}

/* Adds to a total; returns the new value. Gauges go down by adding the negative. */
HK_INLINE uint64_t hk_count(hk_au64 *total, uint64_t n)
{
    uint64_t now = atomic_fetch_add_explicit(total, n, memory_order_relaxed) + n;
    hk_process_changed();
    return now;
}

/* The same for one of several totals that change together, of which the last changes the version: by
 * hk_count(), or because it is the allocs or frees of big or huge blocks, or the retained bytes. */
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

/* ---- what may wait to be published ---- */

/* A program that lives on big blocks publishes some at a time, as bins do: what is published lags behind by a
 * few of them, of a small part of what is live, and only while they follow each other closely. */
#define HK_RUSH_NS UINT64_C(1000000)

extern struct hk_process_told {
    hk_au64 changes;                  /* hk_process_changes when last published */
    hk_au64 from_bytes, margin_bytes; /* big bytes that are near to those published */
    hk_au64 calls_left;               /* frees that may wait; one that is lost to a race does no harm */
    hk_au64 until_ns;                 /* when one last published by the clock, and the rush ends */
    _Atomic(bool)
        calm; /* the last that read the clock came after that, and somebody reads what is published */
} hk_told HK_HIDDEN;

/* What is published is what the totals say now. Under the publisher's lock. */
void hk_process_tell(void);

HK_INLINE uint64_t hk_process_big_bytes(void)
{
    return hk_total(&hk_process.big_bytes) + hk_total(&hk_process.huge_bytes);
}

HK_INLINE bool hk_process_changed_little(void)
{
    uint64_t left = hk_total(&hk_told.calls_left);
    if (left == 0 || hk_total(&hk_process_changes) != hk_total(&hk_told.changes))
        return false;
    atomic_store_explicit(&hk_told.calls_left, left - 1, memory_order_relaxed);
    return hk_process_big_bytes() - hk_total(&hk_told.from_bytes) <= hk_total(&hk_told.margin_bytes);
}

/* Whether publishing can wait until a call that reads the clock. */
HK_INLINE bool hk_process_in_rush(void)
{
    return !atomic_load_explicit(&hk_told.calm, memory_order_relaxed);
}

/* Whether it can in such a call. */
HK_INLINE bool hk_process_can_wait_at(uint64_t now_ns)
{
    bool rush = now_ns < hk_total(&hk_told.until_ns);
    if (rush != hk_process_in_rush())
        atomic_store_explicit(&hk_told.calm, !rush, memory_order_relaxed);
    if (rush)
        return hk_process_changed_little();
    atomic_store_explicit(&hk_told.until_ns, now_ns + HK_RUSH_NS, memory_order_relaxed);
    return false;
}

#endif
