/*
 * syscall_filter.h - what a unit's SystemCallFilter= would do to the system calls of libhakmem.so
 * (syscalls.def).
 */
#ifndef HAKMEM_CTL_SERVICE_SYSCALL_FILTER_H
#define HAKMEM_CTL_SERVICE_SYSCALL_FILTER_H

#include <stdbool.h>
#include <stdint.h>

enum hk_syscall_why { HK_WHY_MEMORY, HK_WHY_START, HK_WHY_HELLO, HK_WHY_MISUSE, HK_WHY_OLD };

struct hk_filtered {
    uint64_t killed;  /* calls, by their place in the table: the process is ended */
    uint64_t refused; /* the call fails */
    bool unknown;     /* a group could not be resolved (no systemd-analyze) and is left out of both */
};

/* filter: the assignments, a line each; as systemd understands them. expanded: there are no groups in it.
 * error: the value of SystemCallErrorNumber=, NULL where it is not set. Runs systemd-analyze for each group.
 */
struct hk_filtered hk_syscall_filter(const char *filter, bool expanded, const char *error);

unsigned hk_syscall_count(void);
const char *hk_syscall_name(unsigned i);
enum hk_syscall_why hk_syscall_why(unsigned i);

#endif
