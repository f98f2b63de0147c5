/*
 * processes.h - processes as a table, one a line.
 */
#ifndef HAKMEM_CTL_PROCESSES_H
#define HAKMEM_CTL_PROCESSES_H

#include "ctl/output.h"

/* processes: an array of list's (or stats') process objects. */
void hk_processes_show(const struct hk_out *out, const cJSON *processes);

/* "exited 12 s ago" into buf for the record of a process that has ended; "" for a live one. Returns buf. */
const char *hk_process_end(const cJSON *process, char *buf, size_t size);

/* The name shown for its user: the name, else the number. */
const char *hk_process_user(const cJSON *process, char *buf, size_t size);

#endif
