/*
 * policy.h - which tunables are set for which processes, by configuration.
 *
 * A policy matches processes and names values. All policies that match a process apply, in order; of two
 * that set the same tunable the later wins. Pure, thread-safe for readers.
 */
#ifndef HAKMEM_CONFIG_POLICY_H
#define HAKMEM_CONFIG_POLICY_H

#include <stdbool.h>

#include "config/jsonc.h"
#include "config/match.h"
#include "shm/layout.h"

#define HK_POLICY_NAME_BYTES   64
#define HK_POLICY_PRIORITY_MAX 1000 /* and its negative */

/* By name, since the size classes that a name may mean differ from library to library. */
struct hk_policy_value {
    char name[HK_NAME_BYTES + 16];
    uint64_t value;
};

struct hk_policy {
    char name[HK_POLICY_NAME_BYTES];
    int priority;
    unsigned order; /* place in the files */
    struct hk_match match;
    struct hk_policy_value *values;
    unsigned value_count;
};

/* What the policies say of one value. */
struct hk_policy_choice {
    const struct hk_policy *policy; /* that won; NULL: none sets the value */
    uint64_t value;
};

/* Reads one policy from a member of "policies"; where names it in problems. False, with problems added
 * and nothing owed, if it is wrong. */
bool hk_policy_read(struct hk_policy *policy, const struct hk_jsonc *source, const cJSON *item,
                    const char *where);
void hk_policy_clear(struct hk_policy *policy);

/* Fills out[] for a process: classes are the size classes of its library. Values of sizes that are no
 * class there are left out. */
void hk_policies_choose(const struct hk_policy *policies, unsigned count, const struct hk_facts *facts,
                        const uint32_t *classes, unsigned class_count,
                        struct hk_policy_choice out[HK_VALUES]);

#endif
