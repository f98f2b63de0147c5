/*
 * bin.h - the slow half of bins: refill from slabs, flush to slabs.
 *
 * All of it is called by the thread that holds the heap (or holds the late heap's lock).
 */
#ifndef HAKMEM_LIB_HEAP_BIN_H
#define HAKMEM_LIB_HEAP_BIN_H

#include "lib/heap/heap.h"

/* A block of the class, when the bin has none. NULL without memory. */
void *hk_bin_supply(struct hk_heap *heap, unsigned size_class);

/* Takes any of the bin's blocks, at random; NULL if it has none. */
void *hk_bin_pop_any(struct hk_heap *heap, unsigned size_class);

/* Takes a block whose bin has no room, if nothing is new and the bin may simply go on. Called with whatever
 * heap the thread has, the empty one too. false: nothing was done. */
bool hk_bin_accept_as_before(struct hk_heap *heap, unsigned size_class, void *block);

/* Takes a block whose bin has no room. */
void hk_bin_accept(struct hk_heap *heap, unsigned size_class, void *block);

/* The bin, just accounted for, has about as many as that limit: allows it more, or flushes half or all of it.
 * Returns the limit from now on. */
unsigned hk_bin_overflow(struct hk_heap *heap, unsigned size_class, unsigned limit);

/* The heap's cache is full: bins other than the class's give up what they have. */
void hk_heap_shed(struct hk_heap *heap, unsigned but_class);

/* The first use of a bin: nothing of it is set before, so that what a heap does not use costs it no memory.
 */
void hk_bin_begin(struct hk_heap *heap, unsigned size_class);

/* Makes places for so many blocks, if there is memory for them. */
void hk_bin_grow(struct hk_heap *heap, unsigned size_class, unsigned blocks);

/* Gives every block in the bin, in all bins of the heap, back to its slab. No room is left: the next free
 * asks for some. */
void hk_bin_flush(struct hk_heap *heap, unsigned size_class);
void hk_heap_flush(struct hk_heap *heap);

/* Puts one block back into its slab without a heap: for threads in late mode. */
void hk_bin_bypass(uint32_t slab, unsigned size_class, void *block);

/* Counts such a block in the heap's totals (the late heap's, locked). */
void hk_bin_count_bypass(struct hk_heap *heap, unsigned size_class);

/* Brings the totals of one bin, of all bins up to date. */
void hk_bin_learn(struct hk_heap *heap, unsigned size_class);
void hk_heap_learn(struct hk_heap *heap);

/* The heap's thread ends, or the process: totals are exact from here on. */
void hk_heap_settle(struct hk_heap *heap);

/* Lets go of the slabs the heap owns. */
void hk_heap_disown(struct hk_heap *heap);

/* All of these: the heap keeps nothing from the others until it is used again. */
void hk_heap_rest(struct hk_heap *heap);

/* After a fork, before a heap of a lost thread is used: what its bins hold is counted, totals put right. */
void hk_heap_recount(struct hk_heap *heap);

/* Prepares the bins of a new heap. */
void hk_bin_init(struct hk_heap *heap);

#endif
