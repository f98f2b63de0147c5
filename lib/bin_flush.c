/* bin_flush.c - see bin.h: blocks on their way back to slabs, and a heap's beginning and end. */
#include "lib/bin.h"

#include "lib/flush.h"
#include "lib/lists.h"
#include "lib/process.h"
#include "lib/publish.h"
#include "lib/retain.h"

/* ---- flush ---- */

static void flush_list(struct hk_heap *heap, unsigned size_class, void *first, unsigned count, bool *emptied)
{
    struct hk_class_row *row = &heap->totals[size_class];
    if (count == 0)
        return;
    unsigned remote = hk_flush_list(heap->id, size_class, first, count, emptied);
    hk_add(&row->flushed_blocks_total, count);
    hk_add(&row->remote_frees_sent_total, remote);
    hk_add(&heap->cache_bytes, (uint64_t)0 - (uint64_t)count * hk_classes[size_class].bytes);
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
        chunk = hk_chunk_next(chunk, &count);
    }
    void *chunk = kept != NULL ? hk_chunk_next(kept, &count) : *link;
    if (kept != NULL)
        ((uintptr_t *)kept)[1] = (uintptr_t)count << HK_CHUNK_COUNT_SHIFT;
    else
        bin->chunks = NULL;
    st->chunks = (uint16_t)n;
    HK_IN_ORDER();
    while (chunk != NULL) {
        void *next = hk_chunk_next(chunk, &count);
        flush_list(heap, size_class, chunk, count, emptied);
        chunk = next;
    }
}

static void count_flush(struct hk_heap *heap, unsigned size_class, bool emptied)
{
    hk_add(&heap->totals[size_class].flushes_total, 1);
    hk_state_bounds(heap, size_class);
    hk_publish_class(heap, size_class);
    if (emptied)
        hk_retain_check();
}

/* Single list: flushes all but the newest keep blocks. */
static void flush_beyond(struct hk_heap *heap, unsigned size_class, unsigned keep, bool *emptied)
{
    struct hk_bin_state *st = &heap->state[size_class];
    unsigned count = st->listed - keep;
    void **link = &hk_bin_of(heap, size_class)->freed;
    for (unsigned i = 0; i < keep; i++)
        link = (void **)*link;
    void *rest = *link;
    *link = NULL;
    st->listed = (uint16_t)keep;
    HK_IN_ORDER();
    flush_list(heap, size_class, rest, count, emptied);
}

unsigned hk_bin_limit(struct hk_heap *heap, unsigned size_class)
{
    unsigned limit = heap->state[size_class].limit, most = hk_bin_param(&hk_bin_params[size_class].limit);
    if (hk_get(&heap->cache_bytes) > hk_param(HK_TUNE_heap_cache_bytes) || hk_retain_over_soft_limit())
        return 0;
    return limit < most ? limit : most;
}

/* The bin has more than allowed. One from which nothing was allocated since it last overflowed only passes
 * blocks through, and is emptied; one that overflows and refills in turn is allowed more. */
void hk_bin_overflow(struct hk_heap *heap, unsigned size_class, unsigned limit)
{
    struct hk_bin_state *st = &heap->state[size_class];
    const struct hk_class_row *row = &heap->totals[size_class];
    unsigned most = hk_bin_param(&hk_bin_params[size_class].limit);
    bool passing_through = hk_get(&row->allocs_total) == st->allocs_at_overflow;
    bool alternating = (uint32_t)hk_get(&row->refills_total) != st->refills_at_overflow;
    unsigned keep = passing_through ? 0 : limit / 2;
    st->allocs_at_overflow = hk_get(&row->allocs_total);
    st->refills_at_overflow = (uint32_t)hk_get(&row->refills_total);
    if (alternating && st->limit < most)
        st->limit = (uint16_t)(st->limit == 0 ? 1 : st->limit * 2 < most ? st->limit * 2 : most);
    bool emptied = false;
    if (hk_class_is_single(size_class))
        flush_beyond(heap, size_class, keep, &emptied);
    else
        flush_chunks(heap, size_class, keep, &emptied);
    count_flush(heap, size_class, emptied);
}

void hk_heap_shed(struct hk_heap *heap, unsigned but_class)
{
    uint64_t limit = hk_param(HK_TUNE_heap_cache_bytes);
    for (unsigned c = 0; c < HK_CLASSES && hk_get(&heap->cache_bytes) > limit / 2; c++) {
        if (c != but_class)
            hk_bin_flush(heap, c);
    }
}

/* Two lists: alloc's length as it is now, totals put right. */
static unsigned settle_alloc(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    unsigned left = hk_list_length(bin->alloc, bin->alloc_count, size_class);
    bin->alloc_count -= left;
    hk_learn_allocs(heap, size_class);
    bin->alloc_count = left;
    return left;
}

