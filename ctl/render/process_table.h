/*
 * process_table.h - processes as a table, one a line.
 */
#ifndef HAKMEM_CTL_RENDER_PROCESS_TABLE_H
#define HAKMEM_CTL_RENDER_PROCESS_TABLE_H

#include "ctl/render/output.h"

/* processes: an array of list's (or stats') process objects. folded: those that ended, and that only their
 * pids and figures tell apart, are one line, with the latest's pid and figures and how many they are; one
 * that ended by exec counts to what it became, where that is listed. */
void hk_process_table_show(const struct hk_output *out, const cJSON *processes, bool folded);

/* "exited 12 s ago" into buf for the record of a process that has ended; "" for a live one. Returns buf. */
const char *hk_process_end_text(const cJSON *process, char *buf, size_t size);

/* The name shown for its user: the name, else the number. */
const char *hk_process_user_text(const cJSON *process, char *buf, size_t size);

#endif
