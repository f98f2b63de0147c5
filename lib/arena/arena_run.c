/*
 * arena_run.c - see arena.h: runs of whole SuperSlabs, for huge blocks, and their way back to the system.
 *
 * The static functions are called under the lock. It is held across mmap() but not across munmap() of what
 * may be large.
 */
#include <errno.h>

#include "lib/arena/arena.h"
#include "lib/arena/superslab_index.h"
#include "lib/arena/superslab_state.h"
#include "lib/base/process_counters.h"
#include "lib/base/tuned_values.h"
#include "lib/base/verify.h"
#include "lib/os/os.h"

static bool aligned_start(uint32_t superslab, size_t align)
{
    return (hk_superslab_start(superslab) & (align - 1)) == 0;
}

/* Hints for the SuperSlabs of a group: those that a run may have; of them, those with pages. */
static uint64_t hints(uint32_t superslab, bool with_pages)
{
    const struct hk_group *group = hk_group_at(superslab / HK_SUPERSLABS_PER_GROUP);
    uint64_t empty = atomic_load(&group->rows[HK_ROW_EMPTY]);
    return with_pages ? empty & atomic_load(&group->rows[HK_ROW_RESIDENT])
                      : empty | atomic_load(&group->rows[HK_ROW_CLOSED]);
}

/* First run of n SuperSlabs at or above from that are closed or hinted empty; it may reach beyond the end.
 * with_pages: empty ones with pages only; UINT32_MAX if there is no such run. */
static uint32_t find_run(uint32_t from, uint32_t n, size_t align, bool with_pages)
{
    uint32_t run = 0, s = from;
    while (s < hk_ss.end) {
        uint64_t word = hints(s, with_pages);
        if (word >> (s % HK_SUPERSLABS_PER_GROUP) == 0) {
            s = (s / HK_SUPERSLABS_PER_GROUP + 1) * HK_SUPERSLABS_PER_GROUP;
            run = 0;
            continue;
        }
        bool fits = (word >> (s % HK_SUPERSLABS_PER_GROUP) & 1) != 0 && (run > 0 || aligned_start(s, align));
        run = fits ? run + 1 : 0;
        s++;
        if (run == n)
            return s - n;
    }
    if (with_pages)
        return UINT32_MAX;
    s = hk_ss.end - (s > hk_ss.end ? 0 : run);
    while (!aligned_start(s, align))
        s++;
    return s;
}

/* The claimed among n SuperSlabs, which are open still. */
static void give_claimed_back(uint32_t first, uint32_t n)
{
    for (uint32_t s = first; s < first + n; s++) {
        if (hk_ss_state(s) == HK_SUPERSLAB_OPEN)
            hk_ss_unclaim(s);
    }
}

/* Claims the open ones among n SuperSlabs. Returns how many there are before one that is neither closed nor
 * to be had: if not n, nothing is claimed. */
static uint32_t claim_open(uint32_t first, uint32_t n)
{
    uint32_t s = first;
    while (s < first + n && (hk_ss_is_closed(s) || hk_ss_claim(s)))
        s++;
    if (s < first + n)
        give_claimed_back(first, s - first);
    return s - first;
}

/* A claimed one becomes part of a huge block. */
static void take_open(uint32_t superslab)
{
    hk_ss.open--;
    hk_ss_uncount_mapped(1, HK_SUPERSLAB_BYTES); /* counted again with the whole run */
    hk_ss_set_state(superslab, HK_SUPERSLAB_HUGE);
}

/* A mapped one that was part of a huge block serves slabs again: those that may hold something, and those
 * with pages. */
static void make_open(uint32_t superslab, uint32_t dirty, uint32_t resident)
{
    struct hk_superslab *s = hk_superslab_at(superslab);
    atomic_store(&s->dirty, dirty);
    atomic_store(&s->resident, resident);
    hk_ss_set_state(superslab, HK_SUPERSLAB_OPEN);
    hk_ss.open++;
    hk_ss_unclaim(superslab);
}

/* Mapped ones of ours that the system would not unmap serve slabs instead. untouched: no page of them is
 * there.
 */
