/*
 * bin_traffic.h - what a bin's slow path learns, and where it is noted.
 *
 * The innermost parts of the slow path, shared by bin.c (supply and acceptance) and bin_flush.c. Hand-overs
 * detach before they attach: blocks are taken out of where they were before they are put anywhere else, in
 * program order (HK_IN_ORDER), so that a process forked at any instant may miss blocks but never finds one
 * twice.
 */
#ifndef HAKMEM_LIB_HEAP_BIN_TRAFFIC_H
#define HAKMEM_LIB_HEAP_BIN_TRAFFIC_H

#include "lib/arena/misuse.h"
#include "lib/arena/purge.h"
#include "lib/base/tuned_values.h"
#include "lib/heap/heap.h"

/* Keeps the compiler from reordering; the processor's store order is what fork() copies. */
#define HK_IN_ORDER() atomic_signal_fence(memory_order_seq_cst)

HK_INLINE uint64_t hk_get(const hk_au64 *total)
{
    return atomic_load_explicit(total, memory_order_relaxed);
}

HK_INLINE void hk_set(hk_au64 *total, uint64_t v)
{
    atomic_store_explicit(total, v, memory_order_relaxed);
}

/* Only a heap's holder writes its totals: no read-modify-write is needed. */
HK_INLINE void hk_add(hk_au64 *total, uint64_t n)
{
    hk_set(total, hk_get(total) + n);
}

