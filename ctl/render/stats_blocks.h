/*
 * stats_blocks.h - the blocks a page of figures is made of: memory as a sum, counters, gauges, size classes.
 *
 * They take objects of a stats result ("gauges", "totals", "rates", "classes"), of a process or the host,
 * and show whatever is in them: a counter that a newer daemon adds is shown without a change here.
 */
#ifndef HAKMEM_CTL_RENDER_STATS_BLOCKS_H
#define HAKMEM_CTL_RENDER_STATS_BLOCKS_H

#include "ctl/render/output.h"

/* Where the memory is, as a sum. rss_bytes: NAN where it is not known. */
void hk_stats_block_memory(const struct hk_output *out, const cJSON *gauges, double rss_bytes);

/* Totals and rates; those that never counted are left out. */
void hk_stats_block_counters(const struct hk_output *out, const cJSON *totals, const cJSON *rates);

/* What gauges the sum does not show, where not 0. */
void hk_stats_block_gauges(const struct hk_output *out, const cJSON *gauges);

/* A line for each size class. */
void hk_stats_block_classes(const struct hk_output *out, const cJSON *classes);

/* Allocations that one refill serves, now, or since the start where nothing happens now. NAN: none yet. */
double hk_stats_allocs_per_refill(const cJSON *totals, const cJSON *rates);

/* A key as words: "big_allocs_total" to "big allocs". Returns buf. */
const char *hk_stats_key_words(const char *key, char *buf, size_t size);

#endif