static void open_instead(uint32_t first, uint32_t n, bool untouched)
{
    bool zeroed = untouched || hk_os_purge(hk_superslab_start(first), n * HK_SUPERSLAB_BYTES, false) == 0;
    hk_ss_count_mapped(n, n * HK_SUPERSLAB_BYTES);
    for (uint32_t s = first; s < first + n; s++)
        make_open(s, zeroed ? 0 : HK_ALL_SLABS, zeroed ? 0 : HK_ALL_SLABS);
}

/* Mapped ones of ours, marked as huge and not counted, are closed. */
static void close_mapped(uint32_t first, uint32_t n, bool untouched)
{
    if (hk_os_unmap(hk_superslab_start(first), n * HK_SUPERSLAB_BYTES) == 0)
        hk_ss_mark_closed(first, n);
    else
        open_instead(first, n, untouched);
}

/* Makes SuperSlabs up to new_end known, if the system would give so much memory beyond the end at all: tables
 * for what it refuses would stay for ever, and programs do ask for what cannot be. */
static bool extend_end(uint32_t new_end)
{
    uint32_t end = hk_ss.end;
    size_t bytes = (size_t)(new_end - end) << HK_SUPERSLAB_SHIFT;
    int err = hk_os_map_at(hk_superslab_start(end), bytes);
    if (err != 0 && err != -EEXIST)
        return false;
    bool stays = err == 0 && hk_os_unmap(hk_superslab_start(end), bytes) != 0;
    if (!hk_ss_extend_end(new_end))
        return false;
    if (stays) {
        hk_ss_mark_used(end, new_end - end, HK_SUPERSLAB_HUGE);
        open_instead(end, new_end - end, true);
    }
    return true;
}

/* A run of n SuperSlabs, open ones claimed, closed ones not yet marked; -1 if there is none. */
static int64_t claim_run(uint32_t n, size_t align)
{
    uint32_t from = 0;
    bool with_pages = hk_total(&hk_process.retained_bytes) >> HK_SUPERSLAB_SHIFT >= n;
    for (;;) {
        uint32_t first = find_run(from, n, align, with_pages);
        if (first == UINT32_MAX) {
            with_pages = false;
            from = 0;
            continue;
        }
        if (first + n > hk_ss.end && !extend_end(first + n))
            return -1;
        uint32_t claimed = claim_open(first, n);
        if (claimed == n)
            return first;
        from = first + claimed + 1; /* this one was in use after all */
    }
}

/* Among closed SuperSlabs, those that turn out to be mapped all the same are given up: somebody mapped into
 * our window, or a fork came between a mapping and its being noted. */
static void pass_over_mapped(uint32_t first, uint32_t n)
{
    for (uint32_t s = first; s < first + n; s++) {
        int err = hk_os_map_at(hk_superslab_start(s), HK_SUPERSLAB_BYTES);
        if (err != 0 && err != -EEXIST)
            continue;
        hk_ss_mark_used(s, 1, err == 0 ? HK_SUPERSLAB_HUGE : HK_SUPERSLAB_LOST);
        if (err == 0)
            close_mapped(s, 1, true);
    }
}

/* Takes claimed and closed SuperSlabs into a huge block that ends at `to`, mapping the closed ones up to
 * there; open ones stay as they are. 0, or -errno with nothing taken; -EEXIST where another try elsewhere may
 * do better. */
static int map_run(uint32_t first, uint32_t n, uintptr_t to, struct hk_run *run)
{
    uint32_t s = first, closed = 0;
    int err = 0;
    run->zeroed = true;
    run->fresh = 0;
    while (s < first + n) {
        closed = hk_ss_closed_run(s, first + n - s);
        if (closed == 0) {
            const struct hk_superslab *open = hk_superslab_at(s);
            run->zeroed = run->zeroed && atomic_load(&open->dirty) == 0;
            run->fresh += (size_t)__builtin_popcount(~atomic_load(&open->resident)) * HK_SLAB_BYTES;
            take_open(s++);
            continue;
        }
        uintptr_t lo = hk_superslab_start(s), hi = hk_superslab_start(s + closed);
        err = hk_os_map_at(lo, (hi < to ? hi : to) - lo);
        if (err != 0)
            break;
        run->fresh += (hi < to ? hi : to) - lo;
        hk_ss_mark_used(s, closed, HK_SUPERSLAB_HUGE);
        s += closed;
    }
    if (err == 0)
        return 0;
    /* Undo: what was taken is unmapped, what was not yet reached is offered again. */
    give_claimed_back(s, first + n - s);
    if (s > first)
        close_mapped(first, s - first, false);
    if (err == -EEXIST)
        pass_over_mapped(s, closed);
    return err;
}

