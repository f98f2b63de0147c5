/* verify.c - see verify.h: what can be looked at while other threads go on. */
#include "lib/arena/verify_parts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/arena/big_block.h"
#include "lib/arena/slab.h"
#include "lib/arena/superslab_state.h"
#include "lib/base/process_counters.h"
#include "lib/heap/bin_storage.h"
#include "lib/heap/bin_traffic.h"
#include "lib/os/os.h"
#include "lib/os/stderr_line.h"
#include "lib/os/syscall.h"
#include "shm/text.h"

#define WHOLE_EVERY 64 /* slow paths */
#define SEEN_SLOTS  ((size_t)4 * HK_PLACES_MOST)
#define SEEN_EPOCH  44 /* a block's number in units of HK_MIN_ALIGN is below it */
#define LAST_EPOCH  ((UINT64_C(1) << (64 - SEEN_EPOCH)) - 1)

unsigned hk_verify_patience = 1000000;

static _Atomic(bool) forked;

void hk_verify_after_fork(void)
{
    atomic_store(&forked, true);
}

void hk_verify_failed(const char *what, uint64_t at, uint64_t seen, uint64_t wanted)
{
    char line[256];
    struct hk_text t = hk_text_in(line, sizeof line);
    hk_text_add(&t, "verify: ");
    hk_text_add(&t, what);
    hk_text_add(&t, ": at ");
    hk_text_add_hex(&t, at);
    hk_text_add(&t, " there is ");
    hk_text_add_hex(&t, seen);
    hk_text_add(&t, ", not ");
    hk_text_add_hex(&t, wanted);
    hk_report(line);
    abort();
}

static void must_be(const char *what, uint64_t at, uint64_t seen, uint64_t wanted)
{
    if (HK_UNLIKELY(seen != wanted))
        hk_verify_failed(what, at, seen, wanted);
}

static void must_not_exceed(const char *what, uint64_t at, uint64_t seen, uint64_t most)
{
    if (HK_UNLIKELY(seen > most))
        hk_verify_failed(what, at, seen, most);
}

/* ---- slabs ---- */

unsigned hk_verify_map(uint32_t slab, unsigned size_class, bool *beyond)
{
    unsigned capacity = hk_classes[size_class].capacity, bits = 0;
    hk_au64 *map = hk_slab_map(slab, size_class);
    *beyond = false;
    for (unsigned w = 0; w * 64 < capacity; w++) {
        uint64_t word = atomic_load_explicit(&map[w], memory_order_acquire);
        unsigned left = capacity - w * 64;
        *beyond = *beyond || (left < 64 && word >> left != 0);
        bits += (unsigned)__builtin_popcountll(word);
    }
    return bits;
}

static bool is_free(uint32_t slab)
{
    uint32_t mask = atomic_load(&hk_superslab_at(slab / HK_SLABS_PER_SUPERSLAB)->free);
    return (mask >> (slab % HK_SLABS_PER_SUPERSLAB) & 1) != 0;
}

/* What is wrong with a slab, as far as one look can tell; NULL: nothing. */
static const char *wrong_with_small(uint32_t slab, struct hk_slab_look is)
{
    bool beyond = false;
    if (is.size_class >= HK_CLASSES)
        return "a slab is of no class";
    unsigned capacity = hk_classes[is.size_class].capacity;
    if (is.out == 0 || is.out > capacity)
        return "a slab has an impossible number of blocks out";
    if (is.owner > hk_heap_count())
        return "a slab's owner was never made";
    if (hk_meta_of(slab) != hk_bin_offset_of_class(is.size_class))
        return "a slab's meta word is not that of its class";
    if (atomic_load(&hk_slab_at(slab)->kind) != HK_SLAB_SMALL)
        return "a slab with a class is no small one";
    if (hk_verify_map(slab, is.size_class, &beyond) + is.out < capacity)
        return "a slab's map has fewer free blocks than its word";
    return beyond ? "a slab's map has blocks that there are not" : NULL;
}

static const char *wrong_with(uint32_t slab)
{
    struct hk_slab_look is = hk_slab_look(slab);
    if (is.live && is_free(slab))
        return "a slab is free and serves a class";
    if (is.live)
        return wrong_with_small(slab, is);
    if (!is_free(slab))
        return NULL;
    if (hk_meta_of(slab) != 0)
        return "a free slab has a meta word";
    return atomic_load(&hk_slab_at(slab)->kind) != HK_SLAB_NONE ? "a free slab is part of a block" : NULL;
}

/* What another thread is changing fits again when it has done so. */
static void verify_slab(uint32_t slab)
{
    const char *wrong = wrong_with(slab);
    for (unsigned looks = 0; wrong != NULL && looks < hk_verify_patience; looks++) {
        HK_SYSCALL(SYS_sched_yield, 0);
        wrong = wrong_with(slab);
    }
    if (wrong != NULL)
        hk_verify_failed(wrong, slab, atomic_load(&hk_slab_at(slab)->word), hk_meta_of(slab));
}

