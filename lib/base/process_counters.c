/*
 * process_counters.c - see process_counters.h: the totals themselves, and those that are reckoned from
 * others.
 */
#include "lib/base/process_counters.h"

#include "lib/base/start_data.h"

struct hk_process_row hk_process HK_EARLY;
hk_au64 hk_process_changes HK_EARLY;
struct hk_class_row hk_inherited[HK_CLASSES];
hk_au64 hk_big_cache_misses HK_EARLY;

/* Blocks that a forked child had from its parent, whose counts begin anew. */
static struct {
    hk_au64 big, huge;
} inherited HK_EARLY;

static void set(hk_au64 *total, uint64_t n)
{
    atomic_store_explicit(total, n, memory_order_relaxed);
}

/* Frees are read first: there are never more of them than there were allocations a moment later. */
static uint64_t live(const hk_au64 *before, const hk_au64 *frees_total, const hk_au64 *allocs_total)
{
    uint64_t frees = atomic_load(frees_total);
    return hk_total(before) + atomic_load(allocs_total) - frees;
}

void hk_process_reckon(void)
{
    struct hk_process_row *p = &hk_process;
    set(&p->big_blocks, live(&inherited.big, &p->big_frees_total, &p->big_allocs_total));
    set(&p->huge_blocks, live(&inherited.huge, &p->huge_frees_total, &p->huge_allocs_total));
    /* A miss is counted before its block: a total that has been seen does not sink. */
    uint64_t allocs = atomic_load(&p->big_allocs_total) + atomic_load(&p->huge_allocs_total);
    uint64_t misses = atomic_load(&hk_big_cache_misses);
    if (allocs > misses && allocs - misses > hk_total(&p->big_cache_hits_total))
        set(&p->big_cache_hits_total, allocs - misses);
}

void hk_process_inherit(void)
{
    hk_process_reckon();
    set(&inherited.big, hk_total(&hk_process.big_blocks));
    set(&inherited.huge, hk_total(&hk_process.huge_blocks));
    set(&hk_big_cache_misses, 0);
}

uint64_t hk_process_version(void)
{
    const struct hk_process_row *p = &hk_process;
    return hk_total(&hk_process_changes) + hk_total(&p->big_allocs_total) + hk_total(&p->big_frees_total) +
           hk_total(&p->huge_allocs_total) + hk_total(&p->huge_frees_total) + hk_total(&p->retained_bytes);
}

/* ---- what may wait ---- */

#define WAIT_CALLS 64
#define WAIT_BYTES HK_MIB
#define WAIT_PART  8 /* or this part of the bytes */

struct hk_process_told hk_told HK_EARLY;

void hk_process_tell(void)
{
    uint64_t bytes = hk_process_big_bytes(), margin = bytes / WAIT_PART;
    margin = margin > WAIT_BYTES ? margin : WAIT_BYTES;
    set(&hk_told.changes, hk_total(&hk_process_changes));
    set(&hk_told.from_bytes, bytes - margin);
    set(&hk_told.margin_bytes, 2 * margin);
    set(&hk_told.calls_left, WAIT_CALLS);
}
