/*
 * log.h - what the daemon says: lines "level: message" on stderr, or entries of the journal with fields.
 *
 * Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_LOG_H
#define HAKMEM_DAEMON_LOG_H

#include <stdbool.h>
#include <sys/types.h>

#include "config/config.h"
#include "daemon/bucket.h"

void hk_log_set_level(enum hk_log_level level);
/* Log to the journal where stderr leads there, and libsystemd was built in. */
void hk_log_find_journal(void);

void hk_log(enum hk_log_level level, const char *format, ...) HK_PRINTF(2, 3);

/* The same about a process: the journal's entry has HAKMEM_PID and HAKMEM_UID. */
void hk_log_process(enum hk_log_level level, pid_t pid, uid_t uid, const char *format, ...) HK_PRINTF(4, 5);

/* For what others can cause: at most some lines a minute, then one that counts the rest. */
struct hk_log_limit {
    struct hk_bucket bucket;
    unsigned held_back;
};

/* Whether to say it; counts it if not. */
bool hk_log_allowed(struct hk_log_limit *limit, const char *what);

#endif
