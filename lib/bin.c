/*
 * bin.c - see bin.h.
 *
 * Every hand-over detaches before it attaches: a list is taken out of its bin before it is put anywhere
 * else, in program order, so that a process forked at any instant may miss blocks but never finds one in
 * two places.
 */
#include "lib/bin.h"

#include "lib/control.h"
#include "lib/flush.h"
#include "lib/index.h"
#include "lib/misuse.h"
#include "lib/params.h"
#include "lib/process.h"
#include "lib/publish.h"
#include "lib/retain.h"
#include "lib/slab.h"

/* Keeps the compiler from reordering; the processor's store order is what fork() copies. */
#define IN_ORDER() atomic_signal_fence(memory_order_seq_cst)

static uint64_t get(const hk_au64 *total)
{
    return atomic_load_explicit(total, memory_order_relaxed);
}

static void set(hk_au64 *total, uint64_t v)
{
    atomic_store_explicit(total, v, memory_order_relaxed);
}

/* Only a heap's holder writes its totals: no read-modify-write is needed. */
static void add(hk_au64 *total, uint64_t n)
{
    set(total, get(total) + n);
}

static unsigned param(const hk_au16 *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

/* ---- chunks: a list of known length, linked through its first block's second word ---- */

#define CHUNK_COUNT_SHIFT 48

static void chunk_push(struct hk_bin *bin, struct hk_bin_state *st, void *first, unsigned count)
{
    ((uintptr_t *)first)[1] = (uintptr_t)bin->chunks | (uintptr_t)count << CHUNK_COUNT_SHIFT;
    bin->chunks = first;
    st->chunks++;
}

static void *chunk_next(const void *chunk, unsigned *count)
{
    uintptr_t word = ((const uintptr_t *)chunk)[1];
    *count = (unsigned)(word >> CHUNK_COUNT_SHIFT);
    return (void *)(word & (((uintptr_t)1 << CHUNK_COUNT_SHIFT) - 1));
}

static void *chunk_pop(struct hk_bin *bin, struct hk_bin_state *st, unsigned *count)
{
    void *first = bin->chunks;
    if (first != NULL) {
        bin->chunks = chunk_next(first, count);
        st->chunks--;
    }
    return first;
}

/* ---- learning what went by ---- */

/* The alloc list has run out: all that was on it went to the program. */
static void learn_allocs(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    unsigned n = bin->alloc_count;
    bin->alloc_count = 0;
    add(&heap->totals[size_class].allocs_total, n);
    add(&heap->cache_bytes, (uint64_t)0 - (uint64_t)n * hk_classes[size_class].bytes);
}

/* Takes the freed list off the bin, which may then take as many again. */
static void *detach_freed(struct hk_heap *heap, unsigned size_class, unsigned *count)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    struct hk_bin_state *st = &heap->state[size_class];
    void *first = bin->freed;
    unsigned n = st->chunk - bin->room;
    bin->freed = NULL;
    st->chunk = (uint16_t)param(&hk_bin_params[size_class].chunk);
    bin->room = st->chunk;
    IN_ORDER();
    add(&heap->totals[size_class].frees_total, n);
    add(&heap->cache_bytes, (uint64_t)n * hk_classes[size_class].bytes);
    *count = n;
    return first;
}

static void attach_alloc(struct hk_heap *heap, unsigned size_class, void *first, unsigned count)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    bin->alloc = first;
    bin->alloc_count = count;
}

/* What the bin's published row may lag by. */
static void state_bounds(struct hk_heap *heap, unsigned size_class)
{
    struct hk_class_row *row = &heap->totals[size_class];
    set(&row->allocs_lag_blocks, hk_bin_of(heap, size_class)->alloc_count);
    set(&row->frees_lag_blocks, heap->state[size_class].chunk);
}

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
    for (int64_t at = -1;
         got < want && visits < MOST_VISITS && (at = hk_index_lowest(size_class, (uint32_t)(at + 1))) >= 0;) {
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
        add(&heap->totals[size_class].remote_frees_received_total, received);
}

