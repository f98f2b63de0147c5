/* big_block.c - see big_block.h. */
#include "lib/arena/big_block.h"

#include <string.h>

#include "lib/arena/arena.h"
#include "lib/arena/big_cache.h"
#include "lib/arena/misuse.h"
#include "lib/arena/purge.h"
#include "lib/arena/superslab.h"
#include "lib/base/process_counters.h"
#include "lib/base/tuned_values.h"
#include "lib/base/verify.h"
#include "lib/os/os.h"

/* Below this, copying is cheaper than moving page tables and leaves no mapping of its own behind. */
#define MOVE_MIN (HK_MIB)

/* A huge block that shrinks by less keeps its pages: each shrinking is a system call. */
#define SHRINK_MIN HK_SLAB_BYTES

static bool is_huge_request(size_t bytes, size_t align)
{
    return bytes > HK_BIG_MAX || align > HK_SUPERSLAB_BYTES;
}

/* Bytes of addresses that are mapped for the block. Only huge ones say so themselves. */
static size_t held(const struct hk_slab *s)
{
    return s->mapped != 0 ? s->mapped : (size_t)s->span * HK_SLAB_BYTES;
}

/* ---- live blocks ---- */

/* Allocs and frees are counted last: they are what publishing looks at (hk_process_version). */
static void count_live(const struct hk_slab *s, unsigned kind)
{
    bool huge = kind == HK_SLAB_HUGE;
    hk_count_along(huge ? &hk_process.huge_bytes : &hk_process.big_bytes, s->bytes);
    hk_count_along(huge ? &hk_process.huge_allocs_total : &hk_process.big_allocs_total, 1);
}

/* retained: bytes that are kept. */
static void count_dead(const struct hk_slab *s, unsigned kind, size_t retained)
{
    bool huge = kind == HK_SLAB_HUGE;
    hk_count_along(huge ? &hk_process.huge_bytes : &hk_process.big_bytes, (uint64_t)0 - s->bytes);
    if (retained != 0)
        hk_count_along(&hk_process.retained_bytes, retained);
    hk_count_along(huge ? &hk_process.huge_frees_total : &hk_process.big_frees_total, 1);
}

/* A big block whose size changed stays one block. */
static void recount_bytes(struct hk_slab *s, unsigned kind, size_t bytes)
{
    hk_au64 *total = kind == HK_SLAB_HUGE ? &hk_process.huge_bytes : &hk_process.big_bytes;
    hk_count(total, bytes - s->bytes);
    s->bytes = bytes;
}

static void *enter(uint32_t slab, unsigned kind, size_t bytes)
{
    struct hk_slab *s = hk_slab_at(slab);
    s->bytes = bytes;
    atomic_store_explicit(&s->kind, (uint8_t)kind, memory_order_release);
    count_live(s, kind);
    return (void *)hk_slab_start(slab);
}

/* One that is not from the cache. */
static void *enter_new(uint32_t slab, unsigned kind, size_t bytes)
{
    hk_count_along(&hk_big_cache_misses, 1);
    return enter(slab, kind, bytes);
}

/* What kind of block starts at p; HK_SLAB_NONE where none does. */
HK_INLINE unsigned kind_at(const struct hk_slab *s, const void *p)
{
    unsigned kind = atomic_load_explicit(&s->kind, memory_order_acquire);
    bool starts_here = ((uintptr_t)p & (HK_SLAB_BYTES - 1)) == 0;
    return starts_here && (kind == HK_SLAB_BIG || kind == HK_SLAB_HUGE) ? kind : HK_SLAB_NONE;
}

bool hk_big_is_block(const void *p, uint32_t slab)
{
    return kind_at(hk_slab_at(slab), p) != HK_SLAB_NONE;
}

size_t hk_big_usable(const char *call, const void *p, uint32_t slab)
{
    const struct hk_slab *s = hk_slab_at(slab);
    if (kind_at(s, p) == HK_SLAB_NONE)
        hk_die_not_a_block(call, p);
    return s->bytes;
}

/* ---- taking and giving back ---- */

/* A kept block that is in use again, as what it was. */
static void *enter_kept(uint32_t slab, size_t bytes)
{
    struct hk_slab *s = hk_slab_at(slab);
    hk_verify_kept(slab);
    hk_count_along(&hk_process.retained_bytes, (uint64_t)0 - held(s));
    return enter(slab, s->mapped != 0 ? HK_SLAB_HUGE : HK_SLAB_BIG, bytes);
}

/* To the SuperSlab; a huge one, if it may be kept and there is room for it in what is retained, to whoever
 * wants its SuperSlabs next; or to the system. Returns the bytes that went back to the system. */
