/*
 * sorted_array.h - arrays kept in order, to be searched by halving.
 *
 * Pure. Knows nothing of what the items are.
 */
#ifndef HAKMEM_DAEMON_BASE_SORTED_ARRAY_H
#define HAKMEM_DAEMON_BASE_SORTED_ARRAY_H

#include <stdbool.h>

/* Whether the item at an address in the array comes before the key. */
typedef bool hk_before(const void *item, const void *key);

/* Index of the first of count items, each of size bytes, that does not come before the key; count if all do.
 */
unsigned hk_sorted_bound(const void *items, unsigned count, unsigned size, const void *key,
                         hk_before *before);

/* Moves the items from at on up by one; there is room for count + 1. */
void hk_sorted_open(void *items, unsigned count, unsigned size, unsigned at);

#endif