/* Claims and maps n SuperSlabs at first for a block that ends bytes behind their start. The last one is
 * mapped to its end where it is open, or where too many are not. As map_run(). */
static int fill_run(uint32_t first, uint32_t n, size_t bytes, struct hk_run *run)
{
    bool in_part = hk_ss_is_closed(first + n - 1) && hk_ss.tails < HK_MAX_TAILS;
    run->mapped = in_part ? bytes : n * HK_SUPERSLAB_BYTES;
    int err = map_run(first, n, hk_superslab_start(first) + run->mapped, run);
    if (err == 0) {
        hk_ss_count_mapped(n, run->mapped);
        hk_ss.tails += hk_ss_has_tail(run->mapped);
    }
    return err;
}

static void advise_run(uint32_t first, size_t mapped)
{
    if (hk_param(HK_TUNE_thp) == HK_THP_MADVISE)
        hk_os_advise_huge(hk_superslab_start(first), mapped, true);
}

int64_t hk_arena_take_run(size_t bytes, size_t align, struct hk_run *run)
{
    if (bytes > HK_WINDOW_BYTES || align > HK_WINDOW_BYTES)
        return -1;
    uint32_t n = hk_superslabs_for(bytes);
    int64_t first;
    int err = -ENOMEM;
    hk_lock_take(&hk_ss.lock);
    do
        first = claim_run(n, align);
    while (first >= 0 && (err = fill_run((uint32_t)first, n, bytes, run)) == -EEXIST);
    hk_verify_arena();
    hk_lock_drop(&hk_ss.lock);
    if (first < 0 || err != 0)
        return -1;
    advise_run((uint32_t)first, run->mapped);
    return first;
}

/* Gives back what take_unmapped() has taken. */
static void untake(uint32_t first, uint32_t n)
{
    give_claimed_back(first, n);
    for (uint32_t s = first; s < first + n; s++) {
        if (hk_ss_state(s) == HK_SUPERSLAB_HUGE)
            close_mapped(s, 1, true);
    }
}

/* Takes claimed and closed SuperSlabs, mapped or not: refusals are no matter, for it is not these mappings
 * that are wanted. false: somebody else is there. */
static bool take_unmapped(uint32_t first, uint32_t n)
{
    for (uint32_t s = first, closed; s < first + n; s += closed != 0 ? closed : 1) {
        closed = hk_ss_closed_run(s, first + n - s);
        int err = closed != 0 ? hk_os_map_at(hk_superslab_start(s), closed * HK_SUPERSLAB_BYTES) : -ENOENT;
        if (err == -EEXIST) {
            untake(first, n);
            pass_over_mapped(s, closed);
            return false;
        }
        if (err == 0)
            hk_ss_mark_used(s, closed, HK_SUPERSLAB_HUGE);
    }
    for (uint32_t s = first; s < first + n; s++) {
        if (hk_ss_is_closed(s))
            hk_ss_mark_used(s, 1, HK_SUPERSLAB_HUGE);
        else if (hk_ss_state(s) == HK_SUPERSLAB_OPEN)
            take_open(s);
    }
    return true;
}

int64_t hk_arena_take_addresses(size_t bytes, size_t *mapped)
{
    if (bytes > HK_WINDOW_BYTES)
        return -1;
    uint32_t n = hk_superslabs_for(bytes);
    int64_t first;
    *mapped = n * HK_SUPERSLAB_BYTES;
    hk_lock_take(&hk_ss.lock);
    do
        first = claim_run(n, HK_SUPERSLAB_BYTES);
    while (first >= 0 && !take_unmapped((uint32_t)first, n));
    if (first >= 0)
        hk_ss_count_mapped(n, *mapped);
    hk_lock_drop(&hk_ss.lock);
    return first;
}

