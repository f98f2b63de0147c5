/*
 * flush.h - sorting a list of blocks by slab and handing them over, one chain per slab.
 */
#ifndef HAKMEM_LIB_FLUSH_H
#define HAKMEM_LIB_FLUSH_H

#include "lib/slab.h"

/* Puts a list of count blocks back into their slabs. heap: the caller's heap id, 0 for none. Returns how many
 * went to slabs that last served another heap; *emptied is set if a slab came free. Aborts with a message on
 * a link that leads out of the class's slabs, and on a list that does not end where it should. */
unsigned hk_flush_list(unsigned heap, unsigned size_class, void *first, unsigned count, bool *emptied);

#endif