/* How many blocks to take: a batch that starts small and doubles, within what the heap may hold. */
static unsigned refill_count(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin_state *st = &heap->state[size_class];
    unsigned batch = param(&hk_bin_params[size_class].batch);
    unsigned n = st->fill < batch ? st->fill : batch;
    st->fill = (uint16_t)(n * 2 < batch ? n * 2 : batch);
    uint64_t held = get(&heap->cache_bytes), limit = hk_param(HK_TUNE_heap_cache_bytes);
    uint64_t room = held < limit ? (limit - held) / hk_classes[size_class].bytes : 0;
    if (n > room)
        n = (unsigned)room;
    return n == 0 || hk_retain_over_soft_limit() ? 1 : n;
}

static bool refill(struct hk_heap *heap, unsigned size_class)
{
    struct hk_class_row *row = &heap->totals[size_class];
    struct hk_chain chain = {NULL, NULL, 0};
    pull(heap, size_class, refill_count(heap, size_class), &chain);
    if (chain.count == 0)
        return false;
    hk_set_next(chain.last, NULL);
    add(&row->refills_total, 1);
    add(&row->refilled_blocks_total, chain.count);
    add(&heap->cache_bytes, (uint64_t)chain.count * hk_classes[size_class].bytes);
    attach_alloc(heap, size_class, chain.first, chain.count);
    return true;
}

/* So few freed blocks that handing them over would bring the next miss at once. */
static bool too_few(unsigned freed, unsigned chunk)
{
    return freed * 4 < chunk;
}

void *hk_bin_supply(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    struct hk_bin_state *st = &heap->state[size_class];
    hk_control_check(heap);
    learn_allocs(heap, size_class);

    unsigned count = st->chunk - bin->room;
    bool refilled = false;
    void *first = NULL;
    if (!too_few(count, st->chunk))
        first = detach_freed(heap, size_class, &count);
    else if ((first = chunk_pop(bin, st, &count)) == NULL) {
        refilled = refill(heap, size_class);
        if (!refilled && bin->freed != NULL)
            first = detach_freed(heap, size_class, &count);
    }
    if (first != NULL) {
        IN_ORDER();
        attach_alloc(heap, size_class, first, count);
    }
    state_bounds(heap, size_class);
    if (refilled) {
        hk_publish_class(heap, size_class);
        hk_control_tick();
    } else {
        hk_publish_swap(heap, size_class);
    }
    void *block = bin->alloc;
    if (HK_LIKELY(block != NULL))
        bin->alloc = hk_next(block);
    return block;
}

/* ---- flush ---- */

static void flush_list(struct hk_heap *heap, unsigned size_class, void *first, unsigned count, bool *emptied)
{
    struct hk_class_row *row = &heap->totals[size_class];
    if (count == 0)
        return;
    unsigned remote = hk_flush_list(heap->id, size_class, first, count, emptied);
    add(&row->flushed_blocks_total, count);
    add(&row->remote_frees_sent_total, remote);
    add(&heap->cache_bytes, (uint64_t)0 - (uint64_t)count * hk_classes[size_class].bytes);
}

/* Flushes all chunks but the newest keep. */
static void flush_chunks(struct hk_heap *heap, unsigned size_class, unsigned keep, bool *emptied)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    struct hk_bin_state *st = &heap->state[size_class];
    void **link = &bin->chunks;
    void *kept = NULL;
    unsigned count = 0, n = 0;
    for (void *chunk = bin->chunks; chunk != NULL && n < keep; n++) {
        kept = chunk;
        chunk = chunk_next(chunk, &count);
    }
    void *chunk = kept != NULL ? chunk_next(kept, &count) : *link;
    if (kept != NULL)
        ((uintptr_t *)kept)[1] = (uintptr_t)count << CHUNK_COUNT_SHIFT;
    else
        bin->chunks = NULL;
    st->chunks = (uint16_t)n;
    IN_ORDER();
    while (chunk != NULL) {
        void *next = chunk_next(chunk, &count);
        flush_list(heap, size_class, chunk, count, emptied);
        chunk = next;
    }
}

static void count_flush(struct hk_heap *heap, unsigned size_class, bool emptied)
{
    add(&heap->totals[size_class].flushes_total, 1);
    state_bounds(heap, size_class);
    hk_publish_class(heap, size_class);
    if (emptied)
        hk_retain_check();
}

/* More chunks than allowed. A bin from which nothing was allocated since it last overflowed only passes
 * blocks through, and is emptied; one that overflows and refills in turn is allowed more. */
