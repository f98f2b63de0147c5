/*
 * report_process.h - what list and stats say of one process.
 */
#ifndef HAKMEM_DAEMON_CONTROL_REPORT_PROCESS_H
#define HAKMEM_DAEMON_CONTROL_REPORT_PROCESS_H

#include "daemon/control/report.h"

/* What all processes of one answer share. */
struct hk_report_time {
    struct hk_daemon *daemon;
    uint64_t now_ns, boot_ns;
};

/* Members of list, into an object that is open. */
void hk_report_identity(struct hk_json *json, const struct hk_report_time *time, struct hk_process *process);

/* The further members of stats. */
void hk_report_figures(struct hk_json *json, const struct hk_process *process, bool classes);

#endif
