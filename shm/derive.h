/*
 * derive.h - totals of a process, and the figures that follow from them.
 *
 * Sums slots, then computes what counters.def declares as derived. Sums over heaps that run on
 * meanwhile may be off by what moved between two reads: a difference that comes out negative is shown
 * as 0. Pure.
 */
#ifndef HAKMEM_SHM_DERIVE_H
#define HAKMEM_SHM_DERIVE_H

#include "shm/reader.h"

/* One field for each derived row of the scope. */
#define HK_DERIVED_FIELD_CLASS_IN_CLASS(name) uint64_t name;
#define HK_DERIVED_FIELD_PROCESS_IN_CLASS(name)
#define HK_DERIVED_FIELD_CLASS_IN_PROCESS(name)
#define HK_DERIVED_FIELD_PROCESS_IN_PROCESS(name) uint64_t name;

struct hk_class_totals {
    uint64_t counters[HK_CLASS_COUNTERS];
#define HK_DERIVED(scope, name, kind, unit, help) HK_DERIVED_FIELD_##scope##_IN_CLASS(name)
#include "shm/counters.def"
};

struct hk_totals {
    unsigned class_count;
    uint32_t class_bytes[HK_MAX_CLASSES];
    struct hk_class_totals classes[HK_MAX_CLASSES];
    uint64_t process[HK_PROCESS_COUNTERS];
    uint64_t heaps_published; /* slots summed */
    uint64_t cache_bytes;     /* sum of the heaps' */
#define HK_DERIVED(scope, name, kind, unit, help) HK_DERIVED_FIELD_##scope##_IN_PROCESS(name)
#include "shm/counters.def"
};

/* Index of a stored counter in its list, by field name, at compile time. */
#define HK_CLASS_AT(name)   (offsetof(struct hk_class_row, name) / sizeof(uint64_t))
#define HK_HEAP_AT(name)    (offsetof(struct hk_heap_row, name) / sizeof(uint64_t))
#define HK_PROCESS_AT(name) (offsetof(struct hk_process_row, name) / sizeof(uint64_t))

void hk_totals_start(struct hk_totals *totals, const struct hk_reader *reader,
                     const struct hk_area_view *area);
void hk_totals_add_slot(struct hk_totals *totals, const struct hk_slot_view *slot);
/* Computes the derived figures; call after the last slot. */
void hk_totals_finish(struct hk_totals *totals);

/* Value of hk_derived_counters[index]; size_class matters for those of scope CLASS. */
uint64_t hk_totals_derived(const struct hk_totals *totals, unsigned index, unsigned size_class);

/* Sum over all classes of one class counter (HK_CLASS_AT). */
uint64_t hk_totals_class_sum(const struct hk_totals *totals, unsigned counter);

/* All allocations and frees: size classes, big and huge. */
uint64_t hk_totals_allocs(const struct hk_totals *totals);
uint64_t hk_totals_frees(const struct hk_totals *totals);

#endif
