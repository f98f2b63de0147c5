/*
 * lists.h - a bin's lists, and what is learned when they are exchanged.
 *
 * The innermost parts of the slow path, shared by bin.c (supply and acceptance) and bin_flush.c. Every
 * hand-over detaches before it attaches: a list is taken out of its bin before it is put anywhere else, in
 * program order, so that a process forked at any instant may miss blocks but never finds one in two places.
 */
#ifndef HAKMEM_LIB_LISTS_H
#define HAKMEM_LIB_LISTS_H

#include "lib/heap.h"
#include "lib/misuse.h"
#include "lib/params.h"
#include "lib/slab.h"

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

/* ---- chunks: a list of known length, linked through its first block's second word ---- */

#define HK_CHUNK_COUNT_SHIFT 48

HK_INLINE void hk_chunk_push(struct hk_bin *bin, struct hk_bin_state *st, void *first, unsigned count)
{
    ((uintptr_t *)first)[1] = (uintptr_t)bin->chunks | (uintptr_t)count << HK_CHUNK_COUNT_SHIFT;
    bin->chunks = first;
    st->chunks++;
}

HK_INLINE void *hk_chunk_next(const void *chunk, unsigned *count)
{
    uintptr_t word = ((const uintptr_t *)chunk)[1];
    *count = (unsigned)(word >> HK_CHUNK_COUNT_SHIFT);
    return (void *)(word & (((uintptr_t)1 << HK_CHUNK_COUNT_SHIFT) - 1));
}

HK_INLINE void *hk_chunk_pop(struct hk_bin *bin, struct hk_bin_state *st, unsigned *count)
{
    void *first = bin->chunks;
    if (first != NULL) {
        bin->chunks = hk_chunk_next(first, count);
        st->chunks--;
    }
    return first;
}

/* ---- learning what went by ---- */

/* Blocks went to the program (out of the bin) or came from it. */
HK_INLINE void hk_count_allocs(struct hk_heap *heap, unsigned size_class, unsigned n)
{
    hk_add(&heap->totals[size_class].allocs_total, n);
    hk_add(&heap->cache_bytes, (uint64_t)0 - (uint64_t)n * hk_classes[size_class].bytes);
}

HK_INLINE void hk_count_frees(struct hk_heap *heap, unsigned size_class, unsigned n)
{
    hk_add(&heap->totals[size_class].frees_total, n);
    hk_add(&heap->cache_bytes, (uint64_t)n * hk_classes[size_class].bytes);
}

/* Blocks pushed since room was last set, which it now is again. */
HK_INLINE unsigned hk_restart_room(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    struct hk_bin_state *st = &heap->state[size_class];
    unsigned pushed = st->chunk - bin->room;
    st->chunk = (uint16_t)hk_bin_param(&hk_bin_params[size_class].chunk);
    bin->room = st->chunk;
    hk_count_frees(heap, size_class, pushed);
    return pushed;
}

/* Two lists: alloc has run out, so all that was on it went to the program. */
HK_INLINE void hk_learn_allocs(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    unsigned n = bin->alloc_count;
    bin->alloc_count = 0;
    hk_count_allocs(heap, size_class, n);
}

/* Two lists: takes freed off the bin, which may then take as many again. */
HK_INLINE void *hk_detach_freed(struct hk_heap *heap, unsigned size_class, unsigned *count)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    void *first = bin->freed;
    bin->freed = NULL;
    HK_IN_ORDER();
    *count = hk_restart_room(heap, size_class);
    return first;
}

HK_INLINE void hk_attach_alloc(struct hk_heap *heap, unsigned size_class, void *first, unsigned count)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    bin->alloc = first;
    bin->alloc_count = count;
}

/* Length of a list that must not be longer than most. */
HK_INLINE unsigned hk_list_length(const void *block, unsigned most, unsigned size_class)
{
    unsigned n = 0;
    const void *before = NULL;
    for (; block != NULL; n++) {
        if (HK_UNLIKELY(n == most))
            hk_die_damaged_list(before, block, size_class);
        before = block;
        block = hk_next(block);
    }
    return n;
}

/* Single list: what was pushed is known, what was popped follows from what is left. */
HK_INLINE unsigned hk_learn_single(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    struct hk_bin_state *st = &heap->state[size_class];
    unsigned had = st->listed + hk_restart_room(heap, size_class);
    unsigned left = hk_list_length(bin->freed, had, size_class);
    hk_count_allocs(heap, size_class, had - left);
    st->listed = (uint16_t)left;
    return left;
}

/* What the bin's published row may lag by. */
HK_INLINE void hk_state_bounds(struct hk_heap *heap, unsigned size_class)
{
    struct hk_class_row *row = &heap->totals[size_class];
    const struct hk_bin_state *st = &heap->state[size_class];
    bool single = hk_class_is_single(size_class);
    hk_set(&row->allocs_lag_blocks,
           single ? st->listed + st->chunk : hk_bin_of(heap, size_class)->alloc_count);
    hk_set(&row->frees_lag_blocks, st->chunk);
}

#endif
