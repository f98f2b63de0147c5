/*
 * selector_args.h - the processes that a command line selects, and how a request names them.
 *
 * A selector's members are those of "Selectors" in docs/protocol.md. Knows no options and prints nothing.
 */
#ifndef HAKMEM_CTL_CLIENT_SELECTOR_ARGS_H
#define HAKMEM_CTL_CLIENT_SELECTOR_ARGS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Which processes a request is about. A process is selected if every member that is set applies to it. Texts
 * are globs. The struct does not own its texts; pids belongs to its user, who frees it. */
struct hk_selector_args {
    uint32_t *pids; /* pid_count of them, room for pid_capacity; NULL: none */
    size_t pid_count, pid_capacity;
    const char *comm, *exe, *unit, *label; /* NULL: not set */
    bool by_uid;                           /* uid is set */
    uid_t uid;
    uint32_t family; /* a pid; 0: not set */
    bool all;        /* every process that the user may see */
};

/* Returns whether anything is selected: whether at least one member is set. Pure. */
bool hk_selector_args_given(const struct hk_selector_args *selector);

/* Returns whether every selected process was asked for by itself: by its pid, or by --all. Tables then show
 * each of them, and fold none together. Pure. */
bool hk_selector_args_names_each(const struct hk_selector_args *selector);

/* Adds the members that are set to params, an object of the caller's. Ends the program without memory. */
void hk_selector_args_add(const struct hk_selector_args *selector, cJSON *params);

#endif
