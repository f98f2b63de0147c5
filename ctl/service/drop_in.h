/*
 * drop_in.h - the file beside a unit that preloads the library into it: made whole or not at all, and taken
 * away only while it is what was written.
 */
#ifndef HAKMEM_CTL_SERVICE_DROP_IN_H
#define HAKMEM_CTL_SERVICE_DROP_IN_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/service/service.h"

struct hk_drop_in {
    const char *library;
    const char *preload;     /* what else is to be preloaded, behind it, as a unit file has it; or NULL */
    const char *runtime_dir; /* or NULL */
    const char *label;       /* or NULL */
    const char *const *tunes;
    size_t tune_count;
};

/* The text of the file for a unit, to be freed. */
char *hk_drop_in_text(const struct hk_drop_in *drop_in, const char *unit);

enum hk_drop_in_result {
    HK_DROP_IN_DONE,
    HK_DROP_IN_SAME,    /* nothing to do: it is so already, or there is none to take away */
    HK_DROP_IN_FOREIGN, /* a file of that name that was not written here, or that was changed since: left as
                           it is */
    HK_DROP_IN_FAILED,  /* errno says why */
};

/* Puts the text into the unit's directory, which is made; path (PATH_MAX) is where. */
enum hk_drop_in_result hk_drop_in_write(const struct hk_service_scope *scope, const char *unit,
                                        const char *text, char *path);

/* Takes it away, and the unit's directory if that is empty then. */
enum hk_drop_in_result hk_drop_in_remove(const struct hk_service_scope *scope, const char *unit, char *path);

#endif
