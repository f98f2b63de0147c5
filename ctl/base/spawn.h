/*
 * spawn.h - asks another program: systemctl, systemd-analyze. No shell in between.
 */
#ifndef HAKMEM_CTL_BASE_SPAWN_H
#define HAKMEM_CTL_BASE_SPAWN_H

/* Runs argv[0], found in $PATH, with no input, its messages discarded, and LC_ALL=C; returns what it wrote to
 * standard output, to be freed, and its exit status in *status (128 and the signal's number where a signal
 * ended it). NULL: it could not be run. What it writes beyond 4 MiB is left out. */
char *hk_spawn_read(const char *const *argv, int *status);

#endif
