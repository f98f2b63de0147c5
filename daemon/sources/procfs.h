/*
 * procfs.h - what the kernel says of a process: /proc and pidfds.
 *
 * Every function returns 0 or an errno unless said otherwise; a process that is gone is ENOENT or ESRCH.
 * The parsers are pure. Nothing here blocks on anything but the kernel.
 */
#ifndef HAKMEM_DAEMON_SOURCES_PROCFS_H
#define HAKMEM_DAEMON_SOURCES_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/sources/cgroup.h"
#include "shm/layout.h"

struct hk_proc_status {
    char comm[HK_COMM_BYTES];
    pid_t ppid;
    uid_t uid;           /* real */
    int seccomp;         /* 0: no filter; -1: not said */
    unsigned namespaces; /* of pids, that the process is in, ours included; 0: not said */
    pid_t inner_pid;     /* in the innermost of them */
};

int hk_proc_status(pid_t pid, struct hk_proc_status *out);
/* Of the text of /proc/PID/status; false if it is none. */
bool hk_proc_parse_status(const char *text, struct hk_proc_status *out);

/* Start time in clock ticks after boot: with the pid, the name of a process that is never given again. */
int hk_proc_start_ticks(pid_t pid, uint64_t *ticks);
bool hk_proc_parse_start(const char *text, uint64_t *ticks);

/* Ticks as nanoseconds of CLOCK_BOOTTIME. */
uint64_t hk_ticks_to_ns(uint64_t ticks);
/* The other way round; rounded down. */
uint64_t hk_ns_to_ticks(uint64_t ns);

/* Which file, whatever its name. */
struct hk_file_id {
    dev_t device;
    ino_t inode;
};

/* The executable: its path, " (deleted)" cut off, and which file it is. EACCES where the process is
 * another user's. */
int hk_proc_exe(pid_t pid, char *buf, size_t size, struct hk_file_id *id);

/* The path by which a program was started, where that is a link to exe, which is what hk_proc_exe() says:
 * from its first argument, if that is in exe's directory or in a usual one for programs, and leads there.
 * Elsewhere nothing is looked at: the argument is the process's own. False: it is not known, or exe itself.
 */
bool hk_proc_program(pid_t pid, const char *exe, char *buf, size_t size);

/* Unit or container into buf (HK_UNIT_BYTES_MAX); ENODATA if it is in none. */
int hk_proc_unit(pid_t pid, char *buf);

int hk_proc_rss_bytes(pid_t pid, uint64_t *bytes);

/* Whether there is no such process, as far as can be known: true only if the kernel says so. */
bool hk_proc_is_gone(pid_t pid);

/* Calls visit with every pid in /proc until it returns true. */
void hk_proc_each(bool (*visit)(pid_t pid, void *arg), void *arg);

/* Pids of the children of a process's main thread, at most max, where the kernel lists them. Returns how
 * many. */
unsigned hk_proc_children(pid_t pid, pid_t *out, unsigned max);

/* A descriptor for the life of a process, or -1 with errno (ESRCH: it has ended). */
int hk_pidfd_open(pid_t pid);

/* The same for the process that connected a unix socket; by the socket, where the kernel can, so that a
 * pid that has gone to somebody else meanwhile is not mistaken for it. *exact says whether it was so. */
int hk_pidfd_of_peer(int socket, pid_t pid, bool *exact);

/* Whether the process of a pidfd has ended. */
bool hk_pidfd_ended(int pidfd);

/* The pid of a pidfd, -1 if it has ended or is none. */
pid_t hk_pidfd_pid(int pidfd);

#endif
