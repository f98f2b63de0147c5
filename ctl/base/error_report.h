/*
 * error_report.h - what the tool says on stderr, and its exit statuses.
 *
 * Each message is one line (or more, if it holds newlines) after "hakmemctl: ", cleaned of what would
 * steer a terminal, since parts of it may come from other processes.
 */
#ifndef HAKMEM_CTL_BASE_ERROR_REPORT_H
#define HAKMEM_CTL_BASE_ERROR_REPORT_H

#include "shm/base.h"

enum hk_exit {
#define HK_EXIT_STATUS(name, status, ...) HK_EXIT_##name = (status),
#include "ctl/base/exits.def"
};

void hk_error(const char *format, ...) HK_PRINTF(1, 2);
void hk_warning(const char *format, ...) HK_PRINTF(1, 2);

/* Told only after hk_set_verbose(). */
void hk_verbose(const char *format, ...) HK_PRINTF(1, 2);
void hk_set_verbose(void);

#endif
