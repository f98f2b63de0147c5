/*
 * report.h - answers about processes: list, stats, tune.get.
 *
 * Walks the schema's lists, so that a counter or tunable declared in shm/ is here by itself. Each
 * function writes one object into the answer under key.
 */
#ifndef HAKMEM_DAEMON_CONTROL_REPORT_H
#define HAKMEM_DAEMON_CONTROL_REPORT_H

#include "daemon/control/json_writer.h"
#include "daemon/control/request_params.h"

/* These three return false, having written nothing, if a selector was given and matches nothing. */
bool hk_report_list(struct hk_json *json, const char *key, struct hk_daemon *daemon,
                    const struct hk_viewer *viewer, const struct hk_params *params);
bool hk_report_stats(struct hk_json *json, const char *key, struct hk_daemon *daemon,
                     const struct hk_viewer *viewer, const struct hk_params *params);
/* The members of stats, into an object that is open, whether or not anything matches. */
void hk_report_stats_members(struct hk_json *json, struct hk_daemon *daemon, const struct hk_viewer *viewer,
                             const struct hk_params *params);
bool hk_report_tuning(struct hk_json *json, const char *key, struct hk_daemon *daemon,
                      const struct hk_viewer *viewer, const struct hk_params *params);

void hk_report_schema(struct hk_json *json, const char *key);
void hk_report_info(struct hk_json *json, const char *key, struct hk_daemon *daemon,
                    const struct hk_viewer *viewer);

/* A value as answers give it: a number, or a choice's word. */
void hk_report_value(struct hk_json *json, const char *key, unsigned index, uint64_t value);

#endif
