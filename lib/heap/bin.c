/* bin.c - see bin.h: a bin runs empty, a bin runs full. */
#include "lib/heap/bin.h"

#include <string.h>

#include "lib/arena/purge.h"
#include "lib/arena/slab.h"
#include "lib/arena/slab_flush.h"
#include "lib/arena/superslab_index.h"
#include "lib/base/process_counters.h"
#include "lib/base/verify.h"
#include "lib/heap/bin_traffic.h"
#include "lib/os/random.h"
#include "lib/publish/publish.h"
#include "lib/tuning/control.h"

/* ---- refill ---- */

#define MOST_VISITS 16 /* partly used slabs that one refill looks at: bounds how long one malloc takes */

/* Takes from the slab owned, then from partly used ones, the lowest first, then from a new one, into end[-1],
 * end[-2], ... Returns how many. */
static unsigned pull(struct hk_heap *heap, unsigned size_class, unsigned want, void **end)
{
    struct hk_bin_state *st = &heap->classes[size_class].state;
    bool young = want < hk_bin_param(&hk_bin_params[size_class].batch);
    uint64_t received = 0;
    unsigned got = 0;
    if (st->current != 0) {
        heap->busy = st->current;
        got = hk_slab_pull(st->current - 1, heap->id, size_class, want, false, false, end, &received);
    }
    if (got < want && st->current != 0) {
        hk_slab_disown(st->current - 1, heap->id, size_class); /* more came back to it meanwhile */
        st->current = 0;
    }
    unsigned visits = 0;
    for (int64_t at = -1; got < want && visits < MOST_VISITS &&
                          (at = hk_index_lowest(size_class, size_class, (uint32_t)(at + 1))) >= 0;) {
        uint32_t superslab = (uint32_t)at;
        uint32_t mask = atomic_load_explicit(&hk_superslab_at(superslab)->partial[size_class],
                                             memory_order_relaxed);
        for (; mask != 0 && got < want && visits < MOST_VISITS; mask &= mask - 1, visits++) {
            uint32_t slab = superslab * HK_SLABS_PER_SUPERSLAB + (unsigned)__builtin_ctz(mask);
            if (st->current != 0)
                hk_slab_disown(st->current - 1, heap->id, size_class);
            heap->busy = slab + 1;
            st->current = slab + 1;
            got += hk_slab_pull(slab, heap->id, size_class, want - got, true, young, end - got, &received);
        }
        if (!hk_index_holds(size_class, hk_superslab_at(superslab)))
            hk_index_lower(size_class, superslab);
    }
    /* Some now is better than all from fresh pages. */
    if (got == 0) {
        int64_t slab = hk_slab_new(heap->id, size_class, want, end, &got);
        st->current = slab < 0 ? 0 : (uint32_t)slab + 1;
    }
    /* A slab of its own is for a heap that asks often; others share, so that what a thread of little use has
     * of each class is a few blocks and not a page. */
    if (st->current != 0 && young) {
        hk_slab_disown(st->current - 1, heap->id, size_class);
        st->current = 0;
    }
    heap->busy = 0;
    if (received != 0)
        hk_add(&heap->classes[size_class].totals.remote_frees_received_total, received);
    return got;
}

/* Bytes that the bin may take: a share of what the heap's cache has left. Where that is not even a few
 * blocks, other bins give up what they have. */
static uint64_t make_share(struct hk_heap *heap, unsigned size_class, unsigned wanted)
{
    unsigned few = wanted < 4 ? wanted : 4;
    if (HK_UNLIKELY(hk_spare_bytes(heap, size_class) < (uint64_t)few * hk_classes[size_class].bytes))
        hk_heap_shed(heap, size_class);
    return hk_share_bytes(heap, size_class);
}

