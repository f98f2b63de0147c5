/*
 * arena.c - see arena.h.
 *
 * One lock guards the states of SuperSlabs and the window's end. It is held across mmap() but not across
 * munmap() of what may be large. A fork may cut any of this: tables are mapped before they are announced,
 * memory is mapped before it is marked open, so a child can lose a range but never share one.
 */
#include "lib/arena.h"

#include <errno.h>

#include "lib/index.h"
#include "lib/lock.h"
#include "lib/os.h"
#include "lib/params.h"
#include "lib/process.h"
#include "lib/window.h"

/* A process may have 65,530 mappings by default (vm.max_map_count), and most of them are the program's. */
#define MAX_HOLES 4096
#define MAX_MOVED 4096

#define MAX_OPEN_STEP                                                                                        \
    32 /* SuperSlabs: at 64 MiB a step costs within 4 % of opening all at once (measured)                    \
        */

struct hk_arena hk_arena;

static struct {
    struct hk_lock lock;
    uint32_t end;           /* SuperSlabs below this have tables; hk_arena.slabs in SuperSlabs */
    _Atomic(uint32_t) open; /* SuperSlabs that are open */
    uint32_t holes;         /* runs of closed SuperSlabs below end: each splits a mapping */
    _Atomic(uint32_t) moved;
} arena;

int hk_arena_init(void)
{
    hk_lock_take(&arena.lock);
    bool ok = hk_arena_base() != 0;
    if (!ok) {
        hk_os_init();
        ok = hk_window_find();
    }
    hk_lock_drop(&arena.lock);
    return ok ? 0 : ENOMEM;
}

int hk_arena_map_heap(unsigned id, size_t stride)
{
    hk_lock_take(&arena.lock);
    bool ok = hk_window_map_heap(id, stride);
    hk_lock_drop(&arena.lock);
    return ok ? 0 : ENOMEM;
}

/* ---- states; all under the lock ---- */

static unsigned state_of(uint32_t superslab)
{
    return atomic_load_explicit(&hk_superslab_at(superslab)->state, memory_order_relaxed);
}

static void set_state(uint32_t superslab, unsigned state)
{
    atomic_store_explicit(&hk_superslab_at(superslab)->state, (uint8_t)state, memory_order_release);
}

static bool is_closed(uint32_t superslab)
{
    return superslab < arena.end && state_of(superslab) == HK_SUPERSLAB_CLOSED;
}

/* How many closed runs there would be more if [first, first + n) were closed too. */
static int holes_added(uint32_t first, uint32_t n)
{
    return 1 - (first > 0 && is_closed(first - 1)) - is_closed(first + n);
}

static void mark_closed(uint32_t first, uint32_t n)
{
    arena.holes += (uint32_t)holes_added(first, n);
    for (uint32_t s = first; s < first + n; s++) {
        set_state(s, HK_SUPERSLAB_CLOSED);
        hk_index_raise(HK_ROW_CLOSED, s);
    }
}

/* From closed to something else. */
static void mark_used(uint32_t first, uint32_t n, unsigned state)
{
    for (uint32_t s = first; s < first + n; s++) {
        set_state(s, state);
        hk_index_lower(HK_ROW_CLOSED, s);
    }
    arena.holes -= (uint32_t)holes_added(first, n);
}

static void count_mapped(uint32_t superslabs, size_t bytes)
{
    hk_count(&hk_process.superslabs_mapped, superslabs);
    hk_count(&hk_process.mapped_bytes, bytes);
}

static void uncount_mapped(uint32_t superslabs, size_t bytes)
{
    hk_uncount(&hk_process.superslabs_mapped, superslabs);
    hk_uncount(&hk_process.mapped_bytes, bytes);
}

/* Hands an open SuperSlab that nobody holds to the slab allocator. */
static void offer(uint32_t superslab)
{
    struct hk_superslab *s = hk_superslab_at(superslab);
    atomic_store(&s->free, HK_ALL_SLABS);
    for (unsigned row = HK_ROW_FREE; row <= HK_ROW_EMPTY; row++)
        hk_index_raise(row, superslab);
    if (hk_index_holds(HK_ROW_RESIDENT, s))
        hk_index_raise(HK_ROW_RESIDENT, superslab);
}

