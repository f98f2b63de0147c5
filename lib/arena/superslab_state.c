/* superslab_state.c - see superslab_state.h. */
#include "lib/arena/superslab_state.h"

#include "lib/arena/address_space.h"
#include "lib/arena/superslab_index.h"
#include "lib/base/process_counters.h"
#include "lib/base/start_data.h"
#include "lib/harden/intercept.h"

struct hk_ss hk_ss HK_EARLY;

/* How many closed runs there would be more if [first, first + n) were closed too. */
static int holes_added(uint32_t first, uint32_t n)
{
    return 1 - (first > 0 && hk_ss_is_closed(first - 1)) - hk_ss_is_closed(first + n);
}

void hk_ss_mark_closed(uint32_t first, uint32_t n)
{
    hk_ss.holes += holes_added(first, n);
    for (uint32_t s = first; s < first + n; s++) {
        hk_ss_set_state(s, HK_SUPERSLAB_CLOSED);
        hk_index_raise(HK_ROW_CLOSED, s);
    }
}

void hk_ss_mark_used(uint32_t first, uint32_t n, unsigned state)
{
    for (uint32_t s = first; s < first + n; s++) {
        hk_ss_set_state(s, state);
        hk_index_lower(HK_ROW_CLOSED, s);
    }
    hk_ss.holes -= holes_added(first, n);
}

void hk_ss_count_mapped(uint32_t superslabs, size_t bytes)
{
    hk_count(&hk_process.superslabs_mapped, superslabs);
    hk_count(&hk_process.mapped_bytes, bytes);
}

void hk_ss_uncount_mapped(uint32_t superslabs, size_t bytes)
{
    hk_uncount(&hk_process.superslabs_mapped, superslabs);
    hk_uncount(&hk_process.mapped_bytes, bytes);
}

void hk_ss_offer(uint32_t superslab)
{
    struct hk_superslab *s = hk_superslab_at(superslab);
    atomic_store(&s->free, HK_ALL_SLABS);
    for (unsigned row = HK_ROW_FREE; row <= HK_ROW_EMPTY; row++)
        hk_index_raise(row, superslab);
    if (hk_index_holds(HK_ROW_RESIDENT, s))
        hk_index_raise(HK_ROW_RESIDENT, superslab);
}

bool hk_ss_claim(uint32_t superslab)
{
    struct hk_superslab *s = hk_superslab_at(superslab);
    uint32_t all = HK_ALL_SLABS;
    if (hk_ss_state(superslab) != HK_SUPERSLAB_OPEN || !atomic_compare_exchange_strong(&s->free, &all, 0))
        return false;
    for (unsigned row = HK_ROW_FREE; row <= HK_ROW_EMPTY; row++)
        hk_index_lower(row, superslab);
    hk_index_lower(HK_ROW_RESIDENT, superslab);
    uint32_t resident = atomic_load(&s->resident);
    hk_count_along(&hk_process.retained_bytes,
                   (uint64_t)0 - (uint64_t)__builtin_popcount(resident) * HK_SLAB_BYTES);
    return true;
}

void hk_ss_unclaim(uint32_t superslab)
{
    uint32_t resident = atomic_load(&hk_superslab_at(superslab)->resident);
    hk_count_along(&hk_process.retained_bytes, (uint64_t)__builtin_popcount(resident) * HK_SLAB_BYTES);
    hk_ss_offer(superslab);
}

void hk_ss_clear_masks(uint32_t superslab)
{
    struct hk_superslab *s = hk_superslab_at(superslab);
    atomic_store(&s->dirty, 0);
    atomic_store(&s->resident, 0);
}

bool hk_ss_extend_end(uint32_t new_end)
{
    if (!hk_window_map_tables(new_end))
        return false;
    uint32_t old_end = hk_ss.end;
    __atomic_store_n(&hk_arena.slabs, (size_t)new_end * HK_SLABS_PER_SUPERSLAB, __ATOMIC_RELEASE);
    hk_divert_arena_grew();
    hk_ss.end = new_end;
    if (new_end > old_end) {
        hk_ss.holes += !(old_end > 0 && hk_ss_is_closed(old_end - 1));
        for (uint32_t s = old_end; s < new_end; s++) {
            hk_ss_set_state(s, HK_SUPERSLAB_CLOSED); /* as it is; a page first read would fault twice */
            hk_index_raise(HK_ROW_CLOSED, s);
        }
    }
    return true;
}

uint32_t hk_ss_closed_run(uint32_t first, uint32_t most)
{
    uint32_t n = 0;
    while (n < most && hk_ss_is_closed(first + n))
        n++;
    return n;
}
