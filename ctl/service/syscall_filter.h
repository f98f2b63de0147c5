/*
 * syscall_filter.h - what a unit's SystemCallFilter= would do to the system calls of libhakmem.so
 * (syscalls.def).
 */
#ifndef HAKMEM_CTL_SERVICE_SYSCALL_FILTER_H
#define HAKMEM_CTL_SERVICE_SYSCALL_FILTER_H

#include <stdbool.h>
#include <stdint.h>

enum hk_syscall_purpose {
    HK_SYSCALL_FOR_MEMORY,
    HK_SYSCALL_FOR_START,
    HK_SYSCALL_FOR_HELLO,
    HK_SYSCALL_FOR_MISUSE,
    HK_SYSCALL_FOR_OLD
};

struct hk_syscall_filter_result {
    uint64_t killed;  /* calls, by their place in the table: the process is ended */
    uint64_t refused; /* the call fails */
    bool unknown;     /* a group could not be resolved (no systemd-analyze) and is left out of both */
};

/* filter: the assignments, a line each; as systemd understands them. expanded: there are no groups in it.
 * error: the value of SystemCallErrorNumber=, NULL where it is not set. Runs systemd-analyze for each group.
 */
struct hk_syscall_filter_result hk_syscall_filter(const char *filter, bool expanded, const char *error);

unsigned hk_syscall_count(void);
const char *hk_syscall_name(unsigned i);
enum hk_syscall_purpose hk_syscall_purpose(unsigned i);

#endif