/* How many blocks to take: a batch that starts small and doubles, within what the heap may hold. */
static unsigned refill_count(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin_state *st = &heap->classes[size_class].state;
    unsigned batch = hk_bin_param(&hk_bin_params[size_class].batch);
    unsigned n = st->fill < batch ? st->fill : batch;
    st->fill = (uint16_t)(n * 2 < batch ? n * 2 : batch);
    uint64_t share = make_share(heap, size_class, n);
    if (HK_UNLIKELY((uint64_t)n * hk_classes[size_class].bytes > share))
        n = (unsigned)(share / hk_classes[size_class].bytes);
    if (n == 0 || hk_retain_over_soft_limit())
        return 1;
    /* What is taken comes back, so there should be places for twice as much. */
    if (HK_UNLIKELY(n * 2 > st->capacity))
        hk_bin_grow(heap, size_class, n * 2);
    return n < st->capacity ? n : st->capacity;
}

/* Takes blocks out of slabs into the bin, which is empty. The lowest comes to lie on top. */
static bool refill(struct hk_heap *heap, unsigned size_class)
{
    struct hk_class_row *row = &heap->classes[size_class].totals;
    struct hk_bin_state *st = &heap->classes[size_class].state;
    unsigned want = refill_count(heap, size_class);
    void **first = hk_place(heap, st->bottom);
    unsigned got = pull(heap, size_class, want, first + want);
    if (got == 0)
        return false;
    if (got < want)
        memmove(first, first + (want - got), got * sizeof *first);
    hk_set_room(heap, size_class, 0); /* what there was may be more than places are left */
    HK_IN_ORDER();
    hk_bin_of(heap, size_class)->top = st->bottom + got * (uint32_t)sizeof *first;
    st->listed = (uint16_t)got;
    hk_add(&row->refills_total, 1);
    hk_add(&row->refilled_blocks_total, got);
    hk_add(&heap->cache_bytes, (uint64_t)got * hk_classes[size_class].bytes);
    return true;
}

void *hk_bin_supply(struct hk_heap *heap, unsigned size_class)
{
    bool balanced;
    hk_control_check(heap);
    if (HK_UNLIKELY(heap->classes[size_class].state.capacity == 0))
        hk_bin_begin(heap, size_class);
    hk_account(heap, size_class, &balanced);
    heap->classes[size_class].state.passes = 0;
    bool refilled = refill(heap, size_class);
    hk_give_room(heap, size_class, hk_bin_limit(heap, size_class));
    hk_state_bounds(heap, size_class);
    hk_publish_class(heap, size_class);
    hk_control_tick();
    hk_verify_bin(heap, size_class);
    return HK_LIKELY(refilled) ? hk_bin_pop(heap, hk_bin_of(heap, size_class)) : NULL;
}

/* The newest one takes the other's place with one store: a fork or a signal may come at any instant. */
void *hk_bin_pop_any(struct hk_heap *heap, unsigned size_class)
{
    void *newest = hk_bin_pop(heap, hk_bin_of(heap, size_class));
    unsigned others = hk_bin_length(heap, size_class), pick;
    if (newest == NULL || (pick = hk_chance(others + 1)) == others)
        return newest;
    void **place = hk_place(heap, heap->classes[size_class].state.bottom) + pick, *block = *place;
    HK_IN_ORDER();
    *place = newest;
    return block;
}

/* Most bins that use up their room are those of a program that takes as many as it gives: they may have what
 * they might have before, and nothing is to be decided. The empty heap is of no epoch. */
