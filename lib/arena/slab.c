/* slab.c - see slab.h. */
#include "lib/arena/slab.h"

#include "lib/arena/misuse.h"
#include "lib/arena/superslab.h"
#include "lib/arena/superslab_index.h"
#include "lib/arena/verify_parts.h"
#include "lib/base/process_counters.h"
#include "lib/harden/intercept.h"
#include "lib/os/random.h"

#define LIVE        HK_SLAB_LIVE
#define OWNED       HK_SLAB_OWNED
#define CLASS_SHIFT HK_SLAB_CLASS_SHIFT
#define CLASS_MASK  HK_SLAB_CLASS_MASK
#define OWNER_SHIFT HK_SLAB_OWNER_SHIFT
#define OWNER_MASK  HK_SLAB_OWNER_MASK
#define OUT_MASK    HK_SLAB_OUT_MASK

HK_STATIC_ASSERT(HK_SLAB_BYTES / HK_MIN_ALIGN <= OUT_MASK, "out has 13 bits");
HK_STATIC_ASSERT(HK_CLASSES <= 64, "a class is 6 bits");

static unsigned out_of(uint64_t word)
{
    return (unsigned)(word & OUT_MASK);
}

static unsigned owner_of(uint64_t word)
{
    return (unsigned)((word & OWNER_MASK) >> OWNER_SHIFT);
}

static unsigned class_of(uint64_t word)
{
    return (unsigned)((word & CLASS_MASK) >> CLASS_SHIFT);
}

/* ---- partial slabs in the index ---- */

static hk_au32 *partial_mask(uint32_t slab, unsigned size_class)
{
    return &hk_superslab_at(slab / HK_SLABS_PER_SUPERSLAB)->partial[size_class];
}

static bool is_partial(uint64_t word, unsigned size_class)
{
    return (word & (LIVE | OWNED)) == LIVE && class_of(word) == size_class &&
           out_of(word) < hk_classes[size_class].capacity;
}

static void enlist(uint32_t slab, unsigned size_class)
{
    uint32_t bit = UINT32_C(1) << (slab % HK_SLABS_PER_SUPERSLAB);
    hk_au32 *mask = partial_mask(slab, size_class);
    if ((atomic_load(mask) & bit) == 0) {
        atomic_fetch_or(mask, bit);
        hk_index_raise(size_class, slab / HK_SLABS_PER_SUPERSLAB);
    }
}

/* The slab was seen not to be partial: look again afterwards, it may have become so meanwhile. */
static void delist(uint32_t slab, unsigned size_class)
{
    uint32_t bit = UINT32_C(1) << (slab % HK_SLABS_PER_SUPERSLAB);
    hk_au32 *mask = partial_mask(slab, size_class);
    if ((atomic_load(mask) & bit) != 0) {
        uint32_t left = atomic_fetch_and(mask, ~bit) & ~bit;
        if (left == 0)
            hk_index_lower(size_class, slab / HK_SLABS_PER_SUPERSLAB);
        if (is_partial(atomic_load(&hk_slab_at(slab)->word), size_class))
            enlist(slab, size_class);
    }
}

/* ---- the map of free blocks ---- */

static unsigned map_words(unsigned capacity)
{
    return (capacity + 63) / 64;
}

static void fill_map(hk_au64 *map, unsigned capacity)
{
    for (unsigned w = 0; w < map_words(capacity); w++) {
        unsigned left = capacity - 64 * w;
        uint64_t bits = left < 64 ? (UINT64_C(1) << left) - 1 : ~UINT64_C(0);
        atomic_store_explicit(&map[w], bits, memory_order_relaxed);
    }
}

/* Of free blocks, those that have their cache lines to themselves, together with other free ones. */
static uint64_t whole_lines(uint64_t bits, size_t bytes)
{
    uint64_t pairs = bits & bits >> 1, starts;
    if (bytes == 32) { /* two to a line */
        starts = pairs & UINT64_C(0x5555555555555555);
        return starts * 3;
    }
    starts = pairs & pairs >> 2 & UINT64_C(0x1111111111111111); /* four to a line, or of 48 bytes to three */
    return bytes < HK_CACHE_LINE ? starts * 15 : bits;
}

/* Takes blocks of one word into end[-1], end[-2], ...; at most n of those in `of`. */
HK_INLINE unsigned collect_word(hk_au64 *word, uint64_t of, unsigned n, char *start, size_t bytes, void **end)
{
    uint64_t rest = of;
    unsigned got = 0;
    for (; rest != 0 && got < n; rest &= rest - 1, got++)
        *--end = start + (unsigned)__builtin_ctzll(rest) * bytes;
    /* Others only set bits. */
    atomic_fetch_and_explicit(word, ~(of ^ rest), memory_order_relaxed);
    return got;
}

