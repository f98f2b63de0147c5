/*
 * proc_status.h - what /proc says of a process, for doctor.
 */
#ifndef HAKMEM_CTL_DOCTOR_PROC_STATUS_H
#define HAKMEM_CTL_DOCTOR_PROC_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "shm/layout.h"

/* A file's bytes with a NUL behind; text is the caller's to free. */
struct hk_proc_text {
    char *text;
    size_t len;
};

/* Reads /proc/PID/FILE whole (up to 64 MiB). False, and nothing to free, where that is not allowed or there
 * is nothing in it. */
bool hk_proc_read(pid_t pid, const char *file, struct hk_proc_text *out);

struct hk_proc_stat {
    char comm[HK_COMM_BYTES];
    pid_t parent;
    unsigned long long start_ticks; /* when it began, in clock ticks since the host's start */
    /* Where the program's stack begins, its arguments and its environment are; 0 where that may not be known.
     */
    unsigned long long stack_at, arguments_at, environment_at;
};

/* Reads /proc/PID/stat. False: the process is gone, or a zombie. */
bool hk_proc_stat(pid_t pid, struct hk_proc_stat *out);

/* As who it was started: its real user and group. False: it is gone. */
bool hk_proc_ids(pid_t pid, uid_t *uid, gid_t *gid);

/* The number a file of one line holds; 0 where it cannot be read. */
unsigned long hk_proc_number(const char *path);

#endif
