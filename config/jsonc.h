/*
 * jsonc.h - one configuration file's text as JSON, with a way back from a node to its line.
 *
 * The files are JSON with // and block comments. cJSON parses them; it keeps no positions, so they are
 * counted again in the text when a problem is reported. Knows nothing of what the keys mean.
 */
#ifndef HAKMEM_CONFIG_JSONC_H
#define HAKMEM_CONFIG_JSONC_H

#include <cjson/cJSON.h>

#include "config/problems.h"

#define HK_JSONC_MAX (1u << 20) /* bytes of a file */

struct hk_jsonc {
    const char *file; /* as problems name it; borrowed */
    char *text;       /* comments blanked out, NUL-terminated */
    size_t len;
    cJSON *root;
    struct hk_problems *problems; /* borrowed */
};

/* Parses len bytes of text. 0, or EINVAL with a problem added. hk_jsonc_close() is owed either way. */
int hk_jsonc_open(struct hk_jsonc *source, const char *file, const char *text, size_t len,
                  struct hk_problems *problems);
void hk_jsonc_close(struct hk_jsonc *source);

/* Adds "FILE:LINE: WHERE: message"; the line is that of the node's key, or of the node where it has
 * none. where may be "". */
void hk_jsonc_problem(const struct hk_jsonc *source, const cJSON *node, const char *where, const char *format,
                      ...) HK_PRINTF(4, 5);

/* Line (from 1) of a node of source->root. */
unsigned hk_jsonc_line(const struct hk_jsonc *source, const cJSON *node);

#endif