/* Where the system refuses to unmap: what can be purged is mapped, all of it. */
static void keep_addresses(uint32_t first, uint32_t n, size_t mapped)
{
    bool is_mapped = hk_os_purge(hk_superslab_start(first), mapped, false) == 0;
    hk_lock_take(&hk_ss.lock);
    for (uint32_t s = first; s < first + n; s++) {
        if (is_mapped)
            make_open(s, 0, 0);
        else
            hk_ss_set_state(s, HK_SUPERSLAB_LOST);
    }
    if (!is_mapped)
        hk_ss_uncount_mapped(n, mapped);
    hk_lock_drop(&hk_ss.lock);
}

void hk_arena_return_addresses(uint32_t first, size_t mapped)
{
    uint32_t n = hk_superslabs_for(mapped);
    if (hk_os_unmap(hk_superslab_start(first), mapped) == 0)
        hk_arena_forget_run(first, n, mapped);
    else
        keep_addresses(first, n, mapped);
}

/* Maps the rest of a run's last SuperSlab, up to bytes behind the run's start. */
static bool map_rest(uint32_t first, size_t mapped, size_t bytes)
{
    size_t last_end = hk_superslabs_for(mapped) * HK_SUPERSLAB_BYTES;
    bytes = bytes < last_end ? bytes : last_end;
    if (bytes > mapped) {
        if (hk_os_map_at(hk_superslab_start(first) + mapped, bytes - mapped) != 0)
            return false;
        hk_lock_take(&hk_ss.lock);
        hk_ss_count_mapped(0, bytes - mapped);
        hk_ss.tails += hk_ss_has_tail(bytes) - hk_ss_has_tail(mapped);
        hk_lock_drop(&hk_ss.lock);
    }
    return true;
}

size_t hk_arena_extend_run(uint32_t first, size_t mapped, size_t new_mapped)
{
    uint32_t n = hk_superslabs_for(mapped), more = hk_superslabs_for(new_mapped) - n;
    if (new_mapped > HK_WINDOW_BYTES || !map_rest(first, mapped, new_mapped))
        return mapped;
    if (more == 0)
        return new_mapped;
    hk_lock_take(&hk_ss.lock);
    uint32_t next = first + n;
    struct hk_run run = {.mapped = 0};
    int err = -ENOMEM;
    if ((next + more <= hk_ss.end || hk_ss_extend_end(next + more)) && claim_open(next, more) == more)
        err = fill_run(next, more, new_mapped - n * HK_SUPERSLAB_BYTES, &run);
    hk_lock_drop(&hk_ss.lock);
    if (err == 0)
        return n * HK_SUPERSLAB_BYTES + run.mapped;
    return hk_arena_shrink_run(first, n * HK_SUPERSLAB_BYTES, mapped);
}

size_t hk_arena_shrink_run(uint32_t first, size_t mapped, size_t new_mapped)
{
    uint32_t n = hk_superslabs_for(mapped), keep = hk_superslabs_for(new_mapped);
    if (mapped == new_mapped || hk_os_unmap(hk_superslab_start(first) + new_mapped, mapped - new_mapped) != 0)
        return mapped;
    hk_lock_take(&hk_ss.lock);
    if (keep < n)
        hk_ss_mark_closed(first + keep, n - keep);
    hk_ss_uncount_mapped(n - keep, mapped - new_mapped);
    hk_ss.tails += hk_ss_has_tail(new_mapped) - hk_ss_has_tail(mapped);
    hk_lock_drop(&hk_ss.lock);
    return new_mapped;
}

bool hk_arena_keep_run(uint32_t first, uint32_t n, size_t mapped)
{
    if (!map_rest(first, mapped, n * HK_SUPERSLAB_BYTES))
        return false;
    hk_lock_take(&hk_ss.lock);
    for (uint32_t s = first; s < first + n; s++) {
        size_t left = mapped - (size_t)(s - first) * HK_SUPERSLAB_BYTES;
        uint32_t slabs = hk_slabs_for(left);
        uint32_t pages = slabs < HK_SLABS_PER_SUPERSLAB ? (UINT32_C(1) << slabs) - 1 : HK_ALL_SLABS;
        make_open(s, pages, pages);
    }
    hk_lock_drop(&hk_ss.lock);
    return true;
}

