/*
 * proc.h - what /proc says of a process, for doctor.
 */
#ifndef HAKMEM_CTL_PROC_H
#define HAKMEM_CTL_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A file's bytes with a NUL behind; text is the caller's to free. */
struct hk_proc_text {
    char *text;
    size_t len;
};

/* Reads /proc/PID/FILE whole (up to 64 MiB). False, and nothing to free, where that is not allowed or there
 * is nothing in it. */
bool hk_proc_read(pid_t pid, const char *file, struct hk_proc_text *out);

/* When the process began, in clock ticks since the host's start, and its command name. False: it is gone, or
 * a zombie. */
bool hk_proc_start(pid_t pid, unsigned long long *ticks, char *comm, size_t comm_size);

/* The number a file of one line holds; 0 where it cannot be read. */
unsigned long hk_proc_number(const char *path);

#endif