static void flush_two_lists(struct hk_heap *heap, unsigned size_class, bool *emptied)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    unsigned count = settle_alloc(heap, size_class);
    void *list = bin->alloc;
    bin->alloc = NULL;
    bin->alloc_count = 0;
    HK_IN_ORDER();
    flush_list(heap, size_class, list, count, emptied);
    list = hk_detach_freed(heap, size_class, &count);
    flush_list(heap, size_class, list, count, emptied);
    flush_chunks(heap, size_class, 0, emptied);
}

void hk_bin_flush(struct hk_heap *heap, unsigned size_class)
{
    const struct hk_bin *bin = hk_bin_of(heap, size_class);
    struct hk_bin_state *st = &heap->state[size_class];
    bool emptied = false;
    if (bin->alloc == NULL && bin->freed == NULL && bin->chunks == NULL && bin->alloc_count == 0 &&
        st->listed == 0 && bin->room == st->chunk)
        return;
    if (hk_class_is_single(size_class)) {
        hk_learn_single(heap, size_class);
        flush_beyond(heap, size_class, 0, &emptied);
    } else {
        flush_two_lists(heap, size_class, &emptied);
    }
    st->fill = (uint16_t)hk_bin_param(&hk_bin_params[size_class].start);
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
    hk_add(&heap->totals[size_class].frees_total, 1);
    hk_add(&heap->totals[size_class].flushed_blocks_total, 1);
    hk_publish_class(heap, size_class);
}

/* ---- a heap's life ---- */

#define FIRST_BLOCKS 8 /* of a single list, before it has proved use */

void hk_bin_init(struct hk_heap *heap)
{
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        struct hk_bin_state *st = &heap->state[c];
        st->chunk = (uint16_t)hk_bin_param(&hk_bin_params[c].chunk);
        st->fill = (uint16_t)hk_bin_param(&hk_bin_params[c].start);
        st->limit = hk_class_is_single(c) ? FIRST_BLOCKS : 1;
        hk_bin_of(heap, c)->room = st->chunk;
        hk_state_bounds(heap, c);
    }
}

static void settle_bin(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    struct hk_class_row *row = &heap->totals[size_class];
    if (hk_class_is_single(size_class)) {
        hk_learn_single(heap, size_class);
    } else {
        settle_alloc(heap, size_class);
        /* The freed list becomes a chunk, so that it is counted and stays. */
        if (bin->freed != NULL) {
            unsigned count;
            void *first = hk_detach_freed(heap, size_class, &count);
            hk_chunk_push(bin, &heap->state[size_class], first, count);
        }
    }
    hk_set(&row->allocs_lag_blocks, 0);
    hk_set(&row->frees_lag_blocks, 0);
    hk_publish_class(heap, size_class);
}

void hk_heap_settle(struct hk_heap *heap)
{
    for (unsigned c = 0; c < HK_CLASSES; c++)
        settle_bin(heap, c);
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

/* Puts a bin of a lost thread right: what its lists really hold, and totals to match. Returns their bytes. */
static uint64_t recount_bin(struct hk_heap *heap, unsigned size_class)
{
    enum { MOST = 65535 };
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    struct hk_bin_state *st = &heap->state[size_class];
    struct hk_class_row *row = &heap->totals[size_class];
    unsigned allocs = recount_list(&bin->alloc, size_class, MOST);
    unsigned freed = recount_list(&bin->freed, size_class, MOST);
    bool single = hk_class_is_single(size_class);
    bin->alloc_count = allocs;
    st->listed = single ? (uint16_t)freed : 0;
    /* Two lists: the freed blocks have yet to be counted as frees when they are detached. */
    st->chunk = (uint16_t)(single ? 1 : freed + 1);
    bin->room = 1;
    /* Chunks are few and a fork may have cut their links anywhere: they are left to the past. */
    bin->chunks = NULL;
    st->chunks = 0;
    unsigned pending = single ? 0 : freed;
    uint64_t in = hk_get(&row->refilled_blocks_total) + hk_get(&row->frees_total) + pending;
    uint64_t out = hk_get(&row->flushed_blocks_total) + allocs + freed;
    hk_set(&row->allocs_total, in > out ? in - out : 0);
    hk_state_bounds(heap, size_class);
    return (uint64_t)(allocs + freed - pending) * hk_classes[size_class].bytes;
}

void hk_heap_recount(struct hk_heap *heap)
{
    if (heap->busy != 0)
        hk_slab_repair(heap->busy - 1, heap->id);
    heap->busy = 0;
    uint64_t held_bytes = 0;
    for (unsigned c = 0; c < HK_CLASSES; c++)
        held_bytes += recount_bin(heap, c);
    hk_set(&heap->cache_bytes, held_bytes);
    heap->suspect = false;
}
