/* big_cache.c - see big_cache.h. */
#include "lib/arena/big_cache.h"

#include "lib/arena/arena.h"
#include "lib/arena/verify_parts.h"

#define PLACES     32
#define UNIT_SHIFT 12 /* lengths are kept in units of the smallest page there is */

/* slab in the low half, units in the high half; 0: free (a block has at least one unit). */
static hk_au64 places[PLACES];
static hk_au64 last; /* as a place, but not one of them */

/* Slab + 1, 0: free. Those of a length lie together. */
#define RUN_PLACES 8
static hk_au32 runs[HK_RUN_LENGTHS + 1][RUN_PLACES] HK_ALIGNED(HK_CACHE_LINE);

static hk_au64 held_bytes;
static hk_au32 hand; /* the place that was filled longest ago, about */

/* ---- runs of slabs ---- */

bool hk_run_cache_put(uint32_t slab, uint32_t span, uint64_t limit)
{
    const uint64_t most = limit / HK_RUN_LENGTHS;
    for (unsigned i = 0; i < RUN_PLACES && (i + 1) * span * HK_SLAB_BYTES <= most; i++) {
        hk_au32 *place = &runs[span][i];
        uint32_t nothing = 0;
        if (atomic_load_explicit(place, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(place, &nothing, slab + 1))
            return true;
    }
    return false;
}

int64_t hk_run_cache_take(uint32_t span)
{
    hk_au32 *kept = runs[span];
    for (unsigned i = 0; i < RUN_PLACES; i++) {
        uint32_t word = atomic_load_explicit(&kept[i], memory_order_relaxed);
        if (word != 0 && atomic_compare_exchange_strong(&kept[i], &word, 0))
            return (int64_t)word - 1;
    }
    return -1;
}

bool hk_run_cache_evict(struct hk_cached *block)
{
    for (uint32_t span = HK_RUN_LENGTHS; span > 0; span--) {
        int64_t slab = hk_run_cache_take(span);
        if (slab >= 0) {
            *block = (struct hk_cached){.slab = (uint32_t)slab, .bytes = span * HK_SLAB_BYTES};
            return true;
        }
    }
    return false;
}

/* ---- huge blocks ---- */

static uint64_t pack(struct hk_cached block)
{
    return (uint64_t)(block.bytes >> UNIT_SHIFT) << 32 | block.slab;
}

static struct hk_cached unpack(uint64_t word)
{
    return (struct hk_cached){.slab = (uint32_t)word, .bytes = (size_t)(word >> 32) << UNIT_SHIFT};
}

static bool is_aligned(struct hk_cached block, size_t align)
{
    return (hk_slab_start(block.slab) & (align - 1)) == 0;
}

static uint64_t word_at(unsigned i)
{
    return atomic_load_explicit(&places[i % PLACES], memory_order_relaxed);
}

static bool take_place(unsigned i, uint64_t word, struct hk_cached *block)
{
    if (!atomic_compare_exchange_strong(&places[i % PLACES], &word, 0))
        return false;
    *block = unpack(word);
    atomic_fetch_sub_explicit(&held_bytes, block->bytes, memory_order_relaxed);
    return true;
}

bool hk_big_cache_put(struct hk_cached block, uint64_t limit)
{
    uint64_t held = atomic_fetch_add_explicit(&held_bytes, block.bytes, memory_order_relaxed) + block.bytes;
    unsigned from = atomic_load_explicit(&hand, memory_order_relaxed);
    for (unsigned i = from; held <= limit && i < from + PLACES; i++) {
        uint64_t nothing = 0;
        if (word_at(i) == 0 && atomic_compare_exchange_strong(&places[i % PLACES], &nothing, pack(block)))
            return true;
    }
    atomic_fetch_sub_explicit(&held_bytes, block.bytes, memory_order_relaxed);
    return false;
}

bool hk_big_cache_take(size_t bytes, size_t align, struct hk_cached *block)
{
    size_t most = bytes + bytes / 8, slabs = hk_round_up(bytes, HK_SLAB_BYTES);
    if (most < slabs)
        most = slabs;
    if (atomic_load_explicit(&held_bytes, memory_order_relaxed) < bytes)
        return false;
    for (int attempt = 0; attempt < 2; attempt++) {
        uint64_t best = 0;
        unsigned at = 0;
        for (unsigned i = 0; i < PLACES; i++) {
            uint64_t word = word_at(i);
            struct hk_cached b = unpack(word);
            if (b.bytes >= bytes && b.bytes <= most && (best == 0 || b.bytes < unpack(best).bytes) &&
                is_aligned(b, align)) {
                best = word;
                at = i;
            }
        }
        if (best == 0)
            return false;
        if (take_place(at, best, block))
            return true;
    }
    return false;
}

static uint64_t find_oldest(unsigned *at)
{
    unsigned from = atomic_load_explicit(&hand, memory_order_relaxed);
    for (*at = from; *at < from + PLACES; (*at)++) {
        uint64_t word = word_at(*at);
        if (word != 0) {
            atomic_store_explicit(&hand, (*at + 1) % PLACES, memory_order_relaxed);
            return word;
        }
    }
    return 0;
}

static bool is_better(size_t candidate, size_t best, size_t wanted)
{
    if (best >= wanted)
        return candidate >= wanted && candidate < best;
    return candidate > best;
}

static uint64_t find_fit(size_t bytes, unsigned *at)
{
    uint64_t best = 0;
    for (unsigned i = 0; i < PLACES; i++) {
        uint64_t word = word_at(i);
        if (word != 0 && (best == 0 || is_better(unpack(word).bytes, unpack(best).bytes, bytes))) {
            best = word;
            *at = i;
        }
    }
    return best;
}

bool hk_big_cache_evict_oldest(struct hk_cached *block)
{
    unsigned at = 0;
    uint64_t word;
    while ((word = find_oldest(&at)) != 0) {
        if (take_place(at, word, block))
            return true;
    }
    return false;
}

bool hk_big_cache_evict_fit(size_t bytes, struct hk_cached *block)
{
    unsigned at = 0;
    uint64_t word;
    while ((word = find_fit(bytes, &at)) != 0) {
        if (take_place(at, word, block))
            return true;
    }
    return false;
}

bool hk_big_last_put(struct hk_cached block, struct hk_cached *older)
{
    uint64_t word = atomic_exchange(&last, pack(block));
    *older = unpack(word);
    return word != 0;
}

bool hk_big_last_take(size_t bytes, size_t align, struct hk_cached *block)
{
    uint64_t word = atomic_load_explicit(&last, memory_order_relaxed);
    *block = unpack(word);
    return word != 0 && block->bytes == hk_round_up(bytes, HK_SLAB_BYTES) && is_aligned(*block, align) &&
           atomic_compare_exchange_strong(&last, &word, 0);
}

bool hk_big_last_evict(struct hk_cached *block)
{
    uint64_t word = atomic_load_explicit(&last, memory_order_relaxed);
    *block = unpack(word);
    return word != 0 && atomic_compare_exchange_strong(&last, &word, 0);
}

void hk_big_cache_after_fork(void)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < PLACES; i++)
        bytes += unpack(word_at(i)).bytes;
    atomic_store(&held_bytes, bytes);
}

#ifdef HK_VERIFY
HK_STATIC_ASSERT(PLACES + 1 + (HK_RUN_LENGTHS + 1) * RUN_PLACES <= HK_KEPT_MOST, "room for all");

unsigned hk_big_cache_list(uint32_t slabs[HK_KEPT_MOST])
{
    unsigned n = 0;
    for (unsigned i = 0; i < PLACES; i++) {
        if (word_at(i) != 0)
            slabs[n++] = unpack(word_at(i)).slab;
    }
    if (atomic_load(&last) != 0)
        slabs[n++] = unpack(atomic_load(&last)).slab;
    for (unsigned span = 0; span <= HK_RUN_LENGTHS; span++) {
        for (unsigned i = 0; i < RUN_PLACES; i++) {
            if (atomic_load(&runs[span][i]) != 0)
                slabs[n++] = atomic_load(&runs[span][i]) - 1;
        }
    }
    return n;
}
#endif