/* Where unmapping would split too many mappings, or the kernel refuses: the pages go, the addresses stay.
 * Returns the bytes that went. */
static size_t give_run_open(uint32_t first, uint32_t n, size_t mapped)
{
    bool zeroed = hk_os_purge(hk_superslab_start(first), mapped, false) == 0;
    uint32_t whole = map_rest(first, mapped, n * HK_SUPERSLAB_BYTES) ? n : n - 1;
    hk_lock_take(&hk_ss.lock);
    for (uint32_t s = first; s < first + n; s++) {
        if (s < first + whole)
            make_open(s, zeroed ? 0 : HK_ALL_SLABS, zeroed ? 0 : HK_ALL_SLABS);
        else
            hk_ss_set_state(s, HK_SUPERSLAB_LOST); /* counted as a tail for ever, which it is */
    }
    hk_lock_drop(&hk_ss.lock);
    return zeroed ? mapped : 0;
}

size_t hk_arena_give_run(uint32_t first, uint32_t superslabs, size_t mapped)
{
    size_t gone = mapped;
    int holes = atomic_load_explicit(&hk_ss.holes, memory_order_relaxed);
    if (holes >= HK_MAX_HOLES || hk_os_unmap(hk_superslab_start(first), mapped) != 0)
        gone = give_run_open(first, superslabs, mapped);
    else
        hk_arena_forget_run(first, superslabs, mapped);
    if (gone != 0)
        hk_count(&hk_process.purges_total, 1);
    return gone;
}

void hk_arena_forget_run(uint32_t first, uint32_t superslabs, size_t mapped)
{
    hk_lock_take(&hk_ss.lock);
    hk_ss_mark_closed(first, superslabs);
    hk_ss_uncount_mapped(superslabs, mapped);
    hk_ss.tails -= hk_ss_has_tail(mapped);
    hk_verify_arena();
    hk_lock_drop(&hk_ss.lock);
}

/* Claims the highest empty SuperSlab below end and those right below it: ones with pages until enough
 * resident bytes are together, ones without if untouched. Returns how many, their first in *first. */
static uint32_t claim_empty(uint32_t end, size_t resident, bool untouched, uint32_t *first, size_t *got)
{
    int64_t top = hk_index_highest(HK_ROW_EMPTY, untouched ? HK_ROW_EMPTY : HK_ROW_RESIDENT, end);
    uint32_t n = 0;
    *got = 0;
    for (int64_t s = top; s >= 0; s--) {
        uint32_t pages = atomic_load(&hk_superslab_at((uint32_t)s)->resident);
        if (!(pages == 0 ? untouched : *got < resident) || !hk_ss_claim((uint32_t)s))
            break;
        *got += (size_t)__builtin_popcount(atomic_load(&hk_superslab_at((uint32_t)s)->resident)) *
                HK_SLAB_BYTES;
        *first = (uint32_t)s;
        n++;
    }
    if (n == 0)
        *first = top >= 0 ? (uint32_t)top : 0;
    return n;
}

size_t hk_arena_close_empty(size_t resident, bool untouched)
{
    size_t closed = 0;
    uint32_t end = (uint32_t)(hk_arena_slabs() / HK_SLABS_PER_SUPERSLAB), first = 0;
    while (end > 0 && (untouched || closed < resident)) {
        size_t got;
        hk_lock_take(&hk_ss.lock);
        uint32_t n = claim_empty(end, resident > closed ? resident - closed : 0, untouched, &first, &got);
        for (uint32_t s = first; s < first + n; s++)
            hk_ss_set_state(s, HK_SUPERSLAB_HUGE); /* in our hands */
        hk_ss.open -= n;
        hk_verify_arena();
        hk_lock_drop(&hk_ss.lock);
        if (n != 0 && hk_arena_give_run(first, n, n * HK_SUPERSLAB_BYTES) != 0)
            closed += got;
        end = first;
    }
    return closed;
}
