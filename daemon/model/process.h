/*
 * process.h - a process from its first sight to its last: who it is, whether it lives.
 *
 * Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_MODEL_PROCESS_H
#define HAKMEM_DAEMON_MODEL_PROCESS_H

#include "daemon/model/registry.h"

/* A process as it was found. */
struct hk_sighting {
    pid_t pid, inner_pid;
    uint64_t start_ticks;
    int pidfd; /* taken over; -1: none to be had */
};

/* Makes a live process of a claim and binds it to that area. NULL if it turned out to have ended. */
struct hk_process *hk_process_new(struct hk_family *family, unsigned area, const struct hk_sighting *seen,
                                  uint64_t now_ns);

/* Gives a live process an area in another family, where its counting goes on. */
void hk_process_move(struct hk_process *process, struct hk_family *family, unsigned area, pid_t inner_pid);

/* Ends a process: last figures read, its cells named as dead, its record kept. HK_ENDED_ANYHOW becomes
 * HK_ENDED_EXIT where the area says so. */
void hk_process_end(struct hk_process *process, enum hk_ended how);

/* Keeps a record of a process that ended before anybody saw it alive: all that is known of it is what
 * its area says. The area's cells are named as dead. Returns the record. */
struct hk_process *hk_process_record_dead(struct hk_family *family, unsigned area, pid_t pid);

/* Looks at /proc again if it is time to, or if now is true. The process may turn out to run another
 * program, and end; then false is returned. */
bool hk_process_refresh(struct hk_process *process, bool now, uint64_t now_ns);

/* Its resident memory, at most max_age_ns old; false where unknown. */
bool hk_process_rss(struct hk_process *process, uint64_t max_age_ns, uint64_t now_ns, uint64_t *bytes);

/* Whether a process without a pidfd has ended. */
bool hk_process_has_ended(const struct hk_process *process);

/* Stops the watch over a life; at the end of the daemon. */
void hk_process_unwatch(struct hk_process *process);

/* "exited", "ended", "exec". */
const char *hk_ended_name(enum hk_ended how);

#endif
