/* bin_flush.c - see bin.h: blocks on their way back to slabs, and a heap's beginning and end. */
#include "lib/heap/bin.h"

#include <string.h>

#include "lib/arena/purge.h"
#include "lib/arena/slab.h"
#include "lib/arena/slab_flush.h"
#include "lib/base/process_counters.h"
#include "lib/heap/bin_storage.h"
#include "lib/heap/bin_traffic.h"
#include "lib/publish/publish.h"
#include "lib/tuning/control.h"

/* ---- places ---- */

/* In a fork cut between bottom and top the bin counts as empty (recount_places). */
void hk_bin_grow(struct hk_heap *heap, unsigned size_class, unsigned blocks)
{
    struct hk_bin_state *st = &heap->classes[size_class].state;
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    unsigned length = hk_bin_length(heap, size_class), capacity = st->capacity;
    void **from = hk_place(heap, st->bottom) - 1, **to;
    blocks = blocks < HK_PLACES_MOST ? blocks : HK_PLACES_MOST;
    if (blocks <= capacity || (to = hk_places_take(blocks)) == NULL)
        return;
    memcpy(to + 1, from + 1, length * sizeof *to);
    uint32_t bottom = (uint32_t)((char *)(to + 1) - (char *)heap);
    st->bottom = bottom;
    HK_IN_ORDER();
    bin->top = bottom + length * (uint32_t)sizeof *to;
    st->capacity = (uint16_t)hk_places_capacity(blocks);
    if (from != heap->classes[size_class].places)
        hk_places_give(from, capacity);
}

struct hk_traffic hk_traffic_of_cut(struct hk_heap *heap, unsigned size_class)
{
    const struct hk_bin_state *st = &heap->classes[size_class].state;
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    unsigned pushed = bin->room <= st->given ? st->given - bin->room : 0, most = st->listed + pushed;
    if (hk_bin_length(heap, size_class) > st->capacity)
        bin->top = st->bottom; /* it was on its way to other places */
    unsigned length = hk_bin_length(heap, size_class);
    return (struct hk_traffic){.pushed = pushed, .popped = most > length ? most - length : 0};
}

/* ---- flush ---- */

/* Flushes all but the newest keep blocks of a bin that has just been accounted for. */
static void flush_beyond(struct hk_heap *heap, unsigned size_class, unsigned keep)
{
    struct hk_bin_state *st = &heap->classes[size_class].state;
    struct hk_class_row *row = &heap->classes[size_class].totals;
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    void **first = hk_place(heap, st->bottom);
    unsigned count = st->listed - keep;
    bin->top = st->bottom;
    st->listed = (uint16_t)keep;
    HK_IN_ORDER();
    bool emptied = false;
    unsigned remote = hk_flush_blocks(heap->id, size_class, first, count, &emptied);
    memmove(first, first + count, keep * sizeof *first);
    HK_IN_ORDER();
    bin->top = st->bottom + keep * (uint32_t)sizeof *first;
    hk_add(&row->flushes_total, 1);
    hk_add(&row->flushed_blocks_total, count);
    hk_add(&row->remote_frees_sent_total, remote);
    hk_add(&heap->cache_bytes, (uint64_t)0 - (uint64_t)count * hk_classes[size_class].bytes);
    if (emptied)
        hk_retain_check(HK_SLAB_BYTES);
}

/* A bin from which nothing was allocated since it last overflowed only passes blocks through, and is
 * emptied; one that overflows and refills in turn is allowed more. */
unsigned hk_bin_overflow(struct hk_heap *heap, unsigned size_class, unsigned limit)
{
    struct hk_bin_state *st = &heap->classes[size_class].state;
    const struct hk_class_row *row = &heap->classes[size_class].totals;
    unsigned most = hk_bin_param(&hk_bin_params[size_class].cap);
    bool passing_through = hk_get(&row->allocs_total) == st->allocs_at_overflow;
    bool alternating = (uint32_t)hk_get(&row->refills_total) != st->refills_at_overflow;
    st->allocs_at_overflow = hk_get(&row->allocs_total);
    st->refills_at_overflow = (uint32_t)hk_get(&row->refills_total);
    if (alternating && limit > 1 && st->limit < most) {
        st->limit = (uint16_t)(st->limit * 2u < most ? st->limit * 2u : most);
        if (st->listed <= st->limit - st->limit / 4)
            return st->limit; /* the larger allowance holds it all */
        limit = st->limit;
    }
    unsigned keep = passing_through ? 0 : limit / 2;
    flush_beyond(heap, size_class, keep < st->listed ? keep : st->listed);
    if (!passing_through)
        st->passes = 0;
    else if (st->passes < 15 * hk_passes_at_once(size_class))
        st->passes++;
    hk_control_tick();
    return passing_through ? hk_bin_limit(heap, size_class) : limit;
}

void hk_bin_flush(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin_state *st = &heap->classes[size_class].state;
    bool balanced;
    if (hk_bin_length(heap, size_class) == 0 && st->listed == 0 && st->given == 0)
        return;
    if (hk_account(heap, size_class, &balanced) != 0)
        flush_beyond(heap, size_class, 0);
    st->fill = (uint16_t)hk_bin_param(&hk_bin_params[size_class].start);
    hk_set_room(heap, size_class, 0);
    hk_state_bounds(heap, size_class);
    hk_publish_class(heap, size_class);
}

/* Room that is only promised goes first; then blocks, the largest first: they hold much and are asked for
 * seldom. */