static void overflow(struct hk_heap *heap, unsigned size_class, unsigned limit)
{
    struct hk_bin_state *st = &heap->state[size_class];
    const struct hk_class_row *row = &heap->totals[size_class];
    unsigned most = param(&hk_bin_params[size_class].limit);
    bool passing_through = get(&row->allocs_total) == st->allocs_at_overflow;
    bool alternating = (uint32_t)get(&row->refills_total) != st->refills_at_overflow;
    st->allocs_at_overflow = get(&row->allocs_total);
    st->refills_at_overflow = (uint32_t)get(&row->refills_total);
    if (alternating && st->limit < most)
        st->limit = (uint16_t)(st->limit == 0 ? 1 : st->limit * 2 < most ? st->limit * 2 : most);
    bool emptied = false;
    flush_chunks(heap, size_class, passing_through ? 0 : limit / 2, &emptied);
    count_flush(heap, size_class, emptied);
}

/* The heap holds more than it may: other bins give up what they are not working on. */
static void shed(struct hk_heap *heap, unsigned but_class)
{
    uint64_t limit = hk_param(HK_TUNE_heap_cache_bytes);
    for (unsigned c = 0; c < HK_CLASSES && get(&heap->cache_bytes) > limit / 2; c++) {
        if (c != but_class)
            hk_bin_flush(heap, c);
    }
}

static unsigned chunk_limit(struct hk_heap *heap, unsigned size_class)
{
    unsigned limit = heap->state[size_class].limit, most = param(&hk_bin_params[size_class].limit);
    if (get(&heap->cache_bytes) > hk_param(HK_TUNE_heap_cache_bytes) || hk_retain_over_soft_limit())
        return 0;
    return limit < most ? limit : most;
}

/* Flushes what is above the limits; returns whether anything was. */
static bool limit_chunks(struct hk_heap *heap, unsigned size_class)
{
    unsigned limit = chunk_limit(heap, size_class);
    bool flushed = heap->state[size_class].chunks > limit;
    if (flushed)
        overflow(heap, size_class, limit);
    if (get(&heap->cache_bytes) > hk_param(HK_TUNE_heap_cache_bytes))
        shed(heap, size_class);
    return flushed;
}

void hk_bin_accept(struct hk_heap *heap, unsigned size_class, void *block)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    struct hk_bin_state *st = &heap->state[size_class];
    hk_control_check(heap);
    bool flushed = false;
    if (bin->room == 0) { /* still: the check may have flushed */
        unsigned count;
        void *first = detach_freed(heap, size_class, &count);
        if (bin->alloc == NULL) {
            learn_allocs(heap, size_class);
            attach_alloc(heap, size_class, first, count);
        } else {
            chunk_push(bin, st, first, count);
            flushed = limit_chunks(heap, size_class);
        }
        IN_ORDER();
    }
    hk_set_next(block, bin->freed);
    bin->freed = block;
    bin->room--;
    state_bounds(heap, size_class);
    if (flushed)
        hk_control_tick();
    else
        hk_publish_swap(heap, size_class);
}

static unsigned list_length(const void *block)
{
    unsigned n = 0;
    for (; block != NULL; block = hk_next(block))
        n++;
    return n;
}

/* The alloc list's length as it is now, its bin's totals put right. */
static unsigned settle_alloc(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    unsigned left = list_length(bin->alloc);
    bin->alloc_count -= left;
    learn_allocs(heap, size_class);
    bin->alloc_count = left;
    return left;
}

void hk_bin_flush(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    struct hk_bin_state *st = &heap->state[size_class];
    if (bin->alloc == NULL && bin->freed == NULL && bin->chunks == NULL) {
        if (bin->alloc_count != 0) {
            learn_allocs(heap, size_class);
            state_bounds(heap, size_class);
            hk_publish_class(heap, size_class);
        }
        return;
    }
    bool emptied = false;
    unsigned count = settle_alloc(heap, size_class);
    void *list = bin->alloc;
    bin->alloc = NULL;
    bin->alloc_count = 0;
    IN_ORDER();
    flush_list(heap, size_class, list, count, &emptied);
    list = detach_freed(heap, size_class, &count);
    flush_list(heap, size_class, list, count, &emptied);
    flush_chunks(heap, size_class, 0, &emptied);
    st->fill = (uint16_t)param(&hk_bin_params[size_class].start);
    count_flush(heap, size_class, emptied);
}

