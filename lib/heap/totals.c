/* totals.c - see totals.h. */
#include "lib/heap/totals.h"

#include <string.h>

#include "lib/base/process_counters.h"
#include "lib/harden/quarantine.h"
#include "lib/heap/bin.h"
#include "lib/tuning/control.h"

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

void hk_figures_take(struct hk_figures *out)
{
    hk_control_notice_fork();
    struct hk_heap *own = hk_heap_own();
    if (own != NULL)
        hk_heap_learn(own);
    memset(out, 0, sizeof *out);
    uint64_t small_live = 0;
    unsigned heaps = hk_heap_count();
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        uint64_t allocs = hk_total(&hk_inherited[c].allocs_total), frees = 0, flushed = 0;
        uint64_t refilled = hk_total(&hk_inherited[c].refilled_blocks_total);
        for (unsigned id = 1; id <= heaps; id++) {
            const struct hk_class_row *row = &hk_heap_at(id)->classes[c].totals;
            allocs += hk_total(&row->allocs_total);
            frees += hk_total(&row->frees_total);
            refilled += hk_total(&row->refilled_blocks_total);
            flushed += hk_total(&row->flushed_blocks_total);
        }
        uint64_t in_bins = minus(refilled + frees, allocs + flushed);
        out->allocs += allocs;
        out->frees += frees;
        out->live_blocks += minus(allocs, frees);
        out->free_blocks += in_bins;
        out->bin_bytes += in_bins * hk_classes[c].bytes;
        small_live += minus(allocs, frees) * hk_classes[c].bytes;
    }
    hk_process_reckon();
    uint64_t big = hk_total(&hk_process.big_bytes);
    out->huge_bytes = hk_total(&hk_process.huge_bytes);
    out->huge_blocks = hk_total(&hk_process.huge_blocks);
    out->live_bytes = small_live + big + out->huge_bytes;
    out->live_blocks += hk_total(&hk_process.big_blocks) + out->huge_blocks;
    out->allocs += hk_total(&hk_process.big_allocs_total) + hk_total(&hk_process.huge_allocs_total);
    out->frees += hk_total(&hk_process.big_frees_total) + hk_total(&hk_process.huge_frees_total);
    out->partial_bytes = minus(hk_total(&hk_process.slabs_in_use) * HK_SLAB_BYTES,
                               small_live + out->bin_bytes);
    out->mapped_bytes = hk_total(&hk_process.mapped_bytes);
    out->retained_bytes = hk_total(&hk_process.retained_bytes);
    out->slabs = hk_total(&hk_process.slabs_in_use);
    out->heaps = hk_total(&hk_process.heaps_live);
    /* Freed blocks that wait are nobody's any more, though no total says so yet. */
    uint64_t waiting = hk_total(&hk_quarantine_blocks), waiting_bytes = hk_total(&hk_quarantine_bytes);
    out->frees += waiting;
    out->live_blocks = minus(out->live_blocks, waiting);
    out->live_bytes = minus(out->live_bytes, waiting_bytes);
    out->free_blocks += waiting;
    out->bin_bytes += waiting_bytes;
}
