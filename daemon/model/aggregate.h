/*
 * aggregate.h - rates out of recent samples, and sums over processes.
 *
 * Pure: figures in, figures out. Sums stop at the largest number.
 */
#ifndef HAKMEM_DAEMON_MODEL_AGGREGATE_H
#define HAKMEM_DAEMON_MODEL_AGGREGATE_H

#include "daemon/model/counter_values.h"

/* Samples kept of each process: rates are over the time between the oldest and the newest. */
#define HK_HISTORY 6

struct hk_sample {
    uint64_t at_ns;
    uint64_t totals[HK_FIGURES_MAX];
    uint64_t classes[HK_MAX_CLASSES][HK_CLASS_RATES];
};

struct hk_history {
    unsigned count;
    unsigned newest;
    unsigned unmoved; /* samples in a row that were like the one before */
    uint64_t last_ns; /* of the last sample, stored or not */
    struct hk_sample samples[HK_HISTORY];
};

/* Adds a sample; moved is whether the figures can differ from the last ones added. An idle process costs
 * nothing once its whole history is idle. */
void hk_history_add(struct hk_history *history, const struct hk_figures *figures, bool moved, uint64_t at_ns);

/* The time that rates are over; 0 while there are none. */
uint32_t hk_history_window_ms(const struct hk_history *history);

/* Events a second of hk_total_info(i), and of a class by index into hk_class_rate_counters. */
double hk_history_rate(const struct hk_history *history, unsigned i);
double hk_history_class_rate(const struct hk_history *history, unsigned size_class, unsigned which);

/* Counters of several processes, classes told apart by size. */
struct hk_counts {
    uint64_t totals[HK_FIGURES_MAX];
    unsigned class_count;
    uint32_t class_bytes[HK_MAX_CLASSES];
    uint64_t classes[HK_MAX_CLASSES][HK_CLASS_COUNTERS];
};

void hk_counts_add(struct hk_counts *sum, const struct hk_figures *figures);
void hk_counts_add_counts(struct hk_counts *sum, const struct hk_counts *more);

/* All that is said of several processes. Of ended ones only the counters count. */
struct hk_sum {
    unsigned processes; /* live */
    struct hk_counts counts;
    uint64_t gauges[HK_FIGURES_MAX];
    double rates[HK_FIGURES_MAX];
    uint32_t window_ms; /* the longest */
    struct {
        uint64_t derived[HK_CLASS_DERIVED];
        double rates[HK_CLASS_RATES];
    } classes[HK_MAX_CLASSES]; /* beside counts.classes */
};

/* history may be NULL. */
void hk_sum_add(struct hk_sum *sum, const struct hk_figures *figures, const struct hk_history *history);

#endif
