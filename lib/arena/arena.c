/*
 * arena.c - see arena.h: the arena's beginning, and SuperSlabs opened for slabs.
 *
 * The lock is held across mmap(), so that threads that find nothing open wait for one to open some.
 */
#include "lib/arena/arena.h"

#include <errno.h>

#include "lib/arena/address_space.h"
#include "lib/arena/superslab_index.h"
#include "lib/arena/superslab_state.h"
#include "lib/base/start_data.h"
#include "lib/base/tuned_values.h"
#include "lib/base/verify.h"
#include "lib/os/os.h"

/* SuperSlabs: at 64 MiB a step costs within 4 % of opening all at once (measured). */
#define MAX_OPEN_STEP  32
#define HUGE_FROM_OPEN 16 /* SuperSlabs */

struct hk_arena hk_arena HK_EARLY;

int hk_arena_init(void)
{
    hk_lock_take(&hk_ss.lock);
    bool ok = hk_arena_base() != 0;
    if (!ok) {
        hk_os_init();
        ok = hk_window_find();
    }
    hk_lock_drop(&hk_ss.lock);
    return ok ? 0 : ENOMEM;
}

int hk_arena_map_heap(unsigned id, size_t stride)
{
    hk_lock_take(&hk_ss.lock);
    bool ok = hk_window_map_heap(id, stride);
    hk_lock_drop(&hk_ss.lock);
    return ok ? 0 : ENOMEM;
}

uintptr_t hk_arena_map_places(uintptr_t end)
{
    hk_lock_take(&hk_ss.lock);
    uintptr_t now = hk_window_map_places(end);
    hk_lock_drop(&hk_ss.lock);
    return now;
}

/* ---- opening for slabs ---- */

/* A large program fills what it opens; a small one may never touch the second half of its only one. */
static bool is_for_huge_pages(void)
{
    uint64_t thp = hk_param(HK_TUNE_thp);
    return thp == HK_THP_MADVISE || (thp == HK_THP_LARGE && hk_ss.open >= HUGE_FROM_OPEN);
}

/* Opens up to n SuperSlabs at first, which are closed. 0, or -errno with nothing opened. */
static int open_at(uint32_t first, uint32_t n)
{
    int err = hk_os_map_at(hk_superslab_start(first), n * HK_SUPERSLAB_BYTES);
    if (err != 0)
        return err;
    if (is_for_huge_pages())
        hk_os_advise_huge(hk_superslab_start(first), n * HK_SUPERSLAB_BYTES, true);
    hk_ss_count_mapped(n, n * HK_SUPERSLAB_BYTES);
    hk_ss.open += n;
    hk_ss_mark_used(first, n, HK_SUPERSLAB_OPEN);
    for (uint32_t s = first; s < first + n; s++) {
        hk_ss_clear_masks(s);
        hk_ss_offer(s);
    }
    return 0;
}

static uint32_t open_step(void)
{
    uint32_t step = 1;
    while (step * 2 <= hk_ss.open && step < MAX_OPEN_STEP)
        step *= 2;
    return step;
}

static bool open_some(void)
{
    uint32_t skip = 1;
    for (;;) {
        int64_t closed = hk_index_lowest(HK_ROW_CLOSED, HK_ROW_CLOSED, 0);
        if (closed >= 0 && !hk_ss_is_closed((uint32_t)closed)) {
            hk_index_lower(HK_ROW_CLOSED, (uint32_t)closed); /* a fork came between state and hint */
            continue;
        }
        uint32_t first = closed >= 0 ? (uint32_t)closed : hk_ss.end;
        uint32_t step = open_step();
        if (closed < 0 && !hk_ss_extend_end(hk_ss.end + step) && !hk_ss_extend_end(hk_ss.end + (step = 1)))
            return false;
        int err = 0;
        for (uint32_t n = hk_ss_closed_run(first, step); n > 0; n /= 2) {
            err = open_at(first, n);
            if (err == 0)
                return true;
        }
        if (err != -EEXIST)
            return false;
        /* Somebody mapped into our window. Pass over it, further each time. */
        uint32_t lost = hk_ss_closed_run(first, skip);
        hk_ss_mark_used(first, lost, HK_SUPERSLAB_LOST);
        skip *= 2;
    }
}

bool hk_arena_open(void)
{
    uint32_t open_before = atomic_load_explicit(&hk_ss.open, memory_order_relaxed);
    hk_lock_take(&hk_ss.lock);
    /* Who waited for the lock may find that its holder opened something. */
    bool ok = atomic_load_explicit(&hk_ss.open, memory_order_relaxed) > open_before || open_some();
    hk_verify_arena();
    hk_lock_drop(&hk_ss.lock);
    return ok;
}

/* ---- the rest ---- */

bool hk_arena_count_moved(void)
{
    if (atomic_fetch_add_explicit(&hk_ss.moved, 1, memory_order_relaxed) < HK_MAX_MOVED)
        return true;
    hk_arena_uncount_moved();
    return false;
}

void hk_arena_uncount_moved(void)
{
    atomic_fetch_sub_explicit(&hk_ss.moved, 1, memory_order_relaxed);
}

void hk_arena_after_fork(void)
{
    hk_lock_init(&hk_ss.lock);
    hk_ss.end = (uint32_t)(hk_arena_slabs() / HK_SLABS_PER_SUPERSLAB);
    hk_window_after_fork();
}