void hk_heap_shed(struct hk_heap *heap, unsigned but_class)
{
    uint64_t limit = hk_param(HK_TUNE_heap_cache_bytes);
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        bool balanced;
        if (c == but_class || heap->classes[c].state.given == 0)
            continue;
        hk_account(heap, c, &balanced);
        hk_set_room(heap, c, 0);
        hk_state_bounds(heap, c);
        hk_publish_class(heap, c);
    }
    if (hk_held_bytes(heap) <= limit - limit / 4)
        return;
    for (unsigned c = HK_CLASSES; c-- > 0 && hk_held_bytes(heap) > limit / 2;) {
        if (c != but_class)
            hk_bin_flush(heap, c);
    }
}

void hk_heap_flush(struct hk_heap *heap)
{
    for (unsigned c = 0; c < HK_CLASSES; c++)
        hk_bin_flush(heap, c);
}

void hk_bin_bypass(uint32_t slab, unsigned size_class, void *block)
{
    if (!hk_slab_is_block(slab, size_class, block))
        hk_die_interior(block, slab);
    uint32_t offset = (uint32_t)((uintptr_t)block - hk_slab_start(slab));
    unsigned number = hk_block_index(&hk_classes[size_class], offset);
    bool emptied = false;
    hk_slab_put(slab, size_class, number / 64, UINT64_C(1) << (number % 64));
    hk_slab_push(slab, 0, size_class, 1, &emptied);
    if (emptied)
        hk_retain_check(HK_SLAB_BYTES);
}

void hk_bin_count_bypass(struct hk_heap *heap, unsigned size_class)
{
    hk_add(&heap->classes[size_class].totals.frees_total, 1);
    hk_add(&heap->classes[size_class].totals.flushed_blocks_total, 1);
    hk_publish_class(heap, size_class);
}

/* ---- a heap's life ---- */

void hk_bin_init(struct hk_heap *heap)
{
    for (unsigned c = 0; c < HK_CLASSES; c++)
        hk_bin_of(heap, c)->top = HK_EMPTY_TOP;
}

void hk_bin_begin(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin_state *st = &heap->classes[size_class].state;
    st->bottom = (uint32_t)((char *)&heap->classes[size_class].places[1] - (char *)heap);
    st->fill = (uint16_t)hk_bin_param(&hk_bin_params[size_class].start);
    st->limit = (uint16_t)hk_bin_param(&hk_bin_params[size_class].limit);
    hk_bin_of(heap, size_class)->top = st->bottom;
    HK_IN_ORDER();
    st->capacity = HK_FIRST_CAPACITY;
}

static bool is_used(const struct hk_heap *heap, unsigned size_class)
{
    return heap->classes[size_class].state.capacity != 0;
}

void hk_bin_learn(struct hk_heap *heap, unsigned size_class)
{
    bool balanced;
    if (!is_used(heap, size_class))
        return;
    hk_account(heap, size_class, &balanced);
    hk_state_bounds(heap, size_class);
    hk_publish_class(heap, size_class);
}

void hk_heap_learn(struct hk_heap *heap)
{
    for (unsigned c = 0; c < HK_CLASSES; c++)
        hk_bin_learn(heap, c);
}

/* Without judging what went by: exit() may have been called by a signal handler that interrupted this very
 * heap's malloc. */
void hk_heap_settle(struct hk_heap *heap)
{
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        if (!is_used(heap, c))
            continue;
        struct hk_traffic t = hk_traffic_of(heap, c);
        hk_note_traffic(heap, c, t);
        hk_set_room(heap, c, 0);
        hk_set(&heap->classes[c].totals.allocs_lag_blocks, 0);
        hk_set(&heap->classes[c].totals.frees_lag_blocks, 0);
        hk_publish_class(heap, c);
    }
}

void hk_heap_disown(struct hk_heap *heap)
{
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        uint32_t current = heap->classes[c].state.current;
        if (current == 0)
            continue;
        heap->classes[c].state.current = 0;
        hk_slab_disown(current - 1, heap->id, c);
    }
}

void hk_heap_rest(struct hk_heap *heap)
{
    hk_heap_flush(heap);
    hk_heap_disown(heap);
    hk_heap_settle(heap);
}

/* Puts a bin of a lost thread right: what it really holds, and totals to match. Returns its bytes. */
static uint64_t recount_bin(struct hk_heap *heap, unsigned size_class)
{
    struct hk_bin *bin = hk_bin_of(heap, size_class);
    struct hk_bin_state *st = &heap->classes[size_class].state;
    struct hk_class_row *row = &heap->classes[size_class].totals;
    struct hk_traffic t = hk_traffic_of_cut(heap, size_class);
    unsigned held = hk_bin_length(heap, size_class);
    hk_add(&row->frees_total, t.pushed);
    hk_add(&row->allocs_total, t.popped);
    bin->room = 0;
    st->given = 0;
    st->listed = (uint16_t)held;
    hk_state_bounds(heap, size_class);
    return (uint64_t)held * hk_classes[size_class].bytes;
}

void hk_heap_recount(struct hk_heap *heap)
{
    if (heap->busy != 0)
        hk_slab_repair(heap->busy - 1, heap->id);
    heap->busy = 0;
    uint64_t held_bytes = 0;
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        if (is_used(heap, c))
            held_bytes += recount_bin(heap, c);
        else
            hk_bin_of(heap, c)->top = HK_EMPTY_TOP; /* the fork may have come while it was begun */
    }
    hk_set(&heap->cache_bytes, held_bytes);
    heap->room_bytes = 0;
    heap->suspect = false;
}
