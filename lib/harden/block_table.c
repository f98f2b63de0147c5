/* block_table.c - see block_table.h. */
#include "lib/harden/block_table.h"

#include "lib/os/os.h"

/* One for each SuperSlab there may be: addresses; pages only where something is. */
_Atomic(struct hk_side_table *) *hk_side_tables;

bool hk_side_init(void)
{
    if (hk_side_tables == NULL)
        hk_side_tables = (_Atomic(struct hk_side_table *) *)hk_os_map_anywhere(HK_MAX_SUPERSLABS *
                                                                               sizeof *hk_side_tables);
    return hk_side_tables != NULL;
}

/* Tables below this may be there. */
static hk_au32 tables_end;

static void raise_end(uint32_t end)
{
    uint32_t now = atomic_load_explicit(&tables_end, memory_order_relaxed);
    while (now < end && !atomic_compare_exchange_weak(&tables_end, &now, end)) {
    }
}

union hk_side *hk_side_of(uint32_t slab)
{
    struct hk_side_table *table = atomic_load_explicit(&hk_side_tables[slab / HK_SLABS_PER_SUPERSLAB],
                                                       memory_order_acquire);
    return table != NULL ? &table->slabs[slab % HK_SLABS_PER_SUPERSLAB] : NULL;
}

union hk_side *hk_side_make(uint32_t slab)
{
    union hk_side *side = hk_side_of(slab);
    if (HK_LIKELY(side != NULL))
        return side;
    struct hk_side_table *fresh = (struct hk_side_table *)hk_os_map_anywhere(sizeof *fresh), *none = NULL;
    if (fresh == NULL)
        return NULL;
    raise_end(slab / HK_SLABS_PER_SUPERSLAB + 1);
    if (!atomic_compare_exchange_strong(&hk_side_tables[slab / HK_SLABS_PER_SUPERSLAB], &none, fresh))
        hk_os_unmap((uintptr_t)fresh, sizeof *fresh); /* another thread was first */
    return hk_side_of(slab);
}

/* A fork may cut this: what the child does not find any more is lost, and never used. */
bool hk_side_clear(unsigned most)
{
    static uint32_t next; /* below it there are none */
    uint32_t end = atomic_load_explicit(&tables_end, memory_order_relaxed);
    for (; next < end && most > 0; next++) {
        struct hk_side_table *table = atomic_exchange(&hk_side_tables[next], NULL);
        if (table == NULL)
            continue;
        hk_os_unmap((uintptr_t)table, sizeof *table);
        most--;
    }
    if (next < end)
        return false;
    next = 0;
    return true;
}
