/*
 * systemd.h - the service manager: readiness, watchdog, journal, passed sockets, stored descriptors.
 *
 * The only user of libsystemd. Built without it, or run without a service manager, every function does
 * nothing and says so.
 */
#ifndef HAKMEM_DAEMON_BASE_SYSTEMD_H
#define HAKMEM_DAEMON_BASE_SYSTEMD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/config.h"

/* Whether libsystemd was built in. */
bool hk_systemd_built(void);

/* Whether stderr is connected to the journal. */
bool hk_systemd_has_journal(void);

#define HK_JOURNAL_FIELDS 8 /* at most, beside the message */

struct hk_journal_field {
    const char *name;  /* capitals and underscores */
    const char *value; /* any bytes */
};

/* Sends one entry. False if it could not. */
bool hk_systemd_journal(enum hk_log_level level, const char *message, const struct hk_journal_field *fields,
                        unsigned count);

/* Sends a notification ("READY=1", "STATUS=..."); a failure does not matter. */
void hk_systemd_notify(const char *state);

/* RELOADING=1 with the time it began, as Type=notify-reload wants. */
void hk_systemd_notify_reloading(void);

/* How often WATCHDOG=1 is expected, in ms; 0: never. */
uint64_t hk_systemd_watchdog_ms(void);

struct hk_passed_fd {
    int fd; /* close-on-exec */
    char name[256];
};

/* Descriptors that were passed at start: sockets, and what was stored. Returns how many, *out to be
 * freed. May be called once. */
unsigned hk_systemd_passed_fds(struct hk_passed_fd **out);

/* Keeps descriptors with the service manager under a name until they are taken back by that name, also
 * across a restart. False if nobody keeps them. */
bool hk_systemd_store(const char *name, const int *fds, unsigned count);
void hk_systemd_unstore(const char *name);

#endif
