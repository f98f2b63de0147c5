/*
 * option_table.h - the option table as data.
 *
 * Knows which groups there are, not which subcommand takes which.
 */
#ifndef HAKMEM_CTL_OPTION_TABLE_H
#define HAKMEM_CTL_OPTION_TABLE_H

#include <stdbool.h>

enum hk_option_group {
    HK_GROUP_GLOBAL = 1, /* of every subcommand, and before it */
    HK_GROUP_JSON = 2,   /* the same, but for run */
    HK_GROUP_SELECT = 4, /* which processes */
    HK_GROUP_DEAD = 8,
    HK_GROUP_STATS = 16,
    HK_GROUP_TUNE = 32,
    HK_GROUP_WAIT = 64,
    HK_GROUP_RUN = 128,   /* how a program is started: run and enable */
    HK_GROUP_UNITS = 256, /* which units: enable and disable */
    HK_GROUP_ENABLE = 512,
};

enum hk_option_id {
#define HK_OPTION(id, ...) HK_OPT_##id,
#include "ctl/option_table.def"
    HK_OPTIONS
};

/* What an option's argument is, for completion. */
enum hk_option_kind {
    HK_KIND_OF_NONE = 0,
    HK_KIND_OF_TEXT,
    HK_KIND_OF_NUMBER,
    HK_KIND_OF_SECONDS,
    HK_KIND_OF_DIR,
    HK_KIND_OF_FILE,
    HK_KIND_OF_FORM,
    HK_KIND_OF_USER,
    HK_KIND_OF_TUNABLE,
    HK_KIND_OF_PID,
    HK_KIND_OF_FAMILY,
    HK_KIND_OF_COMM,
    HK_KIND_OF_UNIT,
    HK_KIND_OF_LABEL,
};

struct hk_option {
    const char *name;     /* without the dashes */
    char letter;          /* or 0 */
    const char *argument; /* or NULL */
    bool optional;        /* the argument may be left out */
    enum hk_option_kind kind;
    unsigned groups; /* enum hk_option_group */
    const char *help;
};

extern const struct hk_option hk_option_table[HK_OPTIONS];

/* "pid", "seconds", ... as --options prints them. */
const char *hk_option_kind_name(enum hk_option_kind kind);

#endif
