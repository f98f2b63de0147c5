/* harden_live.c - see harden_live.h. */
#include "lib/harden/harden_live.h"

#include "lib/base/start_data.h"
#include "lib/harden/block_table.h"
#include "lib/harden/checked_block.h"
#include "lib/harden/harden.h"
#include "lib/harden/quarantine.h"
#include "lib/heap/heap.h"
#include "lib/tuning/control.h"

/* HK_HARDEN_GUARD is never among them: its blocks lie otherwise, and must be known for good. */
static const unsigned level_modes[HK_LEVELS] = {
    [HK_LEVEL_DOUBLE_FREE] = HK_HARDEN_STATE,
    [HK_LEVEL_CANARY] = HK_HARDEN_STATE | HK_HARDEN_SIZED | HK_HARDEN_CANARY,
    [HK_LEVEL_ALL] = HK_HARDEN_ALL & ~(unsigned)HK_HARDEN_GUARD,
};

/* Calls under way, by thread: threads that share a place only share a cache line. */
#define PLACES 64
static struct {
    hk_au32 calls;
} HK_ALIGNED(HK_CACHE_LINE) places[PLACES];

static hk_au32 outside; /* what a call enters that nobody waits for */

/* Guarded by hk_control_lock, but that anybody may see that there is something to do. */
static hk_au32 wanted HK_EARLY;
static bool has_past HK_EARLY; /* something may be known that is of no period any more */
static _Atomic(bool) pending HK_EARLY;

static unsigned in_force(void)
{
    return atomic_load(&hk_diversions);
}

static unsigned live_modes(void)
{
    unsigned now = in_force();
    return (now & HK_DIVERT_LIVE) != 0 ? now & HK_HARDEN_ALL : 0;
}

bool hk_harden_is_fixed(void)
{
    unsigned now = in_force();
    return (now & HK_HARDEN_ALL) != 0 && (now & HK_DIVERT_LIVE) == 0;
}

/* Modes that were chosen one by one are called by the level that they are nearest to. */
uint64_t hk_harden_level(void)
{
    unsigned now = in_force() & HK_HARDEN_ALL;
    if ((level_modes[HK_LEVEL_ALL] & ~now) == 0)
        return HK_LEVEL_ALL;
    return (now & HK_HARDEN_CANARY) != 0 ? HK_LEVEL_CANARY : now != 0 ? HK_LEVEL_DOUBLE_FREE : HK_LEVEL_OFF;
}

/* ---- calls ---- */

static hk_au32 *place_of_thread(void)
{
    uint64_t hash = ((uintptr_t)&hk_tls_heap >> 6) * UINT64_C(0x9e3779b97f4a7c15);
    return &places[hash >> 58].calls;
}

HK_STATIC_ASSERT(PLACES == 1 << (64 - 58), "a hash is a place");

/* From here on the thread takes no short way. */
static void switch_over(void)
{
    hk_tls_heap = HK_EMPTY_HEAP;
}

/* A child forked in a call, by a handler that interrupted it, counts anew and has nothing to take off. */
static void leave(hk_au32 *place)
{
    if (atomic_load(place) != 0)
        atomic_fetch_sub(place, 1);
}

hk_au32 *hk_harden_enter(void)
{
    unsigned now = atomic_load_explicit(&hk_diversions, memory_order_acquire);
    if ((now & HK_HARDEN_ALL) == 0)
        return NULL;
    if ((now & HK_DIVERT_LIVE) == 0)
        return &outside;
    hk_control_notice_fork(); /* counts begin anew in a child */
    hk_au32 *place = place_of_thread();
    atomic_fetch_add(place, 1);
    if (live_modes() == 0) {
        leave(place);
        return NULL;
    }
    switch_over();
    return place;
}

void hk_harden_leave(hk_au32 *entered)
{
    if (entered != &outside)
        leave(entered);
}

static bool is_anybody_inside(void)
{
    for (unsigned i = 0; i < PLACES; i++) {
        if (atomic_load(&places[i].calls) != 0)
            return true;
    }
    return false;
}

HK_COLD void *hk_harden_pass_checked(void *p)
{
    hk_au32 *entered = hk_harden_enter();
    if (entered == NULL) /* checks have ended: all will be forgotten */
        return p;
    if (p != NULL)
        hk_checked_forget(p);
    hk_harden_leave(entered);
    return p;
}

/* ---- periods ---- */

static bool is_anything_waiting(void)
{
    return atomic_load(&hk_quarantine_blocks) != 0;
}

/* What waits is let go by the next call, which therefore has to come by. */
static void end_period(void)
{
    has_past = true;
    hk_divert_end_modes();
    if (!is_anything_waiting())
        hk_divert_end_live();
}

HK_COLD void hk_harden_finish(void)
{
    hk_control_notice_fork();
    hk_au32 *place = place_of_thread();
    atomic_fetch_add(place, 1);
    if (hk_harden_is_ending()) { /* still: while this call counts, no other period begins */
        (void)hk_harden_let_go();
        hk_divert_end_live();
    }
    leave(place);
}

/* A millisecond's work or two: a heap of many GiB has thousands, and it is the program's thread that does it.
 */
#define TABLES_AT_ONCE 64

/* false: not yet. A call of the period, or a block that waits, may still need what is known; or there is
 * more. */
static bool forget_past(void)
{
    if (is_anybody_inside())
        return false;
    if (is_anything_waiting() && !hk_hardens(HK_DIVERT_LIVE))
        hk_divert_begin_live(0); /* it came late: a call has to let it go */
    if (hk_hardens(HK_DIVERT_LIVE))
        return false;
    has_past = !hk_side_clear(TABLES_AT_ONCE);
    return !has_past;
}

/* false: no memory for it. */
static bool begin_period(unsigned modes)
{
    if (!hk_harden_begin_live())
        return false;
    hk_divert_begin_live(modes);
    switch_over();
    return true;
}

/* Brings into force what is wanted, as far as it can be. Under hk_control_lock. */
static bool settle(void)
{
    unsigned modes = level_modes[atomic_load_explicit(&wanted, memory_order_relaxed)], now = live_modes();
    bool is_done = now == modes || hk_harden_is_fixed();
    atomic_store_explicit(&pending, true, memory_order_relaxed); /* a child may be forked off in between */
    if (!is_done && !hk_hardens(HK_DIVERT_UNREAD | HK_DIVERT_NEXT)) {
        if (now != 0)
            end_period();
        is_done = (!has_past || forget_past()) && (modes == 0 || begin_period(modes));
    } else if (is_done && has_past) {
        is_done = forget_past();
    }
    atomic_store_explicit(&pending, !is_done, memory_order_relaxed);
    return live_modes() != now;
}

void hk_harden_want(uint64_t level)
{
    atomic_store_explicit(&wanted, (uint32_t)level, memory_order_relaxed);
    if (level != HK_LEVEL_OFF || live_modes() != 0 || has_past)
        (void)settle();
}

bool hk_harden_tick(void)
{
    if (HK_LIKELY(!atomic_load_explicit(&pending, memory_order_relaxed)) || !hk_lock_try(&hk_control_lock))
        return false;
    bool changed = settle();
    hk_lock_drop(&hk_control_lock);
    return changed;
}

void hk_harden_live_after_fork(void)
{
    for (unsigned i = 0; i < PLACES; i++)
        atomic_store_explicit(&places[i].calls, 0, memory_order_relaxed);
}
