/*
 * slab_flush.h - putting blocks of one class back into their slabs.
 */
#ifndef HAKMEM_LIB_ARENA_SLAB_FLUSH_H
#define HAKMEM_LIB_ARENA_SLAB_FLUSH_H

#include "lib/arena/slab.h"

/* Puts count blocks back. heap: the caller's heap id, 0 for none. Returns how many went to slabs that last
 * served another heap; *emptied is set if a slab came free. Aborts with a message on what is no block of the
 * class, and on a block that is in its slab already. */
unsigned hk_flush_blocks(unsigned heap, unsigned size_class, void *const *blocks, unsigned count,
                         bool *emptied);

#endif
