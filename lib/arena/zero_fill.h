/*
 * zero_fill.h - zeros for calloc, in big blocks that were used before.
 */
#ifndef HAKMEM_LIB_ARENA_ZERO_FILL_H
#define HAKMEM_LIB_ARENA_ZERO_FILL_H

#include "shm/base.h"

/* Makes bytes at p, which is the start of a big or huge block that has so many, read as zero. Any thread that
 * has the block; keeps errno. */
void hk_clear(void *p, size_t bytes);

#endif