void hk_heap_flush(struct hk_heap *heap)
{
    for (unsigned c = 0; c < HK_CLASSES; c++)
        hk_bin_flush(heap, c);
}

void hk_bin_bypass(uint32_t slab, unsigned size_class, void *block)
{
    struct hk_chain chain = {block, block, 1};
    bool emptied = false;
    if (!hk_slab_is_block(slab, size_class, block))
        hk_die_interior(block, slab);
    hk_slab_push(slab, 0, size_class, &chain, &emptied);
    if (emptied)
        hk_retain_check();
}

void hk_bin_count_bypass(struct hk_heap *heap, unsigned size_class)
{
    add(&heap->totals[size_class].frees_total, 1);
    add(&heap->totals[size_class].flushed_blocks_total, 1);
    hk_publish_class(heap, size_class);
}

/* ---- a heap's life ---- */

void hk_bin_init(struct hk_heap *heap)
{
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        struct hk_bin_state *st = &heap->state[c];
        st->chunk = (uint16_t)param(&hk_bin_params[c].chunk);
        st->fill = (uint16_t)param(&hk_bin_params[c].start);
        st->limit = 1;
        hk_bin_of(heap, c)->room = st->chunk;
        state_bounds(heap, c);
    }
}

void hk_heap_settle(struct hk_heap *heap)
{
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        struct hk_bin *bin = hk_bin_of(heap, c);
        struct hk_bin_state *st = &heap->state[c];
        struct hk_class_row *row = &heap->totals[c];
        settle_alloc(heap, c);
        /* The freed list becomes a chunk, so that it is counted and stays. */
        if (bin->freed != NULL) {
            unsigned count;
            void *first = detach_freed(heap, c, &count);
            chunk_push(bin, st, first, count);
        }
        set(&row->allocs_lag_blocks, 0);
        set(&row->frees_lag_blocks, 0);
        hk_publish_class(heap, c);
    }
}

void hk_heap_disown(struct hk_heap *heap)
{
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        uint32_t current = heap->state[c].current;
        heap->state[c].current = 0;
        if (current != 0)
            hk_slab_disown(current - 1, heap->id, c);
    }
}

/* Length of a list as far as its links make sense; what follows is cut off and lost. */
static unsigned recount_list(void **list, unsigned size_class, unsigned most)
{
    unsigned n = 0;
    void **link = list;
    while (*link != NULL) {
        size_t slab = hk_slab_of(*link);
        if (n == most || slab >= hk_arena_slabs() || hk_meta_of(slab) != hk_bin_offset_of_class(size_class) ||
            !hk_slab_is_block((uint32_t)slab, size_class, *link)) {
            *link = NULL;
            break;
        }
        link = (void **)*link;
        n++;
    }
    return n;
}

void hk_heap_recount(struct hk_heap *heap)
{
    enum { MOST = 65535 };
    if (heap->busy != 0)
        hk_slab_repair(heap->busy - 1, heap->id);
    heap->busy = 0;
    uint64_t held_bytes = 0;
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        struct hk_bin *bin = hk_bin_of(heap, c);
        struct hk_bin_state *st = &heap->state[c];
        struct hk_class_row *row = &heap->totals[c];
        unsigned held = bin->alloc_count = recount_list(&bin->alloc, c, MOST);
        unsigned freed = recount_list(&bin->freed, c, MOST);
        st->chunk = (uint16_t)(freed + 1);
        bin->room = 1;
        held += freed;
        /* Chunks are few and their links easily cut in the middle: they are left to the past. */
        bin->chunks = NULL;
        st->chunks = 0;
        /* The freed blocks are not yet in frees_total; in_bin = refilled + frees - allocs - flushed. */
        uint64_t in = get(&row->refilled_blocks_total) + get(&row->frees_total) + freed;
        uint64_t out = get(&row->flushed_blocks_total) + held;
        set(&row->allocs_total, in > out ? in - out : 0);
        held_bytes += (uint64_t)(held - freed) * hk_classes[c].bytes;
        state_bounds(heap, c);
    }
    set(&heap->cache_bytes, held_bytes);
    heap->suspect = false;
}
