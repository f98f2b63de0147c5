/* bin.c - see bin.h: a bin runs empty, a bin runs full. */
#include "lib/bin.h"

#include "lib/account.h"
#include "lib/control.h"
#include "lib/index.h"
#include "lib/process.h"
#include "lib/publish.h"
#include "lib/retain.h"
#include "lib/slab.h"

/* ---- refill ---- */

#define MOST_VISITS 16 /* partly used slabs that one refill looks at: bounds how long one malloc takes */

/* Takes from the slab owned, then from partly used ones, the lowest first, then from a new one. */
static void pull(struct hk_heap *heap, unsigned size_class, unsigned want, struct hk_chain *chain)
{
    struct hk_bin_state *st = &heap->state[size_class];
    uint64_t received = 0;
    unsigned got = 0;
    if (st->current != 0) {
        heap->busy = st->current;
        got = hk_slab_pull(st->current - 1, heap->id, size_class, want, false, chain, &received);
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
            got += hk_slab_pull(slab, heap->id, size_class, want - got, true, chain, &received);
        }
        if (!hk_index_holds(size_class, hk_superslab_at(superslab)))
            hk_index_lower(size_class, superslab);
    }
    /* Some now is better than all from fresh pages. */
    if (got == 0) {
        int64_t slab = hk_slab_new(heap->id, size_class, want, chain);
        st->current = slab < 0 ? 0 : (uint32_t)slab + 1;
    }
    heap->busy = 0;
    if (received != 0)
        hk_add(&heap->totals[size_class].remote_frees_received_total, received);
}

/* Bytes that the bin may take: for most of so many blocks, at the cost of the other bins if need be. */
static uint64_t make_spare(struct hk_heap *heap, unsigned size_class, unsigned wanted)
{
    uint64_t spare = hk_spare_bytes(heap, size_class);
    if (HK_LIKELY(spare >= ((uint64_t)wanted + 1) / 2 * hk_classes[size_class].bytes))
        return spare;
    hk_heap_shed(heap, size_class);
    return hk_spare_bytes(heap, size_class);
}

/* How many blocks to take: a batch that starts small and doubles, within what the heap may hold. */
static unsigned refill_count(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin_state *st = &heap->state[size_class];
    unsigned batch = hk_bin_param(&hk_bin_params[size_class].batch);
    unsigned n = st->fill < batch ? st->fill : batch;
    st->fill = (uint16_t)(n * 2 < batch ? n * 2 : batch);
    uint64_t spare = make_spare(heap, size_class, n);
    if (HK_UNLIKELY((uint64_t)n * hk_classes[size_class].bytes > spare))
        n = (unsigned)(spare / hk_classes[size_class].bytes);
    return n == 0 || hk_retain_over_soft_limit() ? 1 : n;
}

/* Takes blocks out of slabs onto the list, which is empty. */
static bool refill(struct hk_heap *heap, unsigned size_class)
{
    struct hk_class_row *row = &heap->totals[size_class];
    struct hk_chain chain = {NULL, NULL, 0};
    pull(heap, size_class, refill_count(heap, size_class), &chain);
    if (chain.count == 0)
        return false;
    hk_set_next(chain.last, NULL);
    HK_IN_ORDER();
    hk_bin_of(heap, size_class)->list = chain.first;
    heap->state[size_class].listed = (uint16_t)chain.count;
    hk_add(&row->refills_total, 1);
    hk_add(&row->refilled_blocks_total, chain.count);
    hk_add(&heap->cache_bytes, (uint64_t)chain.count * hk_classes[size_class].bytes);
    return true;
}

void *hk_bin_supply(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    bool balanced;
    hk_control_check(heap);
    hk_account(heap, size_class, &balanced);
    bool refilled = refill(heap, size_class);
    hk_give_room(heap, size_class, hk_bin_limit(heap, size_class));
    hk_state_bounds(heap, size_class);
    hk_publish_class(heap, size_class);
    hk_control_tick();
    if (HK_UNLIKELY(!refilled))
        return NULL;
    void *block = bin->list;
    bin->list = hk_next(block);
    bin->taken = 1;
    return block;
}

/* The bin has used up its room. A program that takes about as many as it gives is given room up to the cap,
 * another only up to what the bin has proved to need. */
static void renew_room(struct hk_heap *heap, unsigned size_class)
{
    bool balanced;
    unsigned limit = hk_bin_limit(heap, size_class), listed = hk_account(heap, size_class, &balanced);
    if (listed > limit - limit / 4)
        limit = hk_bin_overflow(heap, size_class, limit);
    else if (balanced && limit > 1)
        limit = hk_bin_param(&hk_bin_params[size_class].cap);
    listed = heap->state[size_class].listed;
    if (make_spare(heap, size_class, limit > listed ? limit - listed : 1) == 0 && listed != 0)
        hk_bin_flush(heap, size_class); /* the largest classes' few blocks may be more than there may be */
    hk_give_room(heap, size_class, limit);
    hk_state_bounds(heap, size_class);
    hk_publish_class(heap, size_class);
}

void hk_bin_accept(struct hk_heap *heap, unsigned size_class, void *block)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    hk_control_check(heap);
    /* There may be room after all: the check may have flushed, or the thread has only now got its heap. */
    if (bin->room == 0)
        renew_room(heap, size_class);
    HK_IN_ORDER();
    hk_set_next(block, bin->list);
    bin->list = block;
    bin->room--;
}
