/*
 * process_selector.h - which processes a request is about, and which its sender may see.
 *
 * Pure but for the registry's records that it reads.
 */
#ifndef HAKMEM_DAEMON_CONTROL_PROCESS_SELECTOR_H
#define HAKMEM_DAEMON_CONTROL_PROCESS_SELECTOR_H

#include "daemon/model/registry.h"

#define HK_SELECTOR_PIDS 1024

/* Who asks. */
struct hk_viewer {
    uid_t uid;
    bool everything; /* root, or of the admin group */
};

/* Members that are set are combined with and. */
struct hk_selector {
    bool given; /* at least one member was */
    bool all;
    struct hk_match match;
    pid_t *pids;
    unsigned pid_count;
    bool has_family;
    pid_t family;
};

void hk_selector_clear(struct hk_selector *selector);

/* Whether a record is chosen and may be seen. */
bool hk_selects(const struct hk_selector *selector, const struct hk_viewer *viewer,
                const struct hk_process *process);

/* Whether counters of ended processes whose records are gone count in. */
bool hk_selects_grave(const struct hk_selector *selector, const struct hk_viewer *viewer,
                      const struct hk_grave *grave);

bool hk_may_see(const struct hk_viewer *viewer, const struct hk_process *process);

/* Whether every process of a family is the viewer's: only then may he tune it, since what is set holds
 * for all of them. */
bool hk_may_tune(const struct hk_viewer *viewer, const struct hk_family *family);

/* The chosen records in the order of their pids: live ones, and with dead set the dead too. Returns how
 * many; *out is to be freed. */
unsigned hk_select(const struct hk_registry *registry, const struct hk_selector *selector,
                   const struct hk_viewer *viewer, bool dead, struct hk_process ***out);

#endif
