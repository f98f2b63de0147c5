/*
 * log.h - what the daemon says: lines "level: message" on stderr, or entries of the journal with fields.
 *
 * Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_BASE_LOG_H
#define HAKMEM_DAEMON_BASE_LOG_H

#include <stdbool.h>
#include <sys/types.h>

#include "config/config.h"
#include "daemon/base/token_bucket.h"

void hk_log_set_level(enum hk_log_level level);
/* Log to the journal where stderr leads there, and libsystemd was built in. */
void hk_log_find_journal(void);

void hk_log(enum hk_log_level level, const char *format, ...) HK_PRINTF(2, 3);

/* What an entry is about; each has a MESSAGE_ID in the journal. */
enum hk_event {
#define HK_EVENT(id, ...) HK_EVENT_##id,
#include "daemon/base/events.def"
    HK_EVENTS
};

/* Whom it is about; 0 and NULL where that is not known. */
struct hk_log_about {
    pid_t pid; /* 0: no process, and no user */
    uid_t uid;
    const char *comm, *unit;
};

/* The same with fields for the journal: MESSAGE_ID, HAKMEM_EVENT and, about a process, HAKMEM_PID,
 * HAKMEM_UID, HAKMEM_COMM, HAKMEM_UNIT. about may be NULL. */
void hk_log_event(enum hk_log_level level, enum hk_event event, const struct hk_log_about *about,
                  const char *format, ...) HK_PRINTF(4, 5);

/* For what others can cause: at most some lines a minute, then one that counts the rest. */
struct hk_log_limit {
    struct hk_bucket bucket;
    unsigned held_back;
};

/* Whether to say it; counts it if not. */
bool hk_log_allowed(struct hk_log_limit *limit, const char *what);

#endif
