/* preload_env.c - see preload_env.h. */
#include "ctl/client/preload_env.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/base/alloc_or_exit.h"

/* Whether a path is in a list with blanks or colons between. */
static bool is_listed(const char *list, const char *path)
{
    size_t len = strlen(path);
    for (const char *at = list; *at; at += strcspn(at, " :"), at += strspn(at, " :")) {
        if (strcspn(at, " :") == len && strncmp(at, path, len) == 0)
            return true;
    }
    return false;
}

void hk_preload_library(const char *library)
{
    const char *before = getenv("LD_PRELOAD");
    char *value = NULL;
    bool alone = !before || before[0] == '\0';
    if (!alone && is_listed(before, library))
        return;
    if (asprintf(&value, "%s%s%s", library, alone ? "" : ":", alone ? "" : before) < 0)
        value = NULL;
    setenv("LD_PRELOAD", hk_need(value), 1);
    free(value);
}

void hk_preload_tunes(const char *const *tunes, size_t count)
{
    const char *before = getenv("HAKMEM_TUNE");
    char *value = hk_need(strdup(before ? before : ""));
    const char *between = strchr(value, '#') ? "\n" : ","; /* a comment ends with its line */
    for (size_t i = 0; i < count; i++) {
        char *longer = NULL;
        if (asprintf(&longer, "%s%s%s", value, value[0] ? between : "", tunes[i]) < 0)
            longer = NULL;
        free(value);
        value = hk_need(longer);
    }
    if (count)
        setenv("HAKMEM_TUNE", value, 1);
    free(value);
}
