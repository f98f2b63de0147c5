/*
 * admission.h - a family comes in: by a hello, or from the service manager's descriptor store.
 *
 * Descriptors are checked, the process is found in its segment, limits are kept, and what was known of
 * the process before is carried on or ended. Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_INTAKE_ADMISSION_H
#define HAKMEM_DAEMON_INTAKE_ADMISSION_H

#include "daemon/base/systemd.h"
#include "daemon/model/registry.h"

struct hk_arrival {
    pid_t pid; /* from the kernel */
    uid_t uid;
    uint64_t start_ticks;
    int pidfd;             /* -1: none to be had, or gone */
    bool gone;             /* it ended before it was seen */
    bool restored;         /* from the descriptor store */
    struct hk_hello hello; /* what it says of itself; strings end; zeroes where restored */
    int counters_fd, tuning_fd;
};

/* Takes a family in. All three descriptors are taken over, whatever happens. NULL, or a constant sentence
 * on why it was turned down. */
const char *hk_arrive(struct hk_daemon *daemon, struct hk_arrival *arrival);

/* Sorts out descriptors that the service manager passed: those that are families' are taken in, and what
 * is neither theirs nor a socket for us is closed. The sockets are returned in *hello and *control, -1
 * where there is none. */
void hk_arrive_passed(struct hk_daemon *daemon, struct hk_passed_fd *fds, unsigned count, int *hello,
                      int *control);

#endif
