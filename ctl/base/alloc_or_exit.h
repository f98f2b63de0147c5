/*
 * alloc_or_exit.h - what the tool does without memory: it says so and ends.
 */
#ifndef HAKMEM_CTL_BASE_ALLOC_OR_EXIT_H
#define HAKMEM_CTL_BASE_ALLOC_OR_EXIT_H

#include <stdarg.h>

#include "shm/base.h"

/* The pointer itself; where it is NULL, one line on stderr and exit status 1. */
void *hk_need(void *pointer);

/* What vprintf() would print, to be freed. */
char *hk_format(const char *format, va_list values) HK_PRINTF(1, 0);

/* array, grown where it must be so that it holds one element more than count; capacity in elements. */
void *hk_grow(void *array, size_t count, size_t *capacity, size_t element_bytes);

#endif
