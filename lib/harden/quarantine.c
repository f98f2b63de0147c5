/* quarantine.c - see quarantine.h. */
#include "lib/harden/quarantine.h"

#include "lib/os/lock.h"
#include "lib/os/os.h"

#define PLACES (UINT32_C(1) << 16)

struct place {
    hk_au64 block, bytes;
};

static struct {
    struct hk_lock lock;
    struct place *ring;
    uint64_t limit;
    hk_au64 first, next; /* places taken from, and put into, so far */
} quarantine;

hk_au64 hk_quarantine_blocks, hk_quarantine_bytes;

static uint64_t get(const hk_au64 *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

/* Under the lock; others only read. */
static void add(hk_au64 *word, uint64_t n)
{
    atomic_store_explicit(word, get(word) + n, memory_order_relaxed);
}

bool hk_quarantine_init(uint64_t limit_bytes)
{
    quarantine.limit = limit_bytes;
    if (quarantine.ring == NULL)
        quarantine.ring = (struct place *)hk_os_map_anywhere(PLACES * sizeof *quarantine.ring);
    return quarantine.ring != NULL;
}

bool hk_quarantine_fits(uint64_t bytes)
{
    return bytes <= quarantine.limit;
}

/* Who puts one in takes one out next, if that made them too many: half of the ring is for those in between.
 */
static bool is_over(bool all)
{
    uint64_t blocks = get(&quarantine.next) - get(&quarantine.first);
    return blocks != 0 && (all || get(&hk_quarantine_bytes) > quarantine.limit || blocks > PLACES / 2);
}

void hk_quarantine_put(void *p, uint64_t bytes)
{
    hk_lock_take(&quarantine.lock);
    struct place *place = &quarantine.ring[get(&quarantine.next) % PLACES];
    atomic_store_explicit(&place->block, (uintptr_t)p, memory_order_relaxed);
    atomic_store_explicit(&place->bytes, bytes, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    add(&quarantine.next, 1);
    add(&hk_quarantine_blocks, 1);
    add(&hk_quarantine_bytes, bytes);
    hk_lock_drop(&quarantine.lock);
}

void *hk_quarantine_take(bool all)
{
    void *p = NULL;
    if (!is_over(all)) /* as it seems: else the next put finds it */
        return NULL;
    hk_lock_take(&quarantine.lock);
    if (is_over(all)) {
        struct place *place = &quarantine.ring[get(&quarantine.first) % PLACES];
        uint64_t bytes = get(&place->bytes);
        p = (void *)(uintptr_t)get(&place->block);
        atomic_signal_fence(memory_order_seq_cst);
        add(&quarantine.first, 1);
        add(&hk_quarantine_blocks, (uint64_t)-1);
        add(&hk_quarantine_bytes, (uint64_t)0 - bytes);
    }
    hk_lock_drop(&quarantine.lock);
    return p;
}

void hk_quarantine_visit(void (*look)(void *p))
{
    if (!hk_lock_try(&quarantine.lock))
        return;
    for (uint64_t i = get(&quarantine.first), end = get(&quarantine.next); i != end; i++)
        look((void *)(uintptr_t)get(&quarantine.ring[i % PLACES].block));
    hk_lock_drop(&quarantine.lock);
}

/* Counts may have been cut from the ring they count. */
void hk_quarantine_after_fork(void)
{
    uint64_t bytes = 0, from = get(&quarantine.first), to = get(&quarantine.next);
    hk_lock_init(&quarantine.lock);
    if (quarantine.ring == NULL)
        return;
    for (uint64_t i = from; i != to; i++)
        bytes += get(&quarantine.ring[i % PLACES].bytes);
    atomic_store(&hk_quarantine_blocks, to - from);
    atomic_store(&hk_quarantine_bytes, bytes);
}
