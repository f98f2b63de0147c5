/*
 * match.h - which processes are meant: globs and numbers over what is known of a process.
 *
 * The matching half of a policy, and of a request's selector. Pure, thread-safe for readers.
 */
#ifndef HAKMEM_CONFIG_MATCH_H
#define HAKMEM_CONFIG_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The strings of a process that globs look at. */
enum hk_match_field { HK_MATCH_COMM, HK_MATCH_EXE, HK_MATCH_UNIT, HK_MATCH_LABEL, HK_MATCH_FIELDS };

/* "comm", "exe", "unit", "label". */
extern const char *const hk_match_field_names[HK_MATCH_FIELDS];

#define HK_MATCH_ITEMS 64 /* alternatives in one list */

struct hk_match {
    char **globs[HK_MATCH_FIELDS]; /* alternatives; none: anything matches */
    unsigned glob_count[HK_MATCH_FIELDS];
    uint32_t *uids;
    unsigned uid_count;
};

/* What is known of a process. NULL is an unknown string: it matches no glob, not even "*". */
struct hk_facts {
    const char *text[HK_MATCH_FIELDS];
    uint32_t uid;
};

/* All members that are set must match, each through one of its alternatives. */
bool hk_match_facts(const struct hk_match *match, const struct hk_facts *facts);

/* Copies a well-formed glob (hk_glob_problem) to a field's alternatives. 0, ENOMEM, or E2BIG past
 * HK_MATCH_ITEMS. */
int hk_match_add_glob(struct hk_match *match, enum hk_match_field field, const char *glob);
int hk_match_add_uid(struct hk_match *match, uint32_t uid);

/* Whether no member is set, so that everything matches. */
bool hk_match_is_empty(const struct hk_match *match);

void hk_match_clear(struct hk_match *match);

#endif
