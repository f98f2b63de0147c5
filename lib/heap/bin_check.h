/*
 * bin_check.h - a last look at what a thread has freed, when its process ends.
 *
 * What is wrong with a freed small block shows when it leaves its bin. A short program ends before that.
 * Threads that end flush their bins, and so need no look (docs/decisions/0016-looking-at-exit.md).
 */
#ifndef HAKMEM_LIB_HEAP_BIN_CHECK_H
#define HAKMEM_LIB_HEAP_BIN_CHECK_H

#include "lib/heap/heap.h"

/*
 * Ends the process with a message (lib/arena/misuse.h) where a block lies in a bin twice, is in its slab
 * besides, or is none.
 *
 * Changes nothing. For the thread that holds the heap; it may have been interrupted anywhere in malloc or
 * free by the signal handler that now calls exit(): what is on its way between bin and slab is in neither by
 * the bin's top.
 */
void hk_bin_check(struct hk_heap *heap);

#endif
