/* checked_alloc.c - see checked_alloc.h. */
#include "daemon/base/checked_alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *got(void *p)
{
    if (!p) {
        fputs("error: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *hk_alloc(size_t size)
{
    return got(calloc(1, size ? size : 1));
}

void *hk_realloc(void *p, size_t count, size_t item)
{
    if (item != 0 && count > SIZE_MAX / item)
        return got(NULL);
    size_t size = count * item;
    return got(realloc(p, size ? size : 1));
}

char *hk_strdup(const char *s)
{
    return s ? got(strdup(s)) : NULL;
}

int hk_strset(char **field, const char *s)
{
    if ((!s && !*field) || (s && *field && strcmp(s, *field) == 0))
        return 0;
    char *copy = hk_strdup(s);
    free(*field);
    *field = copy;
    return 1;
}
