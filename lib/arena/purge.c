/* purge.c - see purge.h. */
#include "lib/arena/purge.h"

#include "lib/arena/arena.h"
#include "lib/arena/big_block.h"
#include "lib/arena/superslab.h"
#include "lib/base/process_counters.h"
#include "lib/base/start_data.h"
#include "lib/base/tuned_values.h"
#include "lib/os/lock.h"
#include "lib/os/os.h"

#define NS_PER_MS       UINT64_C(1000000)
#define DECAY_NS        (1000 * NS_PER_MS)  /* the recent peak sinks by an eighth of its excess each second */
#define LEAST_ALLOWANCE (UINT64_C(1) << 20) /* less than that is none, once it sinks */
#define RUN_OF_AN_END   4                   /* times the allowance: sizes may swing too, and widely */
#define ALLOWANCE_LASTS 16 /* times purge_delay_ms without another raise, then it halves each delay */

/* Guarded by the lock, but read without it where a stale value does no harm. */
static struct {
    struct hk_lock lock;
    hk_au64 budget;    /* as last computed; SIZE_MAX until then */
    hk_au64 peak;      /* recent peak of bytes in use */
    hk_au64 allowance; /* what reuse has proved */
    hk_au64 purged;    /* bytes purged lately and not needed again so far */
    hk_au64 purged_ns; /* the last purge */
    hk_au64 run;       /* bytes purged since any were last needed again */
    hk_au64 raised_ns;
    hk_au64 decayed_ns;
    hk_au64 unpurgeable; /* so many bytes could not be given back when last tried: locked pages, a filter */
} retain HK_EARLY;

static uint64_t get(const hk_au64 *v)
{
    return atomic_load_explicit(v, memory_order_relaxed);
}

static void set(hk_au64 *v, uint64_t n)
{
    atomic_store_explicit(v, n, memory_order_relaxed);
}

static uint64_t in_use(void)
{
    return hk_total(&hk_process.slabs_in_use) * HK_SLAB_BYTES + hk_total(&hk_process.big_bytes) +
           hk_total(&hk_process.huge_bytes);
}

bool hk_retain_above(uint64_t limit)
{
    return in_use() + hk_total(&hk_process.retained_bytes) > limit;
}

static uint64_t compute_budget(void)
{
    uint64_t bytes = hk_param(HK_TUNE_retain_bytes);
    uint64_t share = get(&retain.peak) / 100 * hk_param(HK_TUNE_retain_percent);
    uint64_t budget = (bytes > share ? bytes : share) + get(&retain.allowance);
    return hk_retain_over_soft_limit() ? 0 : budget;
}

static void refresh_budget(void)
{
    uint64_t budget = compute_budget();
    if (budget != get(&retain.budget)) {
        set(&retain.budget, budget);
        set(&hk_process.retain_budget_bytes, budget);
        hk_process_changed();
    }
}

/* Purges until at most keep bytes are retained. Whole blocks and SuperSlabs first. untouched: SuperSlabs that
 * were opened ahead go too. */
static size_t purge_to(uint64_t keep, bool untouched)
{
    uint64_t retained = hk_total(&hk_process.retained_bytes);
    uint64_t surplus = retained > keep ? retained - keep : 0;
    size_t gone = hk_big_cache_drain(surplus);
    if (gone < surplus || untouched)
        gone += hk_arena_close_empty(surplus > gone ? surplus - gone : 0, untouched);
    if (gone < surplus)
        gone += hk_slabs_purge(surplus - gone);
    if (gone != 0)
        hk_count(&hk_process.purged_bytes_total, gone);
    return gone;
}

static bool above_budget(void)
{
    uint64_t retained = hk_total(&hk_process.retained_bytes);
    return HK_UNLIKELY(retained > get(&retain.budget)) && retained > get(&retain.unpurgeable);
}

/* In small heaps a free may purge a slab at a time; leaving some room makes that rarer. */
static uint64_t purge_goal(uint64_t budget)
{
    return budget - budget / 8;
}

/* Far more goes in one run than came back before: this is no swinging to and fro, but a load that ends. What
 * was kept for it goes too. */
static void note_purged(size_t gone)
{
    uint64_t run = get(&retain.run) + gone;
    set(&retain.run, run);
    set(&retain.purged_ns, hk_os_now_ns());
    set(&retain.purged, get(&retain.purged) + gone);
    if (run / RUN_OF_AN_END > get(&retain.allowance) && get(&retain.allowance) != 0) {
        set(&retain.allowance, 0);
        refresh_budget();
    }
}

