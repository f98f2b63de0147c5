/*
 * rundir.h - the runtime directory: made, checked, locked, and the sockets in it.
 *
 * One daemon a directory: it holds a lock there as long as it lives, so a socket that is found while the
 * lock is free is a dead one's and may be replaced.
 */
#ifndef HAKMEM_DAEMON_RUNDIR_H
#define HAKMEM_DAEMON_RUNDIR_H

#include <stdbool.h>

#include "shm/runtime_dir.h"

struct hk_rundir {
    char path[HK_RUNTIME_DIR_MAX + 1];
    bool shared; /* every user's processes may come in */
    int lock_fd;
    bool made_hello, made_control; /* sockets to be removed at the end */
};

/* Chooses the directory: given (on the command line, so in the current directory if it is relative; may be
 * NULL), else the environment's, else the host's or the user's own.
 * user: serve one user alone. 0, or an errno with a message logged. */
int hk_rundir_choose(struct hk_rundir *rundir, const char *given, bool user);

/* Makes the directory where it is missing, checks it, and locks it. 0, or an errno with a message logged:
 * EBUSY if another daemon has it. */
int hk_rundir_open(struct hk_rundir *rundir);

/* A listening, non-blocking socket in the directory. type: SOCK_STREAM or SOCK_SEQPACKET. The
 * descriptor, or -1 with a message logged. */
int hk_rundir_listen(struct hk_rundir *rundir, const char *name, int type);

/* Removes what was made, and lets go of the lock. */
void hk_rundir_close(struct hk_rundir *rundir);

#endif
