/*
 * counter_values.h - the figures of one process, and the lists of counters and gauges that answers walk.
 *
 * The lists come from shm/counters.def, in its order. Pure.
 */
#ifndef HAKMEM_DAEMON_MODEL_COUNTER_VALUES_H
#define HAKMEM_DAEMON_MODEL_COUNTER_VALUES_H

#include "shm/derive.h"

/* Room for every row of counters.def. */
#define HK_FIGURES_MAX (HK_CLASS_COUNTERS + HK_HEAP_COUNTERS + HK_PROCESS_COUNTERS + 32)

struct hk_figures {
    struct hk_totals totals;
    uint64_t heap[HK_HEAP_COUNTERS]; /* summed over the published heaps */
};

/* Adds that stop at the largest number instead of running backwards past it. */
HK_INLINE uint64_t hk_add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* As hk_totals_start() and its friends. before, which may be NULL, holds the process's last figures:
 * counters that came out lower (a heap on its way from one slot to another) keep their last value. */
void hk_figures_start(struct hk_figures *figures, const struct hk_reader *reader,
                      const struct hk_area_view *area);
void hk_figures_add_slot(struct hk_figures *figures, const struct hk_slot_view *slot);
void hk_figures_finish(struct hk_figures *figures, const struct hk_figures *before);

/* The counters: every name that ends in _total, of all scopes. allocs_total and frees_total take in big
 * and huge blocks; the other class counters are sums over the classes. */
extern const unsigned hk_total_count;
const struct hk_counter_info *hk_total_info(unsigned i);
uint64_t hk_figures_total(const struct hk_figures *figures, unsigned i);

/* The gauges of a process: stored, derived, and those of heaps that make sense as a sum. */
extern const unsigned hk_gauge_count;
const struct hk_counter_info *hk_gauge_info(unsigned i);
uint64_t hk_figures_gauge(const struct hk_figures *figures, unsigned i);
/* Index of a total or a gauge by its name; the name must be one. */
unsigned hk_total_index(const char *name);
unsigned hk_gauge_index(const char *name);

/* Whether it makes sense as a sum over processes: not a generation, not a time. */
bool hk_gauge_adds_up(unsigned i);

/* The derived figures of classes. */
#define HK_CLASS_DERIVED_IN_CLASS(...) +1
#define HK_CLASS_DERIVED_IN_PROCESS(...)
enum {
    HK_CLASS_DERIVED = 0
#define HK_DERIVED(scope, ...) HK_CLASS_DERIVED_IN_##scope(scope)
#include "shm/counters.def"
};
const struct hk_counter_info *hk_class_derived_info(unsigned i);
uint64_t hk_figures_class_derived(const struct hk_figures *figures, unsigned size_class, unsigned i);

/* Class counters that answers give as a rate too. */
#define HK_CLASS_RATES 3
extern const unsigned hk_class_rate_counters[HK_CLASS_RATES];

/* "allocs_total" to "allocs_per_s"; returns buf. */
#define HK_RATE_NAME_BYTES (HK_NAME_BYTES + 8)
const char *hk_rate_name(const char *counter, char buf[HK_RATE_NAME_BYTES]);

#endif
