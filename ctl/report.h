/*
 * report.h - what the tool says on stderr, and its exit statuses.
 *
 * Each message is one line (or more, if it holds newlines) after "hakmemctl: ", cleaned of what would
 * steer a terminal, since parts of it may come from other processes.
 */
#ifndef HAKMEM_CTL_REPORT_H
#define HAKMEM_CTL_REPORT_H

#include "shm/base.h"

enum hk_exit {
    HK_EXIT_OK = 0,
    HK_EXIT_PARTLY = 1, /* something was not done, or was not found */
    HK_EXIT_USAGE = 2,
    HK_EXIT_NO_DAEMON = 3,
    HK_EXIT_CANNOT_EXECUTE = 126, /* run, as shells have it */
    HK_EXIT_NOT_FOUND = 127,
};

void hk_error(const char *format, ...) HK_PRINTF(1, 2);
void hk_warning(const char *format, ...) HK_PRINTF(1, 2);

/* Told only after hk_be_verbose(). */
void hk_tell(const char *format, ...) HK_PRINTF(1, 2);
void hk_be_verbose(void);

#endif
