/* slab.c - see slab.h. */
#include "lib/slab.h"

#include "lib/index.h"
#include "lib/misuse.h"
#include "lib/process.h"
#include "lib/superslab.h"

#define LIVE         (UINT64_C(1) << 63)
#define OWNED        (UINT64_C(1) << 62)
#define CLASS_SHIFT  56
#define CLASS_MASK   (UINT64_C(63) << CLASS_SHIFT)
#define OWNER_SHIFT  40
#define OWNER_MASK   (UINT64_C(0xffff) << OWNER_SHIFT)
#define OUT_SHIFT    26
#define OUT_ONE      (UINT64_C(1) << OUT_SHIFT)
#define OUT_MASK     (UINT64_C(0x1fff) << OUT_SHIFT)
#define LISTED_SHIFT 13
#define LISTED_MASK  (UINT64_C(0x1fff) << LISTED_SHIFT)
#define HEAD_MASK    UINT64_C(0x1fff)

HK_STATIC_ASSERT(HK_SLAB_BYTES / HK_MIN_ALIGN < 0x1fff, "a block's number and the counts are 13 bits");
HK_STATIC_ASSERT(HK_CLASSES <= 64, "a class is 6 bits");

static unsigned out_of(uint64_t word)
{
    return (unsigned)((word & OUT_MASK) >> OUT_SHIFT);
}

static unsigned listed_of(uint64_t word)
{
    return (unsigned)((word & LISTED_MASK) >> LISTED_SHIFT);
}

static unsigned owner_of(uint64_t word)
{
    return (unsigned)((word & OWNER_MASK) >> OWNER_SHIFT);
}

static unsigned class_of(uint64_t word)
{
    return (unsigned)((word & CLASS_MASK) >> CLASS_SHIFT);
}

static void *block_at(uint32_t slab, unsigned head)
{
    return head == 0 ? NULL : (void *)(hk_slab_start(slab) + (uintptr_t)(head - 1) * HK_MIN_ALIGN);
}

static unsigned head_of(uint32_t slab, const void *block)
{
    return (unsigned)(((uintptr_t)block - hk_slab_start(slab)) / HK_MIN_ALIGN) + 1;
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

/* ---- carving and lists ---- */

/* Appends up to n never used blocks. */
static void carve(uint32_t slab, struct hk_slab *s, unsigned size_class, unsigned n, struct hk_chain *chain)
{
    size_t bytes = hk_classes[size_class].bytes;
    char *block = (char *)hk_slab_start(slab) + s->carved * bytes;
    if (n == 0)
        return;
    s->carved = (uint16_t)(s->carved + n);
    if (chain->count == 0)
        chain->first = block;
    else
        hk_set_next(chain->last, block);
    for (unsigned i = 1; i < n; i++, block += bytes)
        hk_set_next(block, block + bytes);
    chain->last = block;
    chain->count += n;
}

/* Appends the first n blocks of a list, checking each link, and returns what follows them. */
static void *append(uint32_t slab, unsigned size_class, void *block, unsigned n, struct hk_chain *chain)
{
    if (n == 0)
        return block;
    if (chain->count == 0)
        chain->first = block;
    else
        hk_set_next(chain->last, block);
    for (unsigned i = 0; i < n; i++) {
        if (HK_UNLIKELY(!hk_slab_is_block(slab, size_class, block)))
            hk_die_damaged_list(chain->last, block, size_class);
        chain->last = block;
        block = hk_next(block);
    }
    chain->count += n;
    return block;
}

/* Puts a list of n blocks in front of the owner's own. */
static void keep_local(uint32_t slab, struct hk_slab *s, unsigned size_class, void *first, unsigned n)
{
    if (n == 0)
        return;
    if (s->local_count != 0) {
        struct hk_chain rest = {NULL, NULL, 0};
        append(slab, size_class, first, n, &rest);
        hk_set_next(rest.last, block_at(slab, s->local_head));
    }
    s->local_head = (uint16_t)head_of(slab, first);
    s->local_count = (uint16_t)(s->local_count + n);
}

/* Gathers n blocks that the word already counts as out, from a list just taken off it first. */
static void gather(uint32_t slab, unsigned size_class, uint64_t taken, unsigned n, struct hk_chain *chain)
{
    struct hk_slab *s = hk_slab_at(slab);
    unsigned listed = listed_of(taken);
    unsigned use = listed < n ? listed : n;
    void *rest = append(slab, size_class, block_at(slab, (unsigned)(taken & HEAD_MASK)), use, chain);
    keep_local(slab, s, size_class, rest, listed - use);
    n -= use;

    use = s->local_count < n ? s->local_count : n;
    if (use != 0) {
        rest = append(slab, size_class, block_at(slab, s->local_head), use, chain);
        s->local_count = (uint16_t)(s->local_count - use);
        s->local_head = s->local_count != 0 ? (uint16_t)head_of(slab, rest) : 0;
    }
    carve(slab, s, size_class, n - use, chain);
}

/* ---- taking blocks out ---- */

int64_t hk_slab_new(unsigned owner, unsigned size_class, unsigned want, struct hk_chain *chain)
{
    bool zeroed;
    int64_t taken = hk_slabs_take(1, HK_SLAB_BYTES, &zeroed);
    if (taken < 0)
        return -1;
    uint32_t slab = (uint32_t)taken;
    struct hk_slab *s = hk_slab_at(slab);
    unsigned capacity = hk_classes[size_class].capacity;
    unsigned n = want < capacity ? want : capacity;
    s->local_head = 0;
    s->local_count = 0;
    s->carved = 0;
    atomic_store_explicit(&s->remote_in, 0, memory_order_relaxed);
    carve(slab, s, size_class, n, chain);
    atomic_store_explicit(&s->kind, HK_SLAB_SMALL, memory_order_relaxed);
    atomic_store_explicit(&hk_meta_words()[slab], (uint16_t)hk_bin_offset_of_class(size_class),
                          memory_order_relaxed);
    atomic_store_explicit(&s->word,
                          LIVE | (n < capacity ? OWNED : 0) | (uint64_t)size_class << CLASS_SHIFT |
                              (uint64_t)owner << OWNER_SHIFT | n * OUT_ONE,
                          memory_order_release);
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
                      struct hk_chain *chain, uint64_t *received)
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
        then = ((now & ~(OWNER_MASK | LISTED_MASK | HEAD_MASK)) | OWNED | (uint64_t)owner << OWNER_SHIFT) +
               n * OUT_ONE;
    } while (!atomic_compare_exchange_weak_explicit(&s->word, &now, then, memory_order_acq_rel,
                                                    memory_order_relaxed));

    if (acquire)
        delist(slab, size_class);
    if (atomic_load_explicit(&s->remote_in, memory_order_relaxed) != 0)
        *received += atomic_exchange_explicit(&s->remote_in, 0, memory_order_relaxed);
    gather(slab, size_class, now, n, chain);
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
    hk_uncount(&hk_process.slabs_in_use, 1);
    hk_slabs_give(slab, 1);
}

