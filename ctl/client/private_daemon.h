/*
 * private_daemon.h - the keeper of a private daemon.
 *
 * `hakmemctl run` becomes the program it runs, so that process, terminal, signals and exit status are the
 * program's own. What must outlast it, to end the daemon and remove its directory, is a process beside it,
 * in a session of its own: the keeper.
 */
#ifndef HAKMEM_CTL_CLIENT_PRIVATE_DAEMON_H
#define HAKMEM_CTL_CLIENT_PRIVATE_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

/* Starts `hakmemd` (a path) with dir as its runtime directory, beside a keeper that ends it when the calling
 * process has ended, and removes dir then if remove is true. Returns when the daemon answers: true; false
 * with a sentence in error, and nothing left behind. */
bool hk_private_daemon_start(const char *hakmemd, const char *dir, bool remove, char *error, size_t size);

/* The keeper itself: `hakmemctl --keeper DIR remove|keep HAKMEMD`, with a pidfd of the process it waits for
 * as descriptor 0 and the pipe for its report as descriptor 1. Returns the exit status. */
int hk_private_daemon_keep(int argc, char **argv);

#endif
