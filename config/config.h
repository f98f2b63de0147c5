/*
 * config.h - the daemon's configuration: numbers, names and policies, from hakmemd.json and policy.d.
 *
 * A configuration is built whole, checked, and then used or thrown away: nothing here changes one that
 * is in use. Knows nothing of processes or of the event loop.
 */
#ifndef HAKMEM_CONFIG_CONFIG_H
#define HAKMEM_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "config/policy.h"
#include "config/problems.h"

enum hk_log_level { HK_LOG_ERROR, HK_LOG_WARN, HK_LOG_INFO, HK_LOG_DEBUG, HK_LOG_LEVELS };

/* "error", "warn", "info", "debug". */
extern const char *const hk_log_level_names[HK_LOG_LEVELS];

#define HK_CONFIG_NAME_BYTES 64
#define HK_POLICIES_MAX      1024

struct hk_config {
#define HK_SETTING(name, ...) uint32_t name;
#include "config/config_keys.def"
    struct {
#define HK_LIMIT(name, ...) uint32_t name;
#include "config/config_keys.def"
    } limits;
    char admin_group[HK_CONFIG_NAME_BYTES]; /* "": none */
    enum hk_log_level log_level;
    struct hk_policy *policies; /* in the order in which they apply: the last one wins */
    unsigned policy_count;
    char *file;      /* hakmemd.json, NULL where there was none */
    unsigned files;  /* read in all */
    unsigned loaded; /* policies seen so far, while loading */
};

/* Sets every default. */
void hk_config_init(struct hk_config *config);
void hk_config_clear(struct hk_config *config);

/* Takes one file's text into the configuration: numbers replace earlier ones, policies are added or
 * replace those of the same name. Adds to problems what is wrong; what is right is taken all the same.
 * hk_config_order() is owed after the last file. */
void hk_config_add_text(struct hk_config *config, const char *file, const char *text, size_t len,
                        struct hk_problems *problems);

/* Sorts the policies into the order in which they apply: priority, then place in the files. */
void hk_config_order(struct hk_config *config);

/* Reads file, then *.json of the folder policy.d beside it in the order of their names, into a fresh
 * configuration. A missing file is a problem only if must_exist; a missing folder never. The result is
 * good for use when problems->count is 0; hk_config_clear() is owed either way. */
void hk_config_load(struct hk_config *config, const char *file, bool must_exist,
                    struct hk_problems *problems);

/* Prints the configuration as JSON that hk_config_add_text() takes back. 0 or ENOMEM. */
int hk_config_print(const struct hk_config *config, FILE *out);

/* Bounds of a number of config_keys.def, "limits.clients" for one of the limits; false if there is none. */
bool hk_config_bounds(const char *name, uint32_t *min, uint32_t *max);

/* The level of that name, -1 if there is none. */
int hk_log_level_find(const char *name);

#endif
