/*
 * schema.h - what the tables declare, as data: names, units, bounds, and how to find them.
 *
 * Generated from counters.def and tunables.def. Pure, thread-safe, calls nothing that allocates.
 */
#ifndef HAKMEM_SHM_SCHEMA_H
#define HAKMEM_SHM_SCHEMA_H

#include <stdbool.h>

#include "shm/layout.h"

struct hk_counter_info {
    const char *name;
    const char *help;
    uint8_t scope;   /* enum hk_scope */
    uint8_t kind;    /* enum hk_kind */
    uint8_t unit;    /* enum hk_unit */
    bool derived;    /* not stored */
    uint32_t offset; /* in its row; 0 where derived */
};

struct hk_tunable_info {
    const char *name;
    const char *help;
    const char *choices; /* comma-separated; "" where the type is not CHOICE */
    uint8_t type;        /* enum hk_value_type */
    uint8_t unit;
    uint8_t effect; /* enum hk_effect */
    uint64_t min, max, dflt;
};

extern const struct hk_counter_info hk_class_counters[HK_CLASS_COUNTERS];
extern const struct hk_counter_info hk_heap_counters[HK_HEAP_COUNTERS];
extern const struct hk_counter_info hk_process_counters[HK_PROCESS_COUNTERS];
extern const struct hk_counter_info hk_derived_counters[];
extern const unsigned hk_derived_counter_count;
extern const struct hk_tunable_info hk_tunables[HK_TUNABLES];
extern const struct hk_tunable_info hk_class_tunables[HK_CLASS_TUNABLES]; /* dflt unused */

/* Description of the value at an index (0..HK_VALUES-1). Never NULL for an index in range. */
const struct hk_tunable_info *hk_value_info(unsigned value_index);

/* Descriptors written into a segment: counters of all stored scopes, then tunables. */
#define HK_DESCRIPTORS                                                                                       \
    (HK_CLASS_COUNTERS + HK_HEAP_COUNTERS + HK_PROCESS_COUNTERS + HK_TUNABLES + HK_CLASS_TUNABLES)
void hk_schema_descriptors(struct hk_desc out[HK_DESCRIPTORS]);

/* Words for enum values, "?" for an unknown one. */
const char *hk_unit_name(unsigned unit);
const char *hk_kind_name(unsigned kind);
const char *hk_source_name(unsigned source);
const char *hk_verdict_name(unsigned verdict);

#endif
