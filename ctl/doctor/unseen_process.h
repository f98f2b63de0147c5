/*
 * unseen_process.h - a process that has the library, or was to have it, as /proc shows it.
 *
 * Knows no daemon and no findings.
 */
#ifndef HAKMEM_CTL_DOCTOR_UNSEEN_PROCESS_H
#define HAKMEM_CTL_DOCTOR_UNSEEN_PROCESS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "ctl/doctor/proc_status.h"
#include "shm/layout.h"

#define HK_LIBRARY_NAME "libhakmem.so"

struct hk_unseen_process {
    pid_t pid;
    uid_t uid;
    bool mapped; /* the library is in it */
    struct hk_proc_stat stat;
    char publish[16], runtime_dir[PATH_MAX], xdg_dir[PATH_MAX],
        preload[PATH_MAX]; /* as started with; "": without */
};

/* Whether the process has, or was to have, the library; fills s. False for what may not be looked at. */
bool hk_unseen_process_read(pid_t pid, struct hk_unseen_process *s);

/* Reads it again. False: it has ended or become another program; s is as it was. */
bool hk_unseen_process_read_again(struct hk_unseen_process *s);

/* The index-th directory (0, 1, ...) in which it looks for a daemon, by shm/runtime_dir.h's rule and its
 * environment, into buf. False past the last. */
bool hk_unseen_process_dir(const struct hk_unseen_process *s, unsigned index, char *buf, size_t size);

/* Whether a path, as the process sees it, is there. */
bool hk_unseen_process_sees(const struct hk_unseen_process *s, const char *path);

/* Whether a path that the process sees is the directory dir that we see. */
bool hk_unseen_process_sees_dir(const struct hk_unseen_process *s, const char *path, const char *dir);

/* Seconds since it began. */
double hk_unseen_process_age_s(const struct hk_unseen_process *s);

/* Whether it has been forked off a process (or both off a third), and has run no other program since: their
 * stacks and arguments are at the same addresses. */
bool hk_unseen_process_forked_with(const struct hk_unseen_process *s, pid_t pid);

#endif
