/*
 * pid_namespace.h - which process goes by which pid inside a pid namespace.
 *
 * A segment names processes by the pids they see themselves. Where that is a container's, the kernel
 * tells the way back only process by process (NSpid), so all of them are looked at, a few in each
 * sample, whenever somebody asks. Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_SOURCES_PID_NAMESPACE_H
#define HAKMEM_DAEMON_SOURCES_PID_NAMESPACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct hk_pid_name {
    pid_t inner, pid;
};

struct hk_pid_names {
    struct hk_pid_name *known, *next; /* sorted; next: of the pass that is under way */
    unsigned known_count, next_count;
    pid_t *todo; /* NULL: no pass is under way */
    unsigned todo_count, at;
    uint32_t passes; /* finished */
    bool wanted;
    uint64_t began_ns;
};

/* Asks for a pass over all processes. */
void hk_pid_names_want(struct hk_pid_names *names);

/* Does a bit of a pass that was asked for. */
void hk_pid_names_step(struct hk_pid_names *names, uint64_t now_ns);

/* Looks at the children of a process now. */
void hk_pid_names_add_children(struct hk_pid_names *names, pid_t parent);

/* The next process above after that calls itself inner in some namespace; 0: no more. */
pid_t hk_pid_names_next(const struct hk_pid_names *names, pid_t inner, pid_t after);

void hk_pid_names_clear(struct hk_pid_names *names);

#endif
