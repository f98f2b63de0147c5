/* verify_quiet.c - see verify.h: everything, when nothing moves. */
#include "lib/arena/slab.h"
#include "lib/arena/superslab_index.h"
#include "lib/arena/superslab_state.h"
#include "lib/arena/verify_parts.h"
#include "lib/base/process_counters.h"
#include "lib/heap/bin_traffic.h"

/* What is counted while everything is gone through. */
struct sums {
    uint64_t small, retained, big_bytes, huge_bytes;
    uint64_t out[HK_CLASSES];
    uint32_t tails;
    struct {
        uint32_t slabs[HK_KEPT_MOST];
        unsigned count;
    } kept;
};

static void must_be(const char *what, uint64_t at, uint64_t seen, uint64_t wanted)
{
    if (HK_UNLIKELY(seen != wanted))
        hk_verify_failed(what, at, seen, wanted);
}

static bool is_kept(const struct sums *sums, uint32_t slab)
{
    for (unsigned i = 0; i < sums->kept.count; i++) {
        if (sums->kept.slabs[i] == slab)
            return true;
    }
    return false;
}

static void go_through_small(uint32_t slab, struct sums *sums)
{
    struct hk_slab_look is = hk_slab_look(slab);
    uint32_t superslab = slab / HK_SLABS_PER_SUPERSLAB;
    unsigned capacity = hk_classes[is.size_class].capacity;
    bool beyond;
    must_be("a slab's map and its word differ", slab, hk_verify_map(slab, is.size_class, &beyond),
            capacity - is.out);
    if (is.owned)
        must_be("a slab's owner does not refill from it", slab,
                hk_heap_at(is.owner)->classes[is.size_class].state.current, slab + 1);
    if (!is.owned && is.out < capacity) {
        uint32_t mask = atomic_load(&hk_superslab_at(superslab)->partial[is.size_class]);
        must_be("a partial slab is not listed", slab, mask >> (slab % HK_SLABS_PER_SUPERSLAB) & 1, 1);
        must_be("a partial slab is not in the index", slab, hk_index_hints(is.size_class, superslab), true);
    }
    sums->small++;
    sums->out[is.size_class] += is.out;
}

/* Returns how many slabs it covers. */
static unsigned go_through_run(uint32_t slab, struct sums *sums)
{
    const struct hk_slab *s = hk_slab_at(slab);
    if (is_kept(sums, slab))
        hk_verify_kept(slab);
    else
        hk_verify_big((const void *)hk_slab_start(slab));
    must_be("a run's record is a huge block's", slab, s->mapped, 0);
    *(is_kept(sums, slab) ? &sums->retained
                          : &sums->big_bytes) += is_kept(sums, slab) ? s->span * HK_SLAB_BYTES : s->bytes;
    return s->span;
}

static void go_through_open(uint32_t superslab, struct sums *sums)
{
    const struct hk_superslab *record = hk_superslab_at(superslab);
    uint32_t unused = atomic_load(&record->free), resident = atomic_load(&record->resident);
    unsigned rows = hk_index_free_rows(unused, resident);
    for (unsigned row = HK_ROW_FREE; row < HK_INDEX_ROWS; row++) {
        if (row != HK_ROW_CLOSED && (rows >> (row - HK_ROW_FREE) & 1) != 0)
            must_be("free slabs are not in the index", superslab, hk_index_hints(row, superslab), true);
    }
    sums->retained += (uint64_t)__builtin_popcount(unused & resident) * HK_SLAB_BYTES;
    for (unsigned i = 0; i < HK_SLABS_PER_SUPERSLAB;) {
        uint32_t slab = superslab * HK_SLABS_PER_SUPERSLAB + i;
        bool small = hk_slab_look(slab).live;
        if (small)
            go_through_small(slab, sums);
        i += small || (unused >> i & 1) != 0 ? 1 : go_through_run(slab, sums);
    }
}

/* Returns how many SuperSlabs it covers. */
static uint32_t go_through_huge(uint32_t superslab, struct sums *sums)
{
    uint32_t slab = superslab * HK_SLABS_PER_SUPERSLAB;
    const struct hk_slab *s = hk_slab_at(slab);
    bool kept = is_kept(sums, slab);
    if (kept)
        hk_verify_kept(slab);
    else
        hk_verify_big((const void *)hk_slab_start(slab));
    *(kept ? &sums->retained : &sums->huge_bytes) += kept ? s->mapped : s->bytes;
    sums->tails += (uint32_t)hk_ss_has_tail(s->mapped);
    return s->span;
}

/* Blocks that are out are in bins or in the program's hands. */
static void compare_blocks(const struct sums *sums)
{
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        uint64_t in_bins = 0, allocs = 0, frees = 0;
        for (unsigned id = 1; id <= hk_heap_count(); id++) {
            struct hk_heap *heap = hk_heap_at(id);
            struct hk_traffic since = {0, 0};
            if (heap->classes[c].state.capacity != 0)
                since = hk_traffic_of(heap, c);
            in_bins += hk_bin_length(heap, c);
            allocs += hk_get(&heap->classes[c].totals.allocs_total) + since.popped;
            frees += hk_get(&heap->classes[c].totals.frees_total) + since.pushed;
        }
        must_be("blocks that are out of their slabs", c, sums->out[c], in_bins + allocs - frees);
    }
}

void hk_verify_quiet(void)
{
    struct sums sums = {0};
    sums.kept.count = hk_big_cache_list(sums.kept.slabs);
    hk_lock_take(&hk_ss.lock);
    hk_verify_arena();
    for (uint32_t s = 0; s < hk_ss.end;) {
        unsigned state = hk_ss_state(s);
        if (state == HK_SUPERSLAB_OPEN)
            go_through_open(s, &sums);
        if (state == HK_SUPERSLAB_CLOSED)
            must_be("a closed SuperSlab is not in the index", s, hk_index_hints(HK_ROW_CLOSED, s), true);
        s += state == HK_SUPERSLAB_HUGE ? go_through_huge(s, &sums) : 1;
    }
    must_be("unfinished last SuperSlabs", 0, (uint64_t)hk_ss.tails, sums.tails);
    hk_lock_drop(&hk_ss.lock);
    compare_blocks(&sums);
    must_be("slabs in use", 0, hk_total(&hk_process.slabs_in_use), sums.small);
    must_be("retained bytes", 0, hk_total(&hk_process.retained_bytes), sums.retained);
    must_be("bytes of big blocks", 0, hk_total(&hk_process.big_bytes), sums.big_bytes);
    must_be("bytes of huge blocks", 0, hk_total(&hk_process.huge_bytes), sums.huge_bytes);
}
