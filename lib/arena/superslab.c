/* superslab.c - see superslab.h. */
#include "lib/arena/superslab.h"

#include <limits.h>

#include "lib/arena/purge.h"
#include "lib/arena/superslab_index.h"
#include "lib/base/process_counters.h"
#include "lib/base/tuned_values.h"
#include "lib/os/os.h"

#define MOST_VISITS 32 /* SuperSlabs looked at for a run before one that is sure to have it is taken */

static uint32_t run_mask(unsigned n, unsigned at)
{
    return (n == HK_SLABS_PER_SUPERSLAB ? HK_ALL_SLABS : (UINT32_C(1) << n) - 1) << at;
}

/* Bits at which n ones in a row start. */
static uint32_t run_starts(uint32_t mask, unsigned n)
{
    for (unsigned have = 1; have < n && mask != 0;) {
        unsigned step = n - have < have ? n - have : have;
        mask &= mask >> step;
        have += step;
    }
    return mask;
}

/* Of the bits where a run may start, those at which it is aligned. */
static uint32_t aligned_starts(uint32_t superslab, uint32_t starts, size_t align)
{
    if (align <= HK_SLAB_BYTES)
        return starts;
    size_t every = align >> HK_SLAB_SHIFT;
    if (every >= HK_SLABS_PER_SUPERSLAB)
        return (hk_superslab_start(superslab) & (align - 1)) == 0 ? starts & 1 : 0;
    uint32_t wanted = 0;
    for (size_t at = 0; at < HK_SLABS_PER_SUPERSLAB; at += every)
        wanted |= UINT32_C(1) << at;
    return starts & wanted;
}

/* Takes the bits of mask, all or none. */
static bool take_bits(struct hk_superslab *s, uint32_t mask)
{
    uint32_t free_slabs = atomic_load(&s->free);
    do {
        if ((free_slabs & mask) != mask)
            return false;
    } while (!atomic_compare_exchange_weak(&s->free, &free_slabs, free_slabs & ~mask));
    return true;
}

/* Singles fill a SuperSlab from the bottom, runs from the top, so that runs stay in one piece. */
static int choose(uint32_t starts, unsigned n)
{
    if (starts == 0)
        return -1;
    return n == 1 ? __builtin_ctz(starts) : 31 - __builtin_clz(starts);
}

/* Takes a run whose pages are all there, or any run. Returns its first slab's bit, -1 if there is none. */
static int take_from(uint32_t superslab, unsigned n, size_t align, bool resident_only)
{
    struct hk_superslab *s = hk_superslab_at(superslab);
    for (;;) {
        uint32_t candidates = atomic_load(&s->free);
        if (resident_only)
            candidates &= atomic_load_explicit(&s->resident, memory_order_relaxed);
        int at = choose(aligned_starts(superslab, run_starts(candidates, n), align), n);
        if (at < 0 || take_bits(s, run_mask(n, (unsigned)at)))
            return at;
    }
}

static unsigned row_for(unsigned n)
{
    return HK_ROW_FREE + (31 - (unsigned)__builtin_clz(n));
}

/* Rows whose hint this taking may have made wrong. */
static void lower_after_take(uint32_t superslab)
{
    const struct hk_superslab *s = hk_superslab_at(superslab);
    hk_index_lower_rows(hk_index_free_rows(atomic_load(&s->free), atomic_load(&s->resident)), superslab);
}

/* Sets bits of a mask, unless all of them are. Returns those of them that were set before. */
static uint32_t set_bits(hk_au32 *mask, uint32_t bits)
{
    uint32_t now = atomic_load_explicit(mask, memory_order_relaxed) & bits;
    return now == bits ? bits : atomic_fetch_or(mask, bits) & bits;
}

static uint64_t bytes_of(uint32_t mask)
{
    return (uint64_t)__builtin_popcount(mask) * HK_SLAB_BYTES;
}