static size_t give(uint32_t slab, bool may_keep)
{
    struct hk_slab *s = hk_slab_at(slab);
    size_t mapped = s->mapped;
    uint32_t first = slab / HK_SLABS_PER_SUPERSLAB;
    if (mapped == 0) {
        hk_slabs_give(slab, s->span);
        return 0;
    }
    if (s->moved)
        hk_arena_uncount_moved();
    else if (may_keep && hk_retain_has_room(mapped) && hk_arena_keep_run(first, s->span, mapped))
        return 0;
    return hk_arena_give_run(first, s->span, mapped);
}

/* One that was in the cache. */
static size_t give_cached(uint32_t slab, bool may_keep)
{
    hk_verify_kept(slab);
    hk_count_along(&hk_process.retained_bytes, (uint64_t)0 - held(hk_slab_at(slab)));
    return give(slab, may_keep);
}

/* Kept runs join their neighbours, before memory that has no pages is taken. Returns whether there were any.
 */
static bool release_runs(void)
{
    struct hk_cached block;
    bool any = false;
    while (hk_big_last_evict(&block) || hk_run_cache_evict(&block)) {
        (void)give_cached(block.slab, true);
        any = true;
    }
    return any;
}

void *hk_big_reuse(size_t size, size_t align)
{
    if (size > HK_RUN_LENGTHS * HK_SLAB_BYTES || size == 0 || align > HK_SLAB_BYTES)
        return NULL;
    uint32_t span = hk_slabs_for(size);
    int64_t slab = hk_run_cache_take(span);
    if (slab < 0)
        return NULL;
    struct hk_slab *s = hk_slab_at((uint32_t)slab);
    hk_verify_kept((uint32_t)slab);
    hk_count_along(&hk_process.retained_bytes, (uint64_t)0 - span * HK_SLAB_BYTES);
    s->bytes = hk_round_up(size, hk_page_bytes);
    atomic_store_explicit(&s->kind, HK_SLAB_BIG, memory_order_release);
    count_live(s, HK_SLAB_BIG);
    return (void *)hk_slab_start((uint32_t)slab);
}

static void *take_slabs(size_t bytes, size_t align, bool *zeroed)
{
    uint32_t n = hk_slabs_for(bytes);
    struct hk_cached block;
    if (n > HK_RUN_LENGTHS &&
        (hk_big_last_take(bytes, align, &block) || hk_big_cache_take(bytes, align, &block)))
        return enter_kept(block.slab, bytes);
    int64_t slab = hk_slabs_take_resident(n, align, zeroed);
    if (slab < 0 && release_runs())
        slab = hk_slabs_take_resident(n, align, zeroed);
    if (slab < 0)
        slab = hk_slabs_take(n, align, zeroed);
    if (slab < 0)
        return NULL;
    struct hk_slab *s = hk_slab_at((uint32_t)slab);
    s->span = n;
    s->mapped = 0;
    s->moved = false;
    return enter_new((uint32_t)slab, HK_SLAB_BIG, bytes);
}

static void *take_kept_huge(size_t bytes, size_t align)
{
    struct hk_cached block;
    return hk_big_cache_take(bytes, align, &block) ? enter_kept(block.slab, bytes) : NULL;
}

static void *take_superslabs(size_t bytes, size_t align, bool *zeroed)
{
    struct hk_run run;
    void *kept = take_kept_huge(bytes, align);
    if (kept != NULL)
        return kept;
    (void)release_runs();
    int64_t first = hk_arena_take_run(bytes, align < HK_SUPERSLAB_BYTES ? HK_SUPERSLAB_BYTES : align, &run);
    if (first < 0)
        return NULL;
    *zeroed = run.zeroed;
    uint32_t slab = (uint32_t)first * HK_SLABS_PER_SUPERSLAB;
    struct hk_slab *s = hk_slab_at(slab);
    s->span = hk_superslabs_for(run.mapped);
    s->mapped = run.mapped;
    s->moved = false;
    if (run.fresh != 0)
        hk_retain_faulted(run.fresh);
    return enter_new(slab, HK_SLAB_HUGE, bytes);
}

static void *take(size_t bytes, size_t align, bool *zeroed)
{
    return is_huge_request(bytes, align) ? take_superslabs(bytes, align, zeroed)
                                         : take_slabs(bytes, align, zeroed);
}

void *hk_big_alloc(size_t size, size_t align, bool *zeroed)
{
    size_t bytes = hk_round_up(size == 0 ? 1 : size, hk_page_bytes);
    *zeroed = false;
    if (bytes > HK_WINDOW_BYTES || align > HK_WINDOW_BYTES)
        return NULL;
    void *p = take(bytes, align, zeroed);
    /* Kept blocks may be what stands in the way, or addresses that are mapped and not used. */
    if (p == NULL) {
        hk_retain_trim(0);
        p = take(bytes, align, zeroed);
    }
    return p;
}

