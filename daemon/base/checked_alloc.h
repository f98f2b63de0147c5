/*
 * checked_alloc.h - allocation that does not fail.
 *
 * What the daemon allocates for others is bounded by limits; if even that cannot be had, going on would
 * be guessing, so it says so and aborts, and the service manager starts it again.
 */
#ifndef HAKMEM_DAEMON_BASE_CHECKED_ALLOC_H
#define HAKMEM_DAEMON_BASE_CHECKED_ALLOC_H

#include <stddef.h>

void *hk_alloc(size_t size);                          /* zeroed */
void *hk_realloc(void *p, size_t count, size_t item); /* count * item bytes, not zeroed */
char *hk_strdup(const char *s);                       /* NULL gives NULL */

/* Replaces *field by a copy of s, unless it is the same; returns whether it changed. */
int hk_strset(char **field, const char *s);

#endif