bool hk_retain_has_room(size_t bytes)
{
    refresh_budget();
    return hk_total(&hk_process.retained_bytes) + bytes <= get(&retain.budget);
}

void hk_retain_purged(size_t bytes)
{
    if (bytes == 0)
        return;
    hk_count(&hk_process.purged_bytes_total, bytes);
    note_purged(bytes);
}

static void purge_surplus(void)
{
    refresh_budget();
    if (!above_budget())
        return;
    size_t gone = purge_to(purge_goal(get(&retain.budget)), false);
    if (gone != 0) {
        note_purged(gone);
    } else {
        /* Each free would try again: not before there is an eighth more, or some time has passed. */
        uint64_t retained = hk_total(&hk_process.retained_bytes);
        set(&retain.unpurgeable, retained + retained / 8);
    }
}

void hk_retain_check(size_t freed)
{
    uint64_t used = in_use() + freed;
    if (HK_UNLIKELY(used > get(&retain.peak)))
        set(&retain.peak, used);
    if (HK_UNLIKELY(hk_param(HK_TUNE_soft_limit_bytes) != 0))
        refresh_budget(); /* nothing may be kept from the moment the limit is passed */
    if (HK_LIKELY(!above_budget()))
        return;
    /* Whoever holds the lock is purging; what is left over the next free finds. */
    while (above_budget() && hk_lock_try(&retain.lock)) {
        uint64_t before = hk_total(&hk_process.retained_bytes);
        purge_surplus();
        hk_lock_drop(&retain.lock);
        if (hk_total(&hk_process.retained_bytes) >= before)
            break; /* nothing can be given back, or others free faster */
    }
}

void hk_retain_faulted(size_t bytes)
{
    uint64_t purged = get(&retain.purged);
    if (HK_LIKELY(purged == 0))
        return;
    uint64_t now = hk_os_now_ns();
    if (now - get(&retain.purged_ns) > hk_param(HK_TUNE_purge_delay_ms) * NS_PER_MS) {
        set(&retain.purged, 0);
        return;
    }
    /* Losing an update to another thread here makes the estimate a little low. */
    uint64_t in_vain = bytes < purged ? bytes : purged, raised = get(&retain.allowance) + in_vain;
    set(&retain.purged, purged - in_vain);
    set(&retain.run, 0);
    set(&retain.allowance, raised < get(&retain.peak) ? raised : get(&retain.peak));
    set(&retain.raised_ns, now);
    refresh_budget();
}

/* Takes the peak towards what is in use, and halves an allowance that nobody needed for long. */
static void decay(uint64_t now)
{
    uint64_t used = in_use(), peak = get(&retain.peak);
    uint64_t steps = (now - get(&retain.decayed_ns)) / DECAY_NS;
    set(&retain.decayed_ns, now);
    for (steps = steps < 64 ? steps : 64; steps > 0 && peak > used; steps--)
        peak -= (peak - used + 7) / 8;
    set(&retain.peak, peak > used ? peak : used);

    uint64_t delay = (hk_param(HK_TUNE_purge_delay_ms) + 1) * NS_PER_MS;
    uint64_t idle = now - get(&retain.raised_ns);
    if (get(&retain.allowance) != 0 && idle > delay * ALLOWANCE_LASTS) {
        uint64_t left = get(&retain.allowance) / 2;
        set(&retain.allowance, left >= LEAST_ALLOWANCE ? left : 0);
        set(&retain.raised_ns, now - delay * (ALLOWANCE_LASTS - 1));
    }
}

void hk_retain_tick(uint64_t now_ns)
{
    if (now_ns - get(&retain.decayed_ns) < DECAY_NS || !hk_lock_try(&retain.lock))
        return;
    decay(now_ns);
    set(&retain.unpurgeable, 0);
    purge_surplus();
    hk_lock_drop(&retain.lock);
}

size_t hk_retain_trim(size_t keep)
{
    hk_lock_take(&retain.lock);
    size_t gone = purge_to(keep, true);
    set(&retain.allowance, 0);
    set(&retain.purged, 0);
    refresh_budget();
    hk_lock_drop(&retain.lock);
    hk_count(&hk_process.trims_total, 1);
    return gone;
}

void hk_retain_after_fork(void)
{
    hk_lock_init(&retain.lock);
}