/* Slabs join their neighbours again, but for a few runs of each length that are kept whole. */
static void keep_big(uint32_t slab, const struct hk_slab *s)
{
    struct hk_cached block = {.slab = slab, .bytes = s->span * HK_SLAB_BYTES}, older;
    uint64_t limit = hk_param(HK_TUNE_big_cache_bytes);
    if (HK_LIKELY(s->span <= HK_RUN_LENGTHS)) {
        if (!hk_run_cache_put(slab, s->span, limit))
            (void)give_cached(slab, true);
    } else if (block.bytes > limit) {
        (void)give_cached(slab, true);
    } else if (hk_big_last_put(block, &older)) {
        (void)give_cached(older.slab, true);
    }
}

/* The newest blocks are the likeliest to be asked for again: older ones make room. */
static void keep_huge(uint32_t slab)
{
    struct hk_cached block = {.slab = slab, .bytes = held(hk_slab_at(slab))}, older;
    uint64_t limit = hk_param(HK_TUNE_big_cache_bytes);
    while (!hk_big_cache_put(block, limit)) {
        if (!hk_big_cache_evict_oldest(&older)) {
            hk_retain_purged(give_cached(slab, true));
            return;
        }
        hk_retain_purged(give_cached(older.slab, true));
    }
}

void hk_big_free(void *p, uint32_t slab)
{
    struct hk_slab *s = hk_slab_at(slab);
    uint8_t kind = (uint8_t)kind_at(s, p);
    /* One of two threads that free the same block loses here. */
    if (kind == HK_SLAB_NONE || !atomic_compare_exchange_strong(&s->kind, &kind, HK_SLAB_NONE))
        hk_die_not_a_block("free", p);
    size_t bytes = s->bytes;
    /* Those that were moved are mappings of their own, of which there may not be many. */
    bool is_kept = s->mapped == 0 || (!s->moved && s->mapped <= hk_param(HK_TUNE_big_cache_bytes));
    /* As retained before another thread can take it. */
    count_dead(s, kind, is_kept ? held(s) : 0);
    if (s->mapped == 0)
        keep_big(slab, s);
    else if (is_kept)
        keep_huge(slab);
    else
        hk_retain_purged(give(slab, true));
    hk_retain_check(bytes);
}

size_t hk_big_cache_drain(size_t bytes)
{
    struct hk_cached block;
    size_t gone = 0;
    /* Runs of slabs stay retained, as slabs. */
    if (bytes != 0)
        (void)release_runs();
    while (gone < bytes && hk_big_cache_evict_fit(bytes - gone, &block))
        gone += give_cached(block.slab, false);
    return gone;
}

/* ---- resizing ---- */

/* What is taken for a block of so many bytes that grows to more. Who grows it by a little will do so again:
 * addresses for that are taken with it, a share of what it had, whose pages cost nothing until they are
 * touched. They are given up when the block shrinks. */
static size_t with_room(size_t had, size_t bytes, unsigned share)
{
    size_t room = hk_round_up(had + had / share, hk_page_bytes);
    return bytes > room ? bytes : room;
}

/* Within the run of slabs; a block that shrinks gives the end that it no longer needs back to the SuperSlab.
 */
static bool resize_run(struct hk_slab *s, uint32_t slab, size_t bytes)
{
    uint32_t need = hk_slabs_for(bytes);
    if (bytes > HK_BIG_MAX || need > s->span)
        return false;
    bool shrinks = bytes < s->bytes;
    recount_bytes(s, HK_SLAB_BIG, bytes);
    if (shrinks && need < s->span) {
        uint32_t spare = s->span - need;
        s->span = need;
        hk_slabs_give(slab + need, spare);
        hk_retain_check((size_t)spare * HK_SLAB_BYTES);
    }
    return true;
}

/* To a longer run, or out of the slabs. */
static void *copy_run(struct hk_slab *s, uint32_t slab, size_t bytes)
{
    bool zeroed;
    size_t room = with_room(s->bytes, bytes, 4);
    void *p = (void *)hk_slab_start(slab), *to = hk_big_reuse(room, HK_MIN_ALIGN);
    if (to == NULL)
        to = hk_big_alloc(room, HK_MIN_ALIGN, &zeroed);
    if (to == NULL)
        return NULL;
    struct hk_slab *n = hk_slab_at((uint32_t)hk_slab_of(to));
    recount_bytes(n, atomic_load_explicit(&n->kind, memory_order_relaxed), bytes);
    memcpy(to, p, s->bytes);
    hk_big_free(p, slab);
    return to;
}