bool hk_slab_push(uint32_t slab, unsigned heap, unsigned size_class, const struct hk_chain *chain,
                  bool *emptied)
{
    struct hk_slab *s = hk_slab_at(slab);
    uint64_t now = atomic_load_explicit(&s->word, memory_order_relaxed), then;
    do {
        if (HK_UNLIKELY((now & LIVE) == 0 || class_of(now) != size_class || out_of(now) < chain->count))
            hk_die_double_free(chain->first, size_class);
        if (out_of(now) == chain->count) {
            then = 0;
            continue;
        }
        hk_set_next(chain->last, block_at(slab, (unsigned)(now & HEAD_MASK)));
        then = (now & ~HEAD_MASK) + ((uint64_t)chain->count << LISTED_SHIFT) - chain->count * OUT_ONE;
        then |= head_of(slab, chain->first);
        /* Sequentially consistent: enlist() and delist() look at word and mask in opposite orders. */
    } while (!atomic_compare_exchange_weak(&s->word, &now, then));

    bool remote = owner_of(now) != heap;
    if (then == 0) {
        retire(slab, size_class);
        *emptied = true;
        return remote;
    }
    if (remote)
        atomic_fetch_add_explicit(&s->remote_in, chain->count, memory_order_relaxed);
    /* Who made the slab partial has enlisted it, or will in a moment; now and then is for what a fork cut. */
    if ((now & OWNED) == 0 && (out_of(now) == hk_classes[size_class].capacity || listed_of(then) % 64 == 0))
        enlist(slab, size_class);
    return remote;
}

void hk_slab_repair(uint32_t slab, unsigned owner)
{
    struct hk_slab *s = hk_slab_at(slab);
    uint64_t now = atomic_load(&s->word);
    if ((now & (LIVE | OWNED)) != (LIVE | OWNED) || owner_of(now) != owner)
        return;
    unsigned capacity = hk_classes[class_of(now)].capacity;
    s->local_head = 0;
    s->local_count = 0;
    s->carved = (uint16_t)capacity;
    uint64_t then;
    do {
        then = (now & ~(OUT_MASK | OWNED)) + (capacity - listed_of(now)) * OUT_ONE;
    } while (!atomic_compare_exchange_weak(&s->word, &now, then));
    if (listed_of(then) != 0)
        enlist(slab, class_of(then));
}
