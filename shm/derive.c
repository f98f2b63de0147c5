/* derive.c - see derive.h. */
#include "shm/derive.h"

#include <string.h>

#define SLAB_BYTES (64 * HK_KIB)

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

void hk_totals_start(struct hk_totals *totals, const struct hk_reader *reader,
                     const struct hk_area_view *area)
{
    memset(totals, 0, sizeof *totals);
    totals->class_count = reader->class_count;
    memcpy(totals->class_bytes, reader->classes, sizeof totals->class_bytes);
    memcpy(totals->process, area->process, sizeof totals->process);
}

void hk_totals_add_slot(struct hk_totals *totals, const struct hk_slot_view *slot)
{
    totals->heaps_published++;
    totals->cache_bytes += slot->heap[HK_HEAP_AT(cache_bytes)];
    for (unsigned c = 0; c < totals->class_count; c++) {
        for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++)
            totals->classes[c].counters[i] += slot->rows[c][i];
    }
}

void hk_totals_finish(struct hk_totals *totals)
{
    uint64_t small_live = 0;
    for (unsigned c = 0; c < totals->class_count; c++) {
        struct hk_class_totals *t = &totals->classes[c];
        const uint64_t *n = t->counters;
        uint64_t allocs = n[HK_CLASS_AT(allocs_total)], frees = n[HK_CLASS_AT(frees_total)];
        t->live_blocks = minus(allocs, frees);
        t->in_bin_blocks = minus(n[HK_CLASS_AT(refilled_blocks_total)] + frees,
                                 allocs + n[HK_CLASS_AT(flushed_blocks_total)]);
        small_live += t->live_blocks * totals->class_bytes[c];
        totals->bin_bytes += t->in_bin_blocks * totals->class_bytes[c];
    }
    const uint64_t *p = totals->process;
    totals->live_bytes = small_live + p[HK_PROCESS_AT(big_bytes)] + p[HK_PROCESS_AT(huge_bytes)];
    totals->partial_bytes = minus(p[HK_PROCESS_AT(slabs_in_use)] * SLAB_BYTES,
                                  small_live + totals->bin_bytes);
    totals->threads = p[HK_PROCESS_AT(heaps_live)];
}

#define OFFSET_CLASS(name)   offsetof(struct hk_class_totals, name)
#define OFFSET_PROCESS(name) offsetof(struct hk_totals, name)

uint64_t hk_totals_derived(const struct hk_totals *totals, unsigned index, unsigned size_class)
{
    static const size_t offsets[] = {
#define HK_DERIVED(scope, name, kind, unit, help) OFFSET_##scope(name),
#include "shm/counters.def"
    };
    const char *base = (const char *)totals;
    if (hk_derived_counters[index].scope == HK_SCOPE_CLASS)
        base = (const char *)&totals->classes[size_class];
    uint64_t v;
    memcpy(&v, base + offsets[index], sizeof v);
    return v;
}

uint64_t hk_totals_class_sum(const struct hk_totals *totals, unsigned counter)
{
    uint64_t sum = 0;
    for (unsigned c = 0; c < totals->class_count; c++)
        sum += totals->classes[c].counters[counter];
    return sum;
}

uint64_t hk_totals_allocs(const struct hk_totals *totals)
{
    return hk_totals_class_sum(totals, HK_CLASS_AT(allocs_total)) +
           totals->process[HK_PROCESS_AT(big_allocs_total)] +
           totals->process[HK_PROCESS_AT(huge_allocs_total)];
}

uint64_t hk_totals_frees(const struct hk_totals *totals)
{
    return hk_totals_class_sum(totals, HK_CLASS_AT(frees_total)) +
           totals->process[HK_PROCESS_AT(big_frees_total)] + totals->process[HK_PROCESS_AT(huge_frees_total)];
}