/* The pages of a run of n slabs are in use from here on. Whether they read as zero. */
static bool account_taken(uint32_t superslab, uint32_t mask, unsigned n)
{
    struct hk_superslab *s = hk_superslab_at(superslab);
    uint32_t was_dirty = set_bits(&s->dirty, mask), was_resident = set_bits(&s->resident, mask);
    uint64_t bytes = n * HK_SLAB_BYTES, resident = was_resident == mask ? bytes : bytes_of(was_resident);
    if (resident != 0)
        hk_count_along(&hk_process.retained_bytes, (uint64_t)0 - resident);
    if (resident != bytes)
        hk_retain_faulted(bytes - resident);
    return was_dirty == 0;
}

/* What is looked for. */
struct wanted {
    unsigned n;
    size_t align;
    unsigned visits; /* SuperSlabs to look at: a hint need not hold for a run of this length and alignment */
};

/* Out of the SuperSlabs that both rows hint at. */
static int64_t take_in_rows(unsigned row, unsigned and_row, const struct wanted *w, bool *zeroed)
{
    int64_t at = -1;
    for (unsigned visits = 0;
         visits < w->visits && (at = hk_index_lowest(row, and_row, (uint32_t)(at + 1))) >= 0; visits++) {
        uint32_t superslab = (uint32_t)at;
        int bit = take_from(superslab, w->n, w->align, row == HK_ROW_RESIDENT);
        if (bit >= 0) {
            *zeroed = account_taken(superslab, run_mask(w->n, (unsigned)bit), w->n);
            lower_after_take(superslab);
            return (int64_t)superslab * HK_SLABS_PER_SUPERSLAB + bit;
        }
        if (!hk_index_holds(row, hk_superslab_at(superslab)))
            hk_index_lower(row, superslab);
    }
    return -1;
}

/* Runs with their pages first, then any; where SuperSlabs with that many free slabs have them in the wrong
 * places, one with twice as many, and one that is empty. */
static int64_t take_open(const struct wanted *w, bool *zeroed)
{
    unsigned row = row_for(w->n);
    int64_t slab = take_in_rows(HK_ROW_RESIDENT, row, w, zeroed);
    if (slab < 0)
        slab = take_in_rows(row, row, w, zeroed);
    if (slab < 0 && row < HK_ROW_RUN16)
        slab = take_in_rows(row + 1, row + 1, w, zeroed);
    return slab >= 0 ? slab : take_in_rows(HK_ROW_EMPTY, HK_ROW_EMPTY, w, zeroed);
}

int64_t hk_slabs_take_resident(unsigned n, size_t align, bool *zeroed)
{
    struct wanted w = {.n = n, .align = align, .visits = MOST_VISITS};
    return take_in_rows(HK_ROW_RESIDENT, row_for(n), &w, zeroed);
}

int64_t hk_slabs_take(unsigned n, size_t align, bool *zeroed)
{
    struct wanted w = {.n = n, .align = align, .visits = MOST_VISITS};
    /* Another thread may take what one round opened: go on while opening succeeds. */
    do {
        int64_t slab = take_open(&w, zeroed);
        if (slab >= 0)
            return slab;
    } while (hk_arena_open());
    w.visits = UINT_MAX;
    return take_in_rows(row_for(n), row_for(n), &w, zeroed);
}

void hk_slabs_give(uint32_t first, unsigned n)
{
    uint32_t superslab = first / HK_SLABS_PER_SUPERSLAB;
    struct hk_superslab *s = hk_superslab_at(superslab);
    uint32_t mask = run_mask(n, first % HK_SLABS_PER_SUPERSLAB);
    uint32_t all_resident = atomic_load(&s->resident), resident = all_resident & mask;
    if (resident != 0)
        hk_count_along(&hk_process.retained_bytes, resident == mask ? n * HK_SLAB_BYTES : bytes_of(resident));
    uint32_t now = atomic_fetch_or(&s->free, mask) | mask;
    hk_index_raise_rows(hk_index_free_rows(now, all_resident), superslab);
}

/* Some of its slabs are about to be purged while others are in use: what was a huge page is so no longer, nor
 * made one again behind our back (khugepaged fills in what is missing) until the SuperSlab is opened anew. */