/* Takes an open SuperSlab away from the slab allocator, if all of it is free. */
static bool claim(uint32_t superslab)
{
    struct hk_superslab *s = hk_superslab_at(superslab);
    uint32_t all = HK_ALL_SLABS;
    if (atomic_load_explicit(&s->state, memory_order_relaxed) != HK_SUPERSLAB_OPEN ||
        !atomic_compare_exchange_strong(&s->free, &all, 0))
        return false;
    for (unsigned row = HK_ROW_FREE; row <= HK_ROW_EMPTY; row++)
        hk_index_lower(row, superslab);
    hk_index_lower(HK_ROW_RESIDENT, superslab);
    uint32_t resident = atomic_load(&s->resident);
    hk_uncount(&hk_process.retained_bytes, (uint64_t)__builtin_popcount(resident) * HK_SLAB_BYTES);
    return true;
}

/* What claim() took, back as it was. */
static void unclaim(uint32_t superslab)
{
    uint32_t resident = atomic_load(&hk_superslab_at(superslab)->resident);
    hk_count(&hk_process.retained_bytes, (uint64_t)__builtin_popcount(resident) * HK_SLAB_BYTES);
    offer(superslab);
}

static void clear_masks(uint32_t superslab)
{
    struct hk_superslab *s = hk_superslab_at(superslab);
    atomic_store(&s->dirty, 0);
    atomic_store(&s->resident, 0);
}

/* Tables for SuperSlabs up to new_end, which are then known, and closed. */
static bool extend_end(uint32_t new_end)
{
    if (!hk_window_map_tables(new_end))
        return false;
    uint32_t old_end = arena.end;
    __atomic_store_n(&hk_arena.slabs, (size_t)new_end * HK_SLABS_PER_SUPERSLAB, __ATOMIC_RELEASE);
    arena.end = new_end;
    if (new_end > old_end) {
        arena.holes += !(old_end > 0 && is_closed(old_end - 1));
        for (uint32_t s = old_end; s < new_end; s++)
            hk_index_raise(HK_ROW_CLOSED, s);
    }
    return true;
}

/* ---- opening for slabs ---- */

static uint32_t closed_run_at(uint32_t first, uint32_t most)
{
    uint32_t n = 0;
    while (n < most && is_closed(first + n))
        n++;
    return n;
}

/* Opens up to n SuperSlabs at first, which are closed. 0, or -errno with nothing opened. */
static int open_at(uint32_t first, uint32_t n)
{
    int err = hk_os_map_at(hk_superslab_start(first), n * HK_SUPERSLAB_BYTES);
    if (err != 0)
        return err;
    if (hk_param(HK_TUNE_thp) != 0)
        hk_os_advise_huge(hk_superslab_start(first), n * HK_SUPERSLAB_BYTES, true);
    count_mapped(n, n * HK_SUPERSLAB_BYTES);
    arena.open += n;
    mark_used(first, n, HK_SUPERSLAB_OPEN);
    for (uint32_t s = first; s < first + n; s++) {
        clear_masks(s);
        offer(s);
    }
    return 0;
}

static uint32_t open_step(void)
{
    uint32_t step = 1;
    while (step * 2 <= arena.open && step < MAX_OPEN_STEP)
        step *= 2;
    return step;
}

static bool open_some(void)
{
    uint32_t skip = 1;
    for (;;) {
        int64_t closed = hk_index_lowest(HK_ROW_CLOSED, 0);
        uint32_t first = closed >= 0 ? (uint32_t)closed : arena.end;
        uint32_t step = open_step();
        if (closed < 0 && !extend_end(arena.end + step) && !extend_end(arena.end + (step = 1)))
            return false;
        int err = 0;
        for (uint32_t n = closed_run_at(first, step); n > 0; n /= 2) {
            err = open_at(first, n);
            if (err == 0)
                return true;
        }
        if (err != -EEXIST)
            return false;
        /* Somebody mapped into our window. Pass over it, further each time. */
        uint32_t lost = closed_run_at(first, skip);
        mark_used(first, lost, HK_SUPERSLAB_LOST);
        skip *= 2;
    }
}