static void *resize_big(struct hk_slab *s, uint32_t slab, size_t bytes)
{
    if (resize_run(s, slab, bytes))
        return (void *)hk_slab_start(slab);
    return bytes > s->bytes ? copy_run(s, slab, bytes) : NULL;
}

/* Maps more behind the block, with room or without. Returns what is mapped then. */
static size_t extend(const struct hk_slab *s, uint32_t first, size_t bytes)
{
    if (s->moved)
        return s->mapped; /* its mapping is another's neighbour, not its own continuation */
    size_t mapped = hk_arena_extend_run(first, s->mapped, with_room(s->bytes, bytes, 8));
    return mapped >= bytes ? mapped : hk_arena_extend_run(first, mapped, bytes);
}

static bool resize_huge_in_place(struct hk_slab *s, uint32_t slab, size_t bytes)
{
    uint32_t first = slab / HK_SLABS_PER_SUPERSLAB;
    size_t mapped = s->mapped;
    if (bytes <= HK_BIG_MAX && bytes < s->bytes)
        return false; /* small enough to move into slabs */
    if (bytes > mapped) {
        mapped = extend(s, first, bytes);
    } else if (bytes < s->bytes && bytes + SHRINK_MIN <= mapped) {
        mapped = hk_arena_shrink_run(first, mapped, bytes);
        if (mapped < s->mapped)
            hk_count(&hk_process.purged_bytes_total, s->mapped - mapped);
    }
    s->mapped = mapped;
    s->span = hk_superslabs_for(mapped);
    if (bytes > mapped)
        return false;
    recount_bytes(s, HK_SLAB_HUGE, bytes);
    return true;
}

/* Addresses to move to, with room or without; -1 where there are none. */
static int64_t take_addresses(size_t had, size_t bytes, size_t *mapped)
{
    int64_t to = hk_arena_take_addresses(with_room(had, bytes, 8), mapped);
    return to >= 0 ? to : hk_arena_take_addresses(bytes, mapped);
}

/* Moves the pages of a huge block to a longer run. */
static void *move_huge(struct hk_slab *s, uint32_t slab, size_t bytes)
{
    uint32_t first = slab / HK_SLABS_PER_SUPERSLAB;
    if (bytes < MOVE_MIN || bytes <= s->mapped || (!s->moved && !hk_arena_count_moved()))
        return NULL;
    size_t mapped;
    int64_t to = take_addresses(s->bytes, bytes, &mapped);
    if (to < 0 || hk_os_move(hk_slab_start(slab), s->mapped, hk_superslab_start((uint32_t)to), mapped) != 0) {
        if (to >= 0)
            hk_arena_return_addresses((uint32_t)to, mapped);
        if (!s->moved)
            hk_arena_uncount_moved();
        return NULL;
    }
    uint32_t new_slab = (uint32_t)to * HK_SLABS_PER_SUPERSLAB;
    struct hk_slab *n = hk_slab_at(new_slab);
    n->span = hk_superslabs_for(mapped);
    n->mapped = mapped;
    n->moved = true;
    count_dead(s, HK_SLAB_HUGE, 0);
    atomic_store_explicit(&s->kind, HK_SLAB_NONE, memory_order_relaxed);
    hk_arena_forget_run(first, s->span, s->mapped);
    return enter_new(new_slab, HK_SLAB_HUGE, bytes);
}

void *hk_big_resize(void *p, uint32_t slab, size_t size)
{
    struct hk_slab *s = hk_slab_at(slab);
    unsigned kind = kind_at(s, p);
    if (kind == HK_SLAB_NONE)
        hk_die_not_a_block("realloc", p);
    if (size <= HK_SMALL_MAX || size > HK_MAX_REQUEST)
        return NULL;
    size_t bytes = hk_round_up(size, hk_page_bytes);
    if (kind == HK_SLAB_BIG)
        return resize_big(s, slab, bytes);
    return resize_huge_in_place(s, slab, bytes) ? p : move_huge(s, slab, bytes);
}

bool hk_big_resize_here(void *p, uint32_t slab, size_t size)
{
    struct hk_slab *s = hk_slab_at(slab);
    unsigned kind = kind_at(s, p);
    if (kind == HK_SLAB_NONE)
        hk_die_not_a_block("xallocx", p);
    if (size <= HK_SMALL_MAX || size > HK_WINDOW_BYTES)
        return false;
    size_t bytes = hk_round_up(size, hk_page_bytes);
    return kind == HK_SLAB_BIG ? resize_run(s, slab, bytes) : resize_huge_in_place(s, slab, bytes);
}