bool hk_bin_accept_as_before(struct hk_heap *heap, unsigned size_class, void *block)
{
    struct hk_bin_state *st = &heap->classes[size_class].state;
    struct hk_class_row *row = &heap->classes[size_class].totals;
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    unsigned pushed = st->given, most = st->listed + pushed, length = hk_bin_length(heap, size_class);
    unsigned popped = most - length;
    if (!hk_control_is_quiet(heap) || bin->room != 0 || popped - 1 >= most || popped * 2 < pushed ||
        popped < most / 4 || most < hk_bin_param(&hk_bin_params[size_class].cap) || most > st->capacity ||
        hk_get(&heap->cache_bytes) > hk_param(HK_TUNE_heap_cache_bytes) ||
        hk_param(HK_TUNE_soft_limit_bytes) != 0)
        return false;
    uint64_t gone = ((uint64_t)popped - pushed) * hk_classes[size_class].bytes;
    heap->room_bytes += gone;
    hk_add(&heap->cache_bytes, 0 - gone);
    hk_add(&row->frees_total, pushed);
    hk_add(&row->allocs_total, popped);
    hk_set(&row->allocs_lag_blocks, most);
    hk_set(&row->frees_lag_blocks, popped);
    st->listed = (uint16_t)length;
    st->given = (uint16_t)popped;
    bin->room = popped - 1; /* popped is not 0 */
    HK_IN_ORDER();
    hk_bin_push(heap, bin, block);
    hk_publish_class(heap, size_class);
    return true;
}

/* Room for twice as many as there are places, within the cap. */
static unsigned wider(const struct hk_heap *heap, unsigned size_class)
{
    unsigned twice = heap->classes[size_class].state.capacity * 2u,
             cap = hk_bin_param(&hk_bin_params[size_class].cap);
    return twice < cap ? twice : cap;
}

/* The bin has used up its room. A program that takes about as many as it gives is soon given room up to the
 * cap, another only up to what the bin has proved to need. */
static void renew_room(struct hk_heap *heap, unsigned size_class)
{
    bool balanced;
    unsigned limit = hk_bin_limit(heap, size_class), listed = hk_account(heap, size_class, &balanced);
    if (listed > limit - limit / 4)
        limit = hk_bin_overflow(heap, size_class, limit);
    else if (balanced && limit > 1)
        limit = wider(heap, size_class);
    if (HK_UNLIKELY(limit > heap->classes[size_class].state.capacity))
        hk_bin_grow(heap, size_class, limit);
    listed = heap->classes[size_class].state.listed;
    uint64_t share = make_share(heap, size_class, limit > listed ? limit - listed : 1);
    /* The largest classes' few blocks may be more than there may be; and there may be no memory for places.
     */
    if (HK_UNLIKELY((share == 0 && listed != 0) || listed >= heap->classes[size_class].state.capacity))
        hk_bin_flush(heap, size_class);
    hk_give_room(heap, size_class, limit);
    hk_state_bounds(heap, size_class);
    hk_publish_class(heap, size_class);
}

/* What a thread frees of a class of which it has nothing else is another's: kept here, it would be given out
 * here, next to what the other still uses, on the same cache line perhaps. It goes home; what follows may
 * stay. */
static void pass_on(struct hk_heap *heap, unsigned size_class, void *block)
{
    struct hk_class_row *row = &heap->classes[size_class].totals;
    bool emptied = false;
    unsigned remote = hk_flush_blocks(heap->id, size_class, &block, 1, &emptied);
    hk_add(&row->frees_total, 1);
    hk_add(&row->flushed_blocks_total, 1);
    hk_add(&row->remote_frees_sent_total, remote);
    if (emptied)
        hk_retain_check(HK_SLAB_BYTES);
}

void hk_bin_accept(struct hk_heap *heap, unsigned size_class, void *block)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    hk_control_check(heap);
    /* There may be room after all: the check may have flushed, or the thread has only now got its heap. */
    if (bin->room == 0) {
        const struct hk_bin_state *st = &heap->classes[size_class].state;
        if (HK_UNLIKELY(st->capacity == 0))
            hk_bin_begin(heap, size_class);
        bool has_none = st->given == 0 && st->listed == 0 && hk_bin_length(heap, size_class) == 0;
        if (has_none)
            pass_on(heap, size_class, block);
        renew_room(heap, size_class);
        hk_verify_bin(heap, size_class);
        if (has_none)
            return;
    }
    bin->room--;
    HK_IN_ORDER();
    hk_bin_push(heap, bin, block);
}