HK_INLINE unsigned hk_bin_param(const hk_au16 *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

/* What went by in a bin since the last time. */
struct hk_traffic {
    unsigned pushed, popped;
};

/* The same for a bin as a slow path left it that was interrupted by a signal handler and is never gone back
 * to. May empty it. */
struct hk_traffic hk_traffic_of_cut(struct hk_heap *heap, unsigned size_class);

/* malloc's share follows from free's and from what is left. A free that a signal handler interrupted for ever
 * counts, and its block as allocated again. */
HK_INLINE struct hk_traffic hk_traffic_of(struct hk_heap *heap, unsigned size_class)
{
    const struct hk_bin_state *st = &heap->classes[size_class].state;
    unsigned pushed = st->given - hk_bin_of(heap, size_class)->room;
    unsigned most = st->listed + pushed, length = hk_bin_length(heap, size_class);
    if (HK_UNLIKELY(pushed > st->given || length > most))
        return hk_traffic_of_cut(heap, size_class);
    return (struct hk_traffic){.pushed = pushed, .popped = most - length};
}

/* Enters traffic and begins counting anew. */
HK_INLINE void hk_note_traffic(struct hk_heap *heap, unsigned size_class, struct hk_traffic t)
{
    struct hk_bin_state *st = &heap->classes[size_class].state;
    uint64_t bytes = hk_classes[size_class].bytes;
    unsigned room = hk_bin_of(heap, size_class)->room;
    heap->room_bytes -= (st->given - room) * bytes;
    st->listed = (uint16_t)hk_bin_length(heap, size_class);
    st->given = (uint16_t)room;
    hk_add(&heap->classes[size_class].totals.frees_total, t.pushed);
    hk_add(&heap->classes[size_class].totals.allocs_total, t.popped);
    hk_add(&heap->cache_bytes, ((uint64_t)t.pushed - t.popped) * bytes);
}

/* Notes what went by since the last time and returns how many blocks the bin has. *balanced: the program
 * took at least half as many as it gave. */
HK_INLINE unsigned hk_account(struct hk_heap *heap, unsigned size_class, bool *balanced)
{
    struct hk_traffic t = hk_traffic_of(heap, size_class);
    *balanced = t.pushed != 0 && t.popped * 2 >= t.pushed;
    hk_note_traffic(heap, size_class, t);
    return heap->classes[size_class].state.listed;
}

/* What is in bins when a load has ended keeps slabs in use, a slab a block where frees came at random: a bin
 * that goes on passing blocks through is allowed less and less, half each so many overflows. Sooner makes
 * bursts of small blocks slower (measured). */
HK_INLINE unsigned hk_passes_at_once(unsigned size_class)
{
    return hk_classes[size_class].bytes <= 512 ? 64 : 2;
}

/* Blocks that the bin may have at present. */
HK_INLINE unsigned hk_bin_limit(const struct hk_heap *heap, unsigned size_class)
{
    const struct hk_bin_state *st = &heap->classes[size_class].state;
    unsigned limit = st->limit, most = hk_bin_param(&hk_bin_params[size_class].cap);
    if (HK_UNLIKELY(hk_get(&heap->cache_bytes) > hk_param(HK_TUNE_heap_cache_bytes) ||
                    hk_retain_over_soft_limit()))
        return 1;
    if (HK_UNLIKELY(st->passes >= hk_passes_at_once(size_class))) {
        unsigned least = hk_bin_param(&hk_bin_params[size_class].limit);
        limit >>= st->passes / hk_passes_at_once(size_class);
        limit = limit > least ? limit : least;
    }
    return limit < most ? limit : most;
}

/* Bytes that the heap's bins hold or have room for. */
HK_INLINE uint64_t hk_held_bytes(const struct hk_heap *heap)
{
    return hk_get(&heap->cache_bytes) + heap->room_bytes;
}

/* Bytes that the bin may take beyond those it has, so that all bins together stay within the heap's cache:
 * its present room is free to be given anew. */
HK_INLINE uint64_t hk_spare_bytes(const struct hk_heap *heap, unsigned size_class)
{
    uint64_t own = (uint64_t)heap->classes[size_class].state.given * hk_classes[size_class].bytes;
    uint64_t held = hk_held_bytes(heap) - own, limit = hk_param(HK_TUNE_heap_cache_bytes);
    return held < limit ? limit - held : 0;
}

/* What one bin may have of it: each takes part of what others leave, so that the last one to ask gets
 * something too; a few blocks at least, if they are there. */
HK_INLINE uint64_t hk_share_bytes(const struct hk_heap *heap, unsigned size_class)
{
    uint64_t spare = hk_spare_bytes(heap, size_class), few = 4 * (uint64_t)hk_classes[size_class].bytes;
    uint64_t share = spare / 4 > few ? spare / 4 : few;
    return share < spare ? share : spare;
}

HK_INLINE void hk_set_room(struct hk_heap *heap, unsigned size_class, unsigned room)
{
    struct hk_bin_state *st = &heap->classes[size_class].state;
    heap->room_bytes += ((uint64_t)room - st->given) * hk_classes[size_class].bytes;
    st->given = (uint16_t)room;
    hk_bin_of(heap, size_class)->room = room;
}

/* How many more blocks may be put until the slow path looks again: up to the limit, but never so few that it
 * would look all the time, unless the heap's cache is full or there are no places. */
HK_INLINE void hk_give_room(struct hk_heap *heap, unsigned size_class, unsigned limit)
{
    unsigned listed = heap->classes[size_class].state.listed, bytes = hk_classes[size_class].bytes;
    unsigned room = limit > listed ? limit - listed : 0, least = limit / 4 + 1;
    unsigned places = heap->classes[size_class].state.capacity - listed;
    room = room > least ? room : least;
    room = room < places ? room : places;
    uint64_t share = hk_share_bytes(heap, size_class);
    if (HK_UNLIKELY((uint64_t)room * bytes > share))
        room = share > bytes ? (unsigned)(share / bytes) : places != 0 ? 1 : 0;
    hk_set_room(heap, size_class, room);
}

/* What the bin's published row may lag by. */
HK_INLINE void hk_state_bounds(struct hk_heap *heap, unsigned size_class)
{
    const struct hk_bin_state *st = &heap->classes[size_class].state;
    hk_set(&heap->classes[size_class].totals.allocs_lag_blocks, st->listed + st->given);
    hk_set(&heap->classes[size_class].totals.frees_lag_blocks, st->given);
}

#endif