/* The same, n of them, each the next free one from where chance points. */
static unsigned collect_any(uint32_t slab, unsigned size_class, unsigned n, void **end)
{
    hk_au64 *map = hk_slab_map(slab, size_class);
    size_t bytes = hk_classes[size_class].bytes;
    unsigned capacity = hk_classes[size_class].capacity, words = map_words(capacity), got = 0;
    while (got < n) {
        unsigned at = hk_chance(capacity), w = at / 64, seen = 0;
        uint64_t bits = atomic_load_explicit(&map[w], memory_order_acquire) & ~UINT64_C(0) << at % 64;
        for (; bits == 0 && seen <= words; seen++) {
            w = w + 1 < words ? w + 1 : 0;
            bits = atomic_load_explicit(&map[w], memory_order_acquire);
        }
        if (bits == 0)
            break;
        char *start = (char *)hk_slab_start(slab) + w * 64 * bytes;
        got += collect_word(&map[w], bits, 1, start, bytes, end - got);
    }
    return got;
}

/* Takes n blocks that the word already counts as out, the lowest first, into end[-1], end[-2], ... apart:
 * those first that share no cache line with blocks that are out. */
static unsigned collect(uint32_t slab, unsigned size_class, unsigned n, bool apart, void **end)
{
    hk_au64 *map = hk_slab_map(slab, size_class);
    size_t bytes = hk_classes[size_class].bytes;
    unsigned words = map_words(hk_classes[size_class].capacity), got = 0;
    if (HK_UNLIKELY(hk_hardens(HK_HARDEN_RANDOM)))
        return collect_any(slab, size_class, n, end);
    for (int round = apart && bytes < HK_CACHE_LINE ? 0 : 1; round < 2; round++) {
        char *start = (char *)hk_slab_start(slab);
        for (unsigned w = 0; got < n && w < words; w++, start += 64 * bytes) {
            uint64_t bits = atomic_load_explicit(&map[w], memory_order_acquire);
            bits = round == 0 ? whole_lines(bits, bytes) : bits;
            if (bits != 0)
                got += collect_word(&map[w], bits, n - got, start, bytes, end - got);
        }
    }
    return got;
}

HK_COLD void hk_slab_die_twice(uint32_t slab, unsigned size_class, unsigned word, uint64_t bits)
{
    size_t block = 64 * (size_t)word + (bits != 0 ? (unsigned)__builtin_ctzll(bits) : 0);
    hk_die_double_free((char *)hk_slab_start(slab) + block * hk_classes[size_class].bytes, size_class);
}

struct hk_slab_counts hk_slab_counts[HK_CLASSES];

/* ---- taking blocks out ---- */

int64_t hk_slab_new(unsigned owner, unsigned size_class, unsigned want, void **end, unsigned *got)
{
    bool zeroed;
    int64_t taken = hk_slabs_take(1, HK_SLAB_BYTES, &zeroed);
    if (taken < 0)
        return -1;
    uint32_t slab = (uint32_t)taken;
    struct hk_slab *s = hk_slab_at(slab);
    unsigned capacity = hk_classes[size_class].capacity;
    unsigned n = want < capacity ? want : capacity;
    atomic_store_explicit(&s->remote_in, 0, memory_order_relaxed);
    fill_map(hk_slab_map(slab, size_class), capacity);
    *got = collect(slab, size_class, n, false, end);
    atomic_store_explicit(&s->kind, HK_SLAB_SMALL, memory_order_relaxed);
    atomic_store_explicit(&hk_meta_words()[slab], (uint16_t)hk_bin_offset_of_class(size_class),
                          memory_order_relaxed);
    atomic_store_explicit(&s->word,
                          LIVE | (n < capacity ? OWNED : 0) | (uint64_t)size_class << CLASS_SHIFT |
                              (uint64_t)owner << OWNER_SHIFT | n,
                          memory_order_release);
    hk_count_along(&hk_slab_counts[size_class].made, 1);
    hk_count(&hk_process.slabs_in_use, 1);
    return taken;
}

/* Lets go of a slab from which the last block was taken, unless some have come back. */
static void disown_if_full(uint32_t slab, unsigned size_class)
{
    hk_au64 *word = &hk_slab_at(slab)->word;
    uint64_t now = atomic_load_explicit(word, memory_order_relaxed);
    while (out_of(now) == hk_classes[size_class].capacity &&
           !atomic_compare_exchange_weak(word, &now, now & ~OWNED))
        ;
}