/* One SuperSlab a call, each in turn. */
static void verify_next_superslab(void)
{
    static hk_au32 turn;
    uint32_t count = (uint32_t)(hk_arena_slabs() / HK_SLABS_PER_SUPERSLAB);
    if (count == 0)
        return;
    uint32_t superslab = atomic_fetch_add(&turn, 1) % count;
    if (hk_ss_state(superslab) != HK_SUPERSLAB_OPEN)
        return;
    for (unsigned i = 0; i < HK_SLABS_PER_SUPERSLAB; i++)
        verify_slab(superslab * HK_SLABS_PER_SUPERSLAB + i);
}

/* ---- bins ---- */

/* Blocks seen in a bin, by the heap: a table of words, of which those of earlier epochs are unused. Epochs
 * count from 1: what was never written is of none. */
static uint64_t *seen_by[HK_MAX_HEAPS + 1];

static uint64_t *begin_seen(unsigned id)
{
    if (seen_by[id] == NULL)
        seen_by[id] = (uint64_t *)hk_os_map_anywhere((SEEN_SLOTS + 1) * sizeof(uint64_t));
    uint64_t *table = seen_by[id];
    if (table != NULL && table[SEEN_SLOTS] == LAST_EPOCH)
        memset(table, 0, (SEEN_SLOTS + 1) * sizeof(uint64_t));
    if (table != NULL)
        table[SEEN_SLOTS]++;
    return table;
}

/* Without memory for a table nothing was seen. */
static bool was_seen(uint64_t *table, const void *block)
{
    if (table == NULL)
        return false;
    uint64_t word = (uintptr_t)block / HK_MIN_ALIGN | table[SEEN_SLOTS] << SEEN_EPOCH;
    size_t at = ((uintptr_t)block / HK_MIN_ALIGN * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
    for (;; at++) {
        uint64_t *slot = &table[at % SEEN_SLOTS];
        if (*slot == word)
            return true;
        if (*slot >> SEEN_EPOCH != table[SEEN_SLOTS]) {
            *slot = word;
            return false;
        }
    }
}

/* As long as the block is in the bin nobody can change what is looked at. */
static void verify_block(unsigned size_class, const void *block)
{
    uintptr_t at = (uintptr_t)block;
    size_t number = hk_slab_of(block);
    must_not_exceed("a block in a bin is outside the arena", at, number, hk_arena_slabs() - 1);
    uint32_t slab = (uint32_t)number;
    must_be("a block in a bin is not of its class", at, hk_meta_of(slab), hk_bin_offset_of_class(size_class));
    must_be("what is in a bin is no block", at, hk_slab_is_block(slab, size_class, block), true);
    struct hk_slab_look is = hk_slab_look(slab);
    must_be("the slab of a block in a bin serves nothing", at, is.live, true);
    must_be("the slab of a block in a bin is another class's", at, is.size_class, size_class);
    must_be("a slab has all blocks though one is in a bin", at, is.out != 0, true);
    must_be("the slab of a block in a bin is free", at, is_free(slab), false);
    unsigned index = hk_block_index(&hk_classes[size_class], (uint32_t)(at - hk_slab_start(slab)));
    uint64_t word = atomic_load(&hk_slab_map(slab, size_class)[index / 64]);
    must_be("a block is in a bin and in its slab", at, word >> (index % 64) & 1, 0);
}

static void verify_numbers(struct hk_heap *heap, unsigned size_class)
{
    const struct hk_bin_state *st = &heap->classes[size_class].state;
    const struct hk_bin *bin = hk_bin_of(heap, size_class);
    unsigned length = hk_bin_length(heap, size_class);
    must_not_exceed("a bin has more than there are places for", size_class, length, st->capacity);
    must_not_exceed("a bin was given more than there are places for", size_class, st->listed + st->given,
                    st->capacity);
    must_not_exceed("a bin has more room than it was given", size_class, bin->room, st->given);
    must_not_exceed("a bin has more than was put", size_class, length, st->listed + (st->given - bin->room));
    must_not_exceed("a bin's blocks and room need more places", size_class, length + bin->room, st->capacity);
    must_be("the place below a bin is not empty", size_class, (uintptr_t)hk_place(heap, st->bottom)[-1], 0);
}

static void verify_one_bin(struct hk_heap *heap, unsigned size_class)
{
    const struct hk_bin_state *st = &heap->classes[size_class].state;
    if (st->capacity == 0)
        return;
    verify_numbers(heap, size_class);
    uint64_t *seen = begin_seen(heap->id);
    void **place = hk_place(heap, st->bottom);
    for (unsigned i = 0; i < hk_bin_length(heap, size_class); i++) {
        verify_block(size_class, place[i]);
        must_be("a block is in a bin twice", (uintptr_t)place[i], was_seen(seen, place[i]), false);
    }
    if (st->current != 0)
        verify_slab(st->current - 1);
}

/* What all bins hold and have room for. */
static void verify_heap(struct hk_heap *heap)
{
    uint64_t cached = 0, room = 0;
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        const struct hk_bin_state *st = &heap->classes[c].state;
        if (st->capacity == 0)
            continue;
        verify_one_bin(heap, c);
        cached += (uint64_t)st->listed * hk_classes[c].bytes;
        room += (uint64_t)st->given * hk_classes[c].bytes;
    }
    must_be("a heap's cached bytes", heap->id, hk_get(&heap->cache_bytes), cached);
    must_be("a heap's room", heap->id, heap->room_bytes, room);
    must_be("a heap is being refilled", heap->id, heap->busy, 0);
}

