/* side.c - see side.h. */
#include "lib/side.h"

#include "lib/os.h"

struct table {
    union hk_side slabs[HK_SLABS_PER_SUPERSLAB];
};

/* One for each SuperSlab there may be: addresses; pages only where something is. */
static _Atomic(struct table *) *tables;

bool hk_side_init(void)
{
    if (tables == NULL)
        tables = (_Atomic(struct table *) *)hk_os_map_anywhere(HK_MAX_SUPERSLABS * sizeof *tables);
    return tables != NULL;
}

union hk_side *hk_side_of(uint32_t slab)
{
    struct table *table = atomic_load_explicit(&tables[slab / HK_SLABS_PER_SUPERSLAB], memory_order_acquire);
    return table != NULL ? &table->slabs[slab % HK_SLABS_PER_SUPERSLAB] : NULL;
}

union hk_side *hk_side_make(uint32_t slab)
{
    union hk_side *side = hk_side_of(slab);
    if (HK_LIKELY(side != NULL))
        return side;
    struct table *fresh = (struct table *)hk_os_map_anywhere(sizeof *fresh), *none = NULL;
    if (fresh == NULL)
        return NULL;
    if (!atomic_compare_exchange_strong(&tables[slab / HK_SLABS_PER_SUPERSLAB], &none, fresh))
        hk_os_unmap((uintptr_t)fresh, sizeof *fresh); /* another thread was first */
    return hk_side_of(slab);
}
