/*
 * stats_pages.h - the text forms of stats: a process, the host, and a line each time.
 */
#ifndef HAKMEM_CTL_RENDER_STATS_PAGES_H
#define HAKMEM_CTL_RENDER_STATS_PAGES_H

#include "ctl/render/output.h"

/* One process. tuning: its object of tune.get, NULL where it is not known. */
void hk_stats_page_process(const struct hk_output *out, const cJSON *process, const cJSON *tuning);

/* Several processes of a stats result, an array: a line each, then the size classes of each that has them.
 * folded: see hk_process_table_show(). */
void hk_stats_page_processes(const struct hk_output *out, const cJSON *processes, bool folded);

/* The sums of a stats result of scope host; processes: a line for each, NULL for none. */
void hk_stats_page_host(const struct hk_output *out, const cJSON *result, const cJSON *processes,
                        bool folded);

/* One line of the moment for a process or a host object, after a line of titles if so told. */
void hk_stats_line_process(const struct hk_output *out, const cJSON *process, bool titles);
void hk_stats_line_host(const struct hk_output *out, const cJSON *host, bool titles);

/* "12:03:59" into buf, by the local clock. */
const char *hk_local_time_text(char *buf, size_t size);

#endif