unsigned hk_slab_pull(uint32_t slab, unsigned owner, unsigned size_class, unsigned want, bool acquire,
                      bool apart, void **end, uint64_t *received)
{
    struct hk_slab *s = hk_slab_at(slab);
    uint64_t now = atomic_load_explicit(&s->word, memory_order_relaxed), then;
    unsigned n, capacity = hk_classes[size_class].capacity;
    do {
        bool mine = (now & OWNED) != 0 && owner_of(now) == owner;
        bool nobodys = (now & OWNED) == 0;
        if ((now & LIVE) == 0 || class_of(now) != size_class || !(acquire ? nobodys : mine) ||
            out_of(now) >= capacity) {
            if (acquire)
                delist(slab, size_class);
            return 0;
        }
        n = capacity - out_of(now);
        n = n < want ? n : want;
        then = ((now & ~OWNER_MASK) | OWNED | (uint64_t)owner << OWNER_SHIFT) + n;
    } while (!atomic_compare_exchange_weak_explicit(&s->word, &now, then, memory_order_acq_rel,
                                                    memory_order_relaxed));

    if (acquire)
        delist(slab, size_class);
    if (atomic_load_explicit(&s->remote_in, memory_order_relaxed) != 0)
        *received += atomic_exchange_explicit(&s->remote_in, 0, memory_order_relaxed);
    n = collect(slab, size_class, n, apart, end);
    if (out_of(then) == capacity)
        disown_if_full(slab, size_class);
    return n;
}

void hk_slab_disown(uint32_t slab, unsigned owner, unsigned size_class)
{
    struct hk_slab *s = hk_slab_at(slab);
    uint64_t now = atomic_load_explicit(&s->word, memory_order_relaxed);
    do {
        if ((now & (LIVE | OWNED)) != (LIVE | OWNED) || owner_of(now) != owner || class_of(now) != size_class)
            return;
    } while (!atomic_compare_exchange_weak(&s->word, &now, now & ~OWNED));
    if (out_of(now) < hk_classes[size_class].capacity)
        enlist(slab, size_class);
}

/* ---- putting blocks back ---- */

/* The word is 0, so the slab is in our hands alone. */
static void retire(uint32_t slab, unsigned size_class)
{
    struct hk_slab *s = hk_slab_at(slab);
    delist(slab, size_class);
    atomic_store_explicit(&hk_meta_words()[slab], 0, memory_order_relaxed);
    atomic_store_explicit(&s->kind, HK_SLAB_NONE, memory_order_relaxed);
    hk_count_along(&hk_slab_counts[size_class].gone, 1);
    hk_uncount(&hk_process.slabs_in_use, 1);
    hk_slabs_give(slab, 1);
}

bool hk_slab_push(uint32_t slab, unsigned heap, unsigned size_class, unsigned count, bool *emptied)
{
    struct hk_slab *s = hk_slab_at(slab);
    const uint64_t served = LIVE | (uint64_t)size_class << CLASS_SHIFT;
    uint64_t now = atomic_load_explicit(&s->word, memory_order_relaxed), then;
    do {
        if (HK_UNLIKELY((now & (LIVE | CLASS_MASK)) != served || out_of(now) < count))
            hk_slab_die_twice(slab, size_class, 0, 0);
        then = out_of(now) == count ? 0 : now - count;
        /* Sequentially consistent: enlist() and delist() look at word and mask in opposite orders. */
    } while (!atomic_compare_exchange_weak(&s->word, &now, then));

    bool remote = owner_of(now) != heap;
    if (then == 0) {
        retire(slab, size_class);
        *emptied = true;
        return remote;
    }
    if (remote)
        atomic_fetch_add_explicit(&s->remote_in, count, memory_order_relaxed);
    /* Who made the slab partial has enlisted it, or will in a moment; now and then is for what a fork cut. */
    if ((now & OWNED) == 0 && (out_of(now) == hk_classes[size_class].capacity || out_of(then) % 64 == 0))
        enlist(slab, size_class);
    return remote;
}

void hk_slab_repair(uint32_t slab, unsigned owner)
{
    uint64_t now = atomic_load(&hk_slab_at(slab)->word);
    hk_slab_disown(slab, owner, class_of(now));
}

#ifdef HK_VERIFY
struct hk_slab_look hk_slab_look(uint32_t slab)
{
    uint64_t now = atomic_load(&hk_slab_at(slab)->word);
    return (struct hk_slab_look){.live = (now & LIVE) != 0,
                                 .owned = (now & OWNED) != 0,
                                 .size_class = class_of(now),
                                 .owner = owner_of(now),
                                 .out = out_of(now)};
}
#endif
