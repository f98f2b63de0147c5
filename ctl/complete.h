/*
 * complete.h - values that a completion offers: what the daemon knows at the moment.
 */
#ifndef HAKMEM_CTL_COMPLETE_H
#define HAKMEM_CTL_COMPLETE_H

/* Prints the values of a kind (pid, family, comm, unit, label), one a line, a tab and a description behind
 * where there is one. runtime_dir may be NULL. Quiet where there is no daemon: completion must not print
 * errors into a command line. Returns the exit status. */
int hk_complete(const char *kind, const char *runtime_dir);

#endif
