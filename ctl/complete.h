/*
 * complete.h - values that a completion offers: what the daemon knows at the moment.
 */
#ifndef HAKMEM_CTL_COMPLETE_H
#define HAKMEM_CTL_COMPLETE_H

#include <stdbool.h>

/* Prints the values of a kind (pid, family, comm, unit, label), one a line, a tab and a description behind
 * where there is one. runtime_dir may be NULL. Quiet where there is no daemon: completion must not print
 * errors into a command line. Returns the exit status. */
int hk_complete_processes(const char *kind, const char *runtime_dir);

/* The same of services: those there are, or (enabled) those that enable wrote a drop-in for. of_whom: NULL
 * for the system's, "--user" for the caller's own, or the absolute path of another system's root. */
int hk_complete_services(bool enabled, const char *of_whom);

#endif
