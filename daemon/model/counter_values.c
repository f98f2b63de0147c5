/* counter_values.c - see counter_values.h. */
#include "daemon/model/counter_values.h"

#include <stdio.h>
#include <string.h>

struct ref {
    uint8_t scope;
    uint8_t derived;
    uint16_t index;
};

/* Rows of one kind, as references to their place. */
#define TOTAL_COUNTER(s, i) {.scope = HK_SCOPE_##s, .index = (i)},
#define TOTAL_GAUGE(s, i)

static const struct ref totals[] = {
#define HK_CLASS_COUNTER(name, kind, ...)   TOTAL_##kind(CLASS, HK_CLASS_AT(name))
#define HK_HEAP_COUNTER(name, kind, ...)    TOTAL_##kind(HEAP, HK_HEAP_AT(name))
#define HK_PROCESS_COUNTER(name, kind, ...) TOTAL_##kind(PROCESS, HK_PROCESS_AT(name))
#include "shm/counters.def"
};

#define OF_PROCESS_COUNTER(i)
#define OF_PROCESS_GAUGE(i) {.scope = HK_SCOPE_PROCESS, .index = (i)},
/* What is counted in bytes, blocks, events or things adds up over heaps; an ordinal does not. */
#define OF_HEAP_COUNTER(unit, i)
#define OF_HEAP_GAUGE(unit, i) HEAP_IN_##unit(i)
#define HEAP_IN_BYTES(i)       {.scope = HK_SCOPE_HEAP, .index = (i)},
#define HEAP_IN_BLOCKS(i)      HEAP_IN_BYTES(i)
#define HEAP_IN_EVENTS(i)      HEAP_IN_BYTES(i)
#define HEAP_IN_ITEMS(i)       HEAP_IN_BYTES(i)
#define HEAP_IN_NUMBER(i)
#define HEAP_IN_NANOSECONDS(i)

/* Place of a derived row in hk_derived_counters. */
enum derived_index {
#define HK_DERIVED(scope, name, ...) DERIVED_##name,
#include "shm/counters.def"
};
#define DERIVED_IN_CLASS(i)
#define DERIVED_IN_PROCESS(i) {.scope = HK_SCOPE_PROCESS, .derived = 1, .index = (i)},

static const struct ref gauges[] = {
#define HK_DERIVED(scope, name, ...) DERIVED_IN_##scope(DERIVED_##name)
#include "shm/counters.def"
#define HK_PROCESS_COUNTER(name, kind, ...)    OF_PROCESS_##kind(HK_PROCESS_AT(name))
#define HK_HEAP_COUNTER(name, kind, unit, ...) OF_HEAP_##kind(unit, HK_HEAP_AT(name))
#include "shm/counters.def"
};

#define CLASS_DERIVED_IN_CLASS(i) (i),
#define CLASS_DERIVED_IN_PROCESS(i)
static const uint16_t class_derived[] = {
#define HK_DERIVED(scope, name, ...) CLASS_DERIVED_IN_##scope(DERIVED_##name)
#include "shm/counters.def"
};

const unsigned hk_total_count = HK_COUNT_OF(totals);
const unsigned hk_gauge_count = HK_COUNT_OF(gauges);

HK_STATIC_ASSERT(HK_COUNT_OF(totals) <= HK_FIGURES_MAX && HK_COUNT_OF(gauges) <= HK_FIGURES_MAX,
                 "sums and histories have room for every counter");

const unsigned hk_class_rate_counters[HK_CLASS_RATES] = {HK_CLASS_AT(allocs_total), HK_CLASS_AT(frees_total),
                                                         HK_CLASS_AT(refills_total)};

const struct hk_counter_info *hk_class_derived_info(unsigned i)
{
    return &hk_derived_counters[class_derived[i]];
}

uint64_t hk_figures_class_derived(const struct hk_figures *figures, unsigned size_class, unsigned i)
{
    return hk_totals_derived(&figures->totals, class_derived[i], size_class);
}

