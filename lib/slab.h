/*
 * slab.h - one slab serving one size class: taking blocks out of it and putting them back.
 *
 * The truth about a slab is one atomic word:
 *
 *   63     62      61..56  55..40  39     38..26    25..13       12..0
 *   live   owned   class   owner   -      out       listed       head
 *
 *   out     blocks that are not in the slab: in bins, or in the program's hands
 *   listed  blocks on the word's list, which anybody may push onto; head is its first (offset / 16 + 1)
 *   owner   the heap that last refilled from it; owned: it alone may refill from it
 *
 * capacity - out blocks are in the slab: on the word's list, on the owner's own list (local_*), or never
 * carved. Whoever pushes a chain that brings out to zero *takes* the slab in the same compare-and-swap,
 * from its owner too, and gives it back to its SuperSlab: memory returns by the freeing thread's own hand
 * though the owner may sleep for ever. An owner that refills makes out non-zero first, and so is safe.
 *
 * Slabs with blocks to give that nobody owns are in the index (partial). A heap owns one slab of each
 * class at a time.
 */
#ifndef HAKMEM_LIB_SLAB_H
#define HAKMEM_LIB_SLAB_H

#include "lib/arena.h"

/* Blocks linked through their first words; the last one's link is not defined. */
struct hk_chain {
    void *first;
    void *last;
    unsigned count;
};

HK_INLINE void *hk_next(const void *block)
{
    return *(void *const *)block;
}

HK_INLINE void hk_set_next(void *block, void *next)
{
    *(void **)block = next;
}

/* A new slab for the class, owned by the heap, with the first blocks (1..want of them) carved into *chain.
 * The slab's number, or -1 without memory. */
int64_t hk_slab_new(unsigned owner, unsigned size_class, unsigned want, struct hk_chain *chain);

/* Takes up to want blocks out of a slab. acquire: it must be nobody's and becomes the heap's; otherwise it
 * must be the heap's. Adds to *received what other heaps had put there. Returns how many blocks (0: the slab
 * is not to be had, or has none). After taking the last one the slab is nobody's. */
unsigned hk_slab_pull(uint32_t slab, unsigned owner, unsigned size_class, unsigned want, bool acquire,
                      struct hk_chain *chain, uint64_t *received);

/* Puts a chain of the slab's own blocks back. Returns whether the slab last served another heap. Emptied
 * slabs go back to their SuperSlab; *emptied is then set and the caller should let hk_retain_check() look. */
bool hk_slab_push(uint32_t slab, unsigned heap, unsigned size_class, const struct hk_chain *chain,
                  bool *emptied);

/* hk_slab_push() will come for this slab: its record is fetched meanwhile. */
HK_INLINE void hk_slab_expect(uint32_t slab)
{
    __builtin_prefetch(hk_slab_at(slab), 1);
}

/* A heap that needs it no longer leaves the slab to whoever wants it. */
void hk_slab_disown(uint32_t slab, unsigned owner, unsigned size_class);

/* In a forked child: a slab that its owner may have been refilling from at the fork. Blocks of unknown
 * whereabouts count as out for ever. */
void hk_slab_repair(uint32_t slab, unsigned owner);

/* Whether a block of the slab starts at p. */
HK_INLINE bool hk_slab_is_block(uint32_t slab, unsigned size_class, const void *p)
{
    uintptr_t offset = (uintptr_t)p - hk_slab_start(slab);
    return offset < HK_SLAB_BYTES && hk_block_starts(&hk_classes[size_class], (uint32_t)offset);
}

#endif
