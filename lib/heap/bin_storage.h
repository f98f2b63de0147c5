/*
 * bin_storage.h - where bins that have outgrown their first places keep their blocks.
 *
 * A bin holds its blocks in an array of places. The first, short one is part of its heap; longer ones come
 * from here: out of a zone of the window above the heaps, so that a place is a 32-bit offset from any heap.
 * Lengths are powers of two, places given back serve the next bin of that length. Knows nothing of bins.
 */
#ifndef HAKMEM_LIB_HEAP_BIN_STORAGE_H
#define HAKMEM_LIB_HEAP_BIN_STORAGE_H

#include "lib/base/geometry.h"

/* An array of one place that is always empty and then at least `blocks` (1..HK_PLACES_MOST) more, all NULL or
 * left over; NULL without memory. Any thread. */
#define HK_PLACES_MOST 8192
void **hk_places_take(unsigned blocks);

/* How many blocks such an array has places for. */
unsigned hk_places_capacity(unsigned blocks);

/* Gives back an array of such a capacity. */
void hk_places_give(void **places, unsigned capacity);

/* In a forked child: lock free again. */
void hk_places_after_fork(void);

#endif