static const struct hk_counter_info *info_of(const struct ref *ref)
{
    if (ref->derived)
        return &hk_derived_counters[ref->index];
    switch (ref->scope) {
    case HK_SCOPE_CLASS:
        return &hk_class_counters[ref->index];
    case HK_SCOPE_HEAP:
        return &hk_heap_counters[ref->index];
    default:
        return &hk_process_counters[ref->index];
    }
}

const struct hk_counter_info *hk_total_info(unsigned i)
{
    return info_of(&totals[i]);
}

const struct hk_counter_info *hk_gauge_info(unsigned i)
{
    return info_of(&gauges[i]);
}

unsigned hk_total_index(const char *name)
{
    unsigned i = 0;
    while (i < hk_total_count - 1 && strcmp(hk_total_info(i)->name, name) != 0)
        i++;
    return i;
}

unsigned hk_gauge_index(const char *name)
{
    unsigned i = 0;
    while (i < hk_gauge_count - 1 && strcmp(hk_gauge_info(i)->name, name) != 0)
        i++;
    return i;
}

bool hk_gauge_adds_up(unsigned i)
{
    unsigned unit = hk_gauge_info(i)->unit;
    return unit != HK_UNIT_NUMBER && unit != HK_UNIT_NANOSECONDS;
}

static uint64_t value_of(const struct hk_figures *figures, const struct ref *ref)
{
    if (ref->derived)
        return hk_totals_derived(&figures->totals, ref->index, 0);
    switch (ref->scope) {
    case HK_SCOPE_CLASS:
        if (ref->index == HK_CLASS_AT(allocs_total))
            return hk_totals_allocs(&figures->totals);
        if (ref->index == HK_CLASS_AT(frees_total))
            return hk_totals_frees(&figures->totals);
        return hk_totals_class_sum(&figures->totals, ref->index);
    case HK_SCOPE_HEAP:
        return figures->heap[ref->index];
    default:
        return figures->totals.process[ref->index];
    }
}

uint64_t hk_figures_total(const struct hk_figures *figures, unsigned i)
{
    return value_of(figures, &totals[i]);
}

uint64_t hk_figures_gauge(const struct hk_figures *figures, unsigned i)
{
    return value_of(figures, &gauges[i]);
}

void hk_figures_start(struct hk_figures *figures, const struct hk_reader *reader,
                      const struct hk_area_view *area)
{
    hk_totals_start(&figures->totals, reader, area);
    memset(figures->heap, 0, sizeof figures->heap);
}

void hk_figures_add_slot(struct hk_figures *figures, const struct hk_slot_view *slot)
{
    hk_totals_add_slot(&figures->totals, slot);
    for (unsigned i = 0; i < HK_HEAP_COUNTERS; i++)
        figures->heap[i] = hk_add(figures->heap[i], slot->heap[i]);
}

static void keep_rising(uint64_t *now, const uint64_t *before, const struct hk_counter_info *infos,
                        unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (infos[i].kind == HK_KIND_COUNTER && now[i] < before[i])
            now[i] = before[i];
    }
}

void hk_figures_finish(struct hk_figures *figures, const struct hk_figures *before)
{
    struct hk_totals *t = &figures->totals;
    if (before) {
        bool same_classes = before->totals.class_count == t->class_count &&
                            memcmp(before->totals.class_bytes, t->class_bytes, sizeof t->class_bytes) == 0;
        for (unsigned c = 0; same_classes && c < t->class_count; c++)
            keep_rising(t->classes[c].counters, before->totals.classes[c].counters, hk_class_counters,
                        HK_CLASS_COUNTERS);
        keep_rising(figures->heap, before->heap, hk_heap_counters, HK_HEAP_COUNTERS);
        keep_rising(t->process, before->totals.process, hk_process_counters, HK_PROCESS_COUNTERS);
    }
    hk_totals_finish(t);
}

const char *hk_rate_name(const char *counter, char buf[HK_RATE_NAME_BYTES])
{
    static const char total[] = "_total";
    size_t len = strlen(counter), tail = sizeof total - 1;
    if (len > tail && strcmp(counter + len - tail, total) == 0)
        len -= tail;
    if (len >= HK_NAME_BYTES)
        len = HK_NAME_BYTES - 1;
    snprintf(buf, HK_RATE_NAME_BYTES, "%.*s_per_s", (int)len, counter);
    return buf;
}
