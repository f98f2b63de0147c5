/*
 * totals.h - the process's figures at one moment, from its own totals.
 *
 * Sums over the heaps without stopping them: the caller's own heap is exact, those of running threads may
 * lag by what their bins' bounds say.
 */
#ifndef HAKMEM_LIB_HEAP_TOTALS_H
#define HAKMEM_LIB_HEAP_TOTALS_H

#include "lib/heap/heap.h"

struct hk_figures {
    uint64_t mapped_bytes;
    uint64_t live_bytes;     /* in the program's hands */
    uint64_t bin_bytes;      /* cached by heaps */
    uint64_t partial_bytes;  /* in slabs in use, neither live nor cached */
    uint64_t retained_bytes; /* free, pages kept */
    uint64_t live_blocks;
    uint64_t free_blocks; /* in bins */
    uint64_t huge_blocks, huge_bytes;
    uint64_t allocs, frees;
    uint64_t slabs; /* in use */
    uint64_t heaps;
};

void hk_figures_take(struct hk_figures *out);

#endif