static void break_huge_page(uint32_t superslab, unsigned at, unsigned n)
{
    if (hk_param(HK_TUNE_thp) == HK_THP_OFF || n == HK_SLABS_PER_SUPERSLAB ||
        atomic_load(&hk_superslab_at(superslab)->resident) != HK_ALL_SLABS)
        return;
    hk_os_split_huge(hk_superslab_start(superslab) + at * HK_SLAB_BYTES, n * HK_SLAB_BYTES);
    hk_os_advise_huge(hk_superslab_start(superslab), HK_SUPERSLAB_BYTES, false);
}

/* Purges one run of slabs that are in nobody's hands but ours. */
static size_t purge_run(uint32_t superslab, unsigned at, unsigned n)
{
    struct hk_superslab *s = hk_superslab_at(superslab);
    uint32_t mask = run_mask(n, at);
    bool lazily = hk_param(HK_TUNE_purge_kind) == 1;
    size_t bytes = n * HK_SLAB_BYTES;
    uint32_t first = superslab * HK_SLABS_PER_SUPERSLAB + at;
    break_huge_page(superslab, at, n);
    if (hk_os_purge(hk_slab_start(first), bytes, lazily) != 0) {
        hk_slabs_give(first, n); /* locked pages, or a filter: they stay */
        return 0;
    }
    atomic_fetch_and(&s->resident, ~mask);
    if (!lazily)
        atomic_fetch_and(&s->dirty, ~mask);
    hk_slabs_give(first, n);
    hk_count(&hk_process.purges_total, 1);
    return bytes;
}

/* Purges free slabs of one SuperSlab, longest stretches first come. */
static size_t purge_superslab(uint32_t superslab, size_t bytes)
{
    struct hk_superslab *s = hk_superslab_at(superslab);
    size_t gone = 0;
    uint32_t tried = 0;
    while (gone < bytes) {
        uint32_t candidates = atomic_load(&s->free) & atomic_load(&s->resident) & ~tried;
        if (candidates == 0)
            break;
        unsigned at = 31 - (unsigned)__builtin_clz(candidates), n = 1;
        while (at > 0 && (candidates >> (at - 1) & 1) != 0 && n * HK_SLAB_BYTES < bytes - gone) {
            at--;
            n++;
        }
        tried |= run_mask(n, at);
        if (!take_bits(s, run_mask(n, at)))
            continue;
        /* Somebody may have had them, and given them back without pages, since resident was read. */
        uint32_t resident = atomic_load(&s->resident) & run_mask(n, at);
        hk_count_along(&hk_process.retained_bytes, (uint64_t)0 - bytes_of(resident));
        gone += purge_run(superslab, at, n);
    }
    return gone;
}

/* Whether purging here breaks no huge page that is of use: there is none (any more), or it would be mostly
 * free. */
static bool is_broken_or_half_free(uint32_t superslab)
{
    const struct hk_superslab *s = hk_superslab_at(superslab);
    uint32_t resident = atomic_load(&s->resident);
    unsigned surplus = (unsigned)__builtin_popcount(resident & atomic_load(&s->free));
    return resident != HK_ALL_SLABS || surplus >= HK_SLABS_PER_SUPERSLAB / 2;
}

static size_t purge_from_top(size_t bytes, bool sparing)
{
    size_t gone = 0;
    uint32_t end = (uint32_t)(hk_arena_slabs() / HK_SLABS_PER_SUPERSLAB);
    int64_t at;
    while (gone < bytes && (at = hk_index_highest(HK_ROW_RESIDENT, HK_ROW_RESIDENT, end)) >= 0) {
        end = (uint32_t)at;
        if (sparing && !is_broken_or_half_free(end))
            continue;
        gone += purge_superslab(end, bytes - gone);
        if (!hk_index_holds(HK_ROW_RESIDENT, hk_superslab_at(end)))
            hk_index_lower(HK_ROW_RESIDENT, end);
    }
    return gone;
}

/* Huge pages are broken last. */
size_t hk_slabs_purge(size_t bytes)
{
    size_t gone = hk_param(HK_TUNE_thp) != HK_THP_OFF ? purge_from_top(bytes, true) : 0;
    return gone < bytes ? gone + purge_from_top(bytes - gone, false) : gone;
}