void hk_verify_bin(struct hk_heap *heap, unsigned size_class)
{
    static hk_au32 calls;
    verify_one_bin(heap, size_class);
    if (atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) % WHOLE_EVERY == 0)
        verify_heap(heap);
    verify_next_superslab();
}

/* ---- big and huge blocks ---- */

static void verify_run(const struct hk_slab *s, uint32_t slab)
{
    uint32_t superslab = slab / HK_SLABS_PER_SUPERSLAB, first = slab % HK_SLABS_PER_SUPERSLAB;
    must_be("a big block's length in slabs", slab, s->span - 1 < HK_BIG_MAX_SLABS, true);
    must_not_exceed("a big block leaves its SuperSlab", slab, first + s->span, HK_SLABS_PER_SUPERSLAB);
    must_be("a big block's SuperSlab is not open", slab, hk_ss_state(superslab), HK_SUPERSLAB_OPEN);
    uint32_t mask = (uint32_t)((UINT64_C(1) << s->span) - 1) << first;
    const struct hk_superslab *record = hk_superslab_at(superslab);
    must_be("a big block's slabs are free", slab, atomic_load(&record->free) & mask, 0);
    must_be("a big block's slabs are not noted as used", slab, atomic_load(&record->dirty) & mask, mask);
    must_be("a big block's slabs are not resident", slab, atomic_load(&record->resident) & mask, mask);
    for (uint32_t i = slab; i < slab + s->span; i++)
        must_be("a big block's slab has a meta word", i, hk_meta_of(i), 0);
}

static void verify_superslabs(const struct hk_slab *s, uint32_t slab)
{
    uint32_t first = slab / HK_SLABS_PER_SUPERSLAB;
    must_be("a huge block begins within a SuperSlab", slab, slab % HK_SLABS_PER_SUPERSLAB, 0);
    must_be("a huge block's length in SuperSlabs", slab, s->span, hk_superslabs_for(s->mapped));
    for (uint32_t i = first; i < first + s->span; i++) {
        must_be("a huge block's SuperSlab is another's", i, hk_ss_state(i), HK_SUPERSLAB_HUGE);
        must_be("a huge block's SuperSlab has free slabs", i, atomic_load(&hk_superslab_at(i)->free), 0);
    }
}

static void verify_cover(const struct hk_slab *s, uint32_t slab)
{
    if (s->mapped == 0)
        verify_run(s, slab);
    else
        verify_superslabs(s, slab);
}

void hk_verify_big(const void *p)
{
    if (p == NULL)
        return;
    uint32_t slab = (uint32_t)hk_slab_of(p);
    const struct hk_slab *s = hk_slab_at(slab);
    unsigned kind = atomic_load(&s->kind);
    must_be("a big block is of another kind", slab, kind, s->mapped == 0 ? HK_SLAB_BIG : HK_SLAB_HUGE);
    must_be("a big block is not in whole pages", slab, s->bytes % hk_page_bytes, 0);
    must_not_exceed("a big block is longer than what it has", slab, s->bytes,
                    s->mapped != 0 ? s->mapped : s->span * HK_SLAB_BYTES);
    verify_cover(s, slab);
    verify_next_superslab();
}

void hk_verify_kept(uint32_t slab)
{
    const struct hk_slab *s = hk_slab_at(slab);
    must_be("a kept block is in use", slab, atomic_load(&s->kind), HK_SLAB_NONE);
    verify_cover(s, slab);
}

/* ---- the arena ---- */

void hk_verify_arena(void)
{
    uint32_t open = 0, holes = 0;
    bool closed_before = false;
    if (atomic_load(&forked) || hk_ss.lock.nested != 0)
        return;
    must_be("the arena's end", 0, hk_arena_slabs(), (uint64_t)hk_ss.end * HK_SLABS_PER_SUPERSLAB);
    for (uint32_t s = 0; s < hk_ss.end; s++) {
        bool closed = hk_ss_is_closed(s);
        open += hk_ss_state(s) == HK_SUPERSLAB_OPEN;
        holes += closed && !closed_before;
        closed_before = closed;
        must_be("a closed SuperSlab has free slabs", s, closed && atomic_load(&hk_superslab_at(s)->free) != 0,
                0);
    }
    must_be("the number of open SuperSlabs", 0, hk_ss.open, open);
    must_be("the number of holes", 0, (uint64_t)hk_ss.holes, holes);
}