bool hk_arena_open(void)
{
    uint32_t open_before = atomic_load_explicit(&arena.open, memory_order_relaxed);
    hk_lock_take(&arena.lock);
    /* Who waited for the lock may find that its holder opened something. */
    bool ok = atomic_load_explicit(&arena.open, memory_order_relaxed) > open_before || open_some();
    hk_lock_drop(&arena.lock);
    return ok;
}

/* ---- runs for huge blocks; all under the lock but the exported ones ---- */

static bool aligned_start(uint32_t superslab, size_t align)
{
    return (hk_superslab_start(superslab) & (align - 1)) == 0;
}

/* First run of n SuperSlabs at or above from that are closed or hinted empty; it may reach beyond the end. */
static uint32_t find_run(uint32_t from, uint32_t n, size_t align)
{
    uint32_t run = 0, s = from;
    while (s < arena.end) {
        const struct hk_group *group = hk_group_at(s / HK_SUPERSLABS_PER_GROUP);
        uint64_t word = atomic_load(&group->rows[HK_ROW_EMPTY]) | atomic_load(&group->rows[HK_ROW_CLOSED]);
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
    s = arena.end - (s > arena.end ? 0 : run);
    while (!aligned_start(s, align))
        s++;
    return s;
}

/* A run of n SuperSlabs, open ones claimed, closed ones not yet marked; -1 if there is none. */
static int64_t claim_run(uint32_t n, size_t align)
{
    uint32_t from = 0;
    for (;;) {
        uint32_t first = find_run(from, n, align);
        if (first + n > arena.end && !extend_end(first + n))
            return -1;
        uint32_t s = first;
        while (s < first + n && (is_closed(s) || claim(s)))
            s++;
        if (s == first + n)
            return first;
        from = s + 1; /* this one was in use after all */
        while (s-- > first) {
            if (!is_closed(s))
                unclaim(s);
        }
    }
}

/* Among closed SuperSlabs, those that turn out to be mapped all the same are given up: somebody mapped into
 * our window, or a fork came between a mapping and its being noted. */
static void pass_over_mapped(uint32_t first, uint32_t n)
{
    for (uint32_t s = first; s < first + n; s++) {
        if (hk_os_map_at(hk_superslab_start(s), HK_SUPERSLAB_BYTES) == -EEXIST)
            mark_used(s, 1, HK_SUPERSLAB_LOST);
        else
            hk_os_unmap(hk_superslab_start(s), HK_SUPERSLAB_BYTES);
    }
}

/* Takes claimed and closed SuperSlabs into a huge block that ends at `to`, mapping the closed ones up to
 * there; open ones stay as they are. *zeroed is cleared where those may hold something. 0, or -errno with
 * nothing taken; -EEXIST where another try elsewhere may do better. */
static int map_run(uint32_t first, uint32_t n, uintptr_t to, bool *zeroed)
{
    uint32_t s = first, closed = 0;
    int err = 0;
    while (s < first + n) {
        closed = closed_run_at(s, first + n - s);
        if (closed == 0) {
            if (atomic_load(&hk_superslab_at(s)->dirty) != 0)
                *zeroed = false;
            arena.open--;
            uncount_mapped(1, HK_SUPERSLAB_BYTES); /* counted again with the whole run */
            set_state(s++, HK_SUPERSLAB_HUGE);
            continue;
        }
        uintptr_t lo = hk_superslab_start(s), hi = hk_superslab_start(s + closed);
        err = hk_os_map_at(lo, (hi < to ? hi : to) - lo);
        if (err != 0)
            break;
        mark_used(s, closed, HK_SUPERSLAB_HUGE);
        s += closed;
    }
    if (err == 0)
        return 0;
    /* Undo: what was taken is unmapped, what was not yet reached is offered again. */
    for (uint32_t back = s; back < first + n; back++) {
        if (!is_closed(back))
            unclaim(back);
    }
    if (s > first) {
        hk_os_unmap(hk_superslab_start(first), (s - first) * HK_SUPERSLAB_BYTES);
        mark_closed(first, s - first);
    }
    if (err == -EEXIST)
        pass_over_mapped(s, closed);
    return err;
}

static uint32_t superslabs_of(size_t bytes)
{
    return (uint32_t)((bytes + HK_SUPERSLAB_BYTES - 1) >> HK_SUPERSLAB_SHIFT);
}

/* Claims and maps n SuperSlabs at first for a block that ends bytes behind their start. *mapped: an open
 * SuperSlab at the end is mapped to its last byte. As map_run(). */
static int fill_run(uint32_t first, uint32_t n, size_t bytes, size_t *mapped, bool *zeroed)
{
    *mapped = is_closed(first + n - 1) ? bytes : n * HK_SUPERSLAB_BYTES;
    int err = map_run(first, n, hk_superslab_start(first) + bytes, zeroed);
    if (err == 0)
        count_mapped(n, *mapped);
    return err;
}

static void advise_run(uint32_t first, size_t mapped)
{
    if (hk_param(HK_TUNE_thp) != 0)
        hk_os_advise_huge(hk_superslab_start(first), mapped, true);
}

int64_t hk_arena_take_run(size_t bytes, size_t align, size_t *mapped, bool *zeroed)
{
    if (bytes > HK_WINDOW_BYTES || align > HK_WINDOW_BYTES)
        return -1;
    uint32_t n = superslabs_of(bytes);
    int64_t first;
    int err = -ENOMEM;
    hk_lock_take(&arena.lock);
    do {
        *zeroed = true;
        first = claim_run(n, align);
    } while (first >= 0 && (err = fill_run((uint32_t)first, n, bytes, mapped, zeroed)) == -EEXIST);
    hk_lock_drop(&arena.lock);
    if (first < 0 || err != 0)
        return -1;
    advise_run((uint32_t)first, *mapped);
    return first;
}

int64_t hk_arena_take_addresses(size_t bytes)
{
    if (bytes > HK_WINDOW_BYTES)
        return -1;
    uint32_t n = superslabs_of(bytes);
    hk_lock_take(&arena.lock);
    int64_t first = claim_run(n, HK_SUPERSLAB_BYTES);
    for (uint32_t s = (uint32_t)first; first >= 0 && s < (uint32_t)first + n; s++) {
        if (is_closed(s)) {
            mark_used(s, 1, HK_SUPERSLAB_HUGE);
            continue;
        }
        arena.open--;
        uncount_mapped(1, HK_SUPERSLAB_BYTES);
        set_state(s, HK_SUPERSLAB_HUGE);
    }
    if (first >= 0)
        count_mapped(n, bytes);
    hk_lock_drop(&arena.lock);
    return first;
}

/* Maps the rest of a run's last SuperSlab, up to bytes behind the run's start. */
static bool map_rest(uint32_t first, size_t mapped, size_t bytes)
{
    size_t last_end = superslabs_of(mapped) * HK_SUPERSLAB_BYTES;
    bytes = bytes < last_end ? bytes : last_end;
    if (bytes > mapped) {
        if (hk_os_map_at(hk_superslab_start(first) + mapped, bytes - mapped) != 0)
            return false;
        count_mapped(0, bytes - mapped);
    }
    return true;
}

size_t hk_arena_extend_run(uint32_t first, size_t mapped, size_t new_mapped)
{
    uint32_t n = superslabs_of(mapped), more = superslabs_of(new_mapped) - n;
    if (new_mapped > HK_WINDOW_BYTES || !map_rest(first, mapped, new_mapped))
        return 0;
    if (more == 0)
        return new_mapped;
    hk_lock_take(&arena.lock);
    uint32_t next = first + n, s = next;
    size_t added = 0;
    int err = -ENOMEM;
    if (next + more <= arena.end || extend_end(next + more)) {
        while (s < next + more && (is_closed(s) || claim(s)))
            s++;
        if (s == next + more) {
            bool zeroed = true;
            err = fill_run(next, more, new_mapped - n * HK_SUPERSLAB_BYTES, &added, &zeroed);
        } else {
            while (s-- > next) {
                if (!is_closed(s))
                    unclaim(s);
            }
        }
    }
    hk_lock_drop(&arena.lock);
    if (err == 0)
        return n * HK_SUPERSLAB_BYTES + added;
    hk_arena_shrink_run(first, n * HK_SUPERSLAB_BYTES, mapped);
    return 0;
}

size_t hk_arena_shrink_run(uint32_t first, size_t mapped, size_t new_mapped)
{
    uint32_t n = superslabs_of(mapped), keep = superslabs_of(new_mapped);
    if (mapped == new_mapped || hk_os_unmap(hk_superslab_start(first) + new_mapped, mapped - new_mapped) != 0)
        return mapped;
    hk_lock_take(&arena.lock);
    if (keep < n)
        mark_closed(first + keep, n - keep);
    uncount_mapped(n - keep, mapped - new_mapped);
    hk_lock_drop(&arena.lock);
    return new_mapped;
}

/* Where unmapping would split too many mappings, or the kernel refuses: the pages go, the addresses stay. */
static void give_run_open(uint32_t first, uint32_t n, size_t mapped)
{
    bool zeroed = hk_os_purge(hk_superslab_start(first), mapped, false) == 0;
    uint32_t whole = map_rest(first, mapped, n * HK_SUPERSLAB_BYTES) ? n : n - 1;
    hk_lock_take(&arena.lock);
    for (uint32_t s = first; s < first + n; s++) {
        set_state(s, s < first + whole ? HK_SUPERSLAB_OPEN : HK_SUPERSLAB_LOST);
        if (s >= first + whole)
            continue;
        clear_masks(s);
        if (!zeroed)
            atomic_store(&hk_superslab_at(s)->dirty, HK_ALL_SLABS);
        arena.open++;
        offer(s);
    }
    hk_lock_drop(&arena.lock);
}

void hk_arena_give_run(uint32_t first, uint32_t superslabs, size_t mapped)
{
    if (arena.holes >= MAX_HOLES || hk_os_unmap(hk_superslab_start(first), mapped) != 0)
        give_run_open(first, superslabs, mapped);
    else
        hk_arena_forget_run(first, superslabs, mapped);
    hk_count(&hk_process.purges_total, 1);
}

void hk_arena_forget_run(uint32_t first, uint32_t superslabs, size_t mapped)
{
    hk_lock_take(&arena.lock);
    mark_closed(first, superslabs);
    uncount_mapped(superslabs, mapped);
    hk_lock_drop(&arena.lock);
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
        if (!(pages == 0 ? untouched : *got < resident) || !claim((uint32_t)s))
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
        hk_lock_take(&arena.lock);
        uint32_t n = claim_empty(end, resident > closed ? resident - closed : 0, untouched, &first, &got);
        for (uint32_t s = first; s < first + n; s++)
            set_state(s, HK_SUPERSLAB_HUGE); /* in our hands */
        arena.open -= n;
        hk_lock_drop(&arena.lock);
        if (n != 0)
            hk_arena_give_run(first, n, n * HK_SUPERSLAB_BYTES);
        closed += got;
        end = first;
    }
    return closed;
}

/* ---- the rest ---- */

bool hk_arena_count_moved(void)
{
    if (atomic_fetch_add_explicit(&arena.moved, 1, memory_order_relaxed) < MAX_MOVED)
        return true;
    hk_arena_uncount_moved();
    return false;
}

void hk_arena_uncount_moved(void)
{
    atomic_fetch_sub_explicit(&arena.moved, 1, memory_order_relaxed);
}

void hk_arena_after_fork(void)
{
    hk_lock_init(&arena.lock);
    arena.end = (uint32_t)(hk_arena_slabs() / HK_SLABS_PER_SUPERSLAB);
    hk_window_after_fork();
}
