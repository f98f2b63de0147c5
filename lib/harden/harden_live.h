/*
 * harden_live.h - checks that begin and end while the process runs: the tunable harden.
 *
 * A block is checked if it was given out by a checked call since checks began; of every other nothing is
 * known, and it goes the plain way. When checks end, all that is known is forgotten, and they begin again
 * with nothing. So a call must not use what is known of one period in the next: checked calls are counted
 * while they last, and checks do not begin again before all calls of the period before have ended.
 *
 * Plain calls are not counted. One that began before the checks did and ends after hands out a block that
 * hk_harden_pass() makes unknown. Its thread may still use the short ways of malloc: its bins hold only
 * blocks from before, for each slow way switches the thread over. The short ways of free and realloc end for
 * all threads with one store (hk_arena.fast_slabs), before the first block is known.
 *
 * docs/decisions/0020-live-hardening.md says why it is done so.
 */
#ifndef HAKMEM_LIB_HARDEN_HARDEN_LIVE_H
#define HAKMEM_LIB_HARDEN_HARDEN_LIVE_H

#include <stdbool.h>

#include "lib/harden/intercept.h"

/* Values of the tunable harden, in the order of its names. */
enum hk_harden_level { HK_LEVEL_OFF, HK_LEVEL_DOUBLE_FREE, HK_LEVEL_CANARY, HK_LEVEL_ALL, HK_LEVELS };

/* The level that is wanted from now on; it comes into force at once where no call stands in the way, else at
 * a later hk_harden_tick(). level: an enum hk_harden_level. Under hk_control_lock. */
void hk_harden_want(uint64_t level);

/* The level in force, or what is nearest to modes of HAKMEM_HARDEN. Any thread. */
uint64_t hk_harden_level(void);

/* Whether HAKMEM_HARDEN asked for modes, which stay as they are. */
bool hk_harden_is_fixed(void);

/* Now and then: what hk_harden_want() could not do yet. Returns whether something came into force. Any
 * thread, under no lock. */
bool hk_harden_tick(void);

/* Around a call that may be checked. NULL: it is a plain one, and nothing is to be left. */
hk_au32 *hk_harden_enter(void);
void hk_harden_leave(hk_au32 *entered);

/* Checks have ended, and what waits is to be let go, at the beginning of a call. */
HK_INLINE bool hk_harden_is_ending(void)
{
    unsigned now = atomic_load_explicit(&hk_diversions, memory_order_relaxed);
    return (now & (HK_DIVERT_LIVE | HK_HARDEN_ALL)) == HK_DIVERT_LIVE;
}

void hk_harden_finish(void);

void *hk_harden_pass_checked(void *p);

/* A block that a plain call gives out, or NULL; returned as it is. */
HK_INLINE void *hk_harden_pass(void *p)
{
    return HK_UNLIKELY(hk_hardens(HK_HARDEN_ALL)) ? hk_harden_pass_checked(p) : p;
}

/* In a forked child: the calls of other threads will not end. */
void hk_harden_live_after_fork(void);

#endif
