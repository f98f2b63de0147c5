/*
 * purge.h - how much free memory the process keeps.
 *
 * A budget of the whole process, enforced by the frees themselves: when retained bytes (free slabs whose
 * pages are still there, and cached big blocks) exceed it, the surplus goes back at once, so a process that
 * frees its load and then sleeps for ever has already given it back. The budget is the larger of
 * retain_bytes and retain_percent of the recent peak, plus an allowance that reuse has to prove: as much as
 * was needed again within purge_delay_ms of its purge, for a program whose load swings to and fro. It is
 * dropped when far more is purged in one run than it is, and decays with time.
 */
#ifndef HAKMEM_LIB_ARENA_PURGE_H
#define HAKMEM_LIB_ARENA_PURGE_H

#include <stdbool.h>

#include "lib/base/tuned_values.h"

/* After slabs or a big block of so many bytes have come free: purges what is above the budget. Keeps errno.
 */
void hk_retain_check(size_t freed);

/* Memory without pages was taken into use: what was purged of that a short while ago was purged in vain. */
void hk_retain_faulted(size_t bytes);

/* Whether so many bytes more may be kept, by the budget as it is. */
bool hk_retain_has_room(size_t bytes);

/* A huge block of so many bytes (or 0) has gone back to the system by itself. */
void hk_retain_purged(size_t bytes);

/* With the time, on slow paths: lets the budget decay. */
void hk_retain_tick(uint64_t now_ns);

/* Whether more than so many bytes are in use or kept. */
bool hk_retain_above(uint64_t limit);

/* Whether soft_limit_bytes is set and exceeded. */
HK_INLINE bool hk_retain_over_soft_limit(void)
{
    uint64_t limit = hk_param(HK_TUNE_soft_limit_bytes);
    return HK_UNLIKELY(limit != 0) && hk_retain_above(limit);
}

/* Gives back all but keep bytes of retained memory, opened-ahead SuperSlabs too. Returns the resident bytes
 * that went. */
size_t hk_retain_trim(size_t keep);

/* In a forked child: lock free again. */
void hk_retain_after_fork(void);

#endif
