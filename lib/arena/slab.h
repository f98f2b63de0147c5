/*
 * slab.h - one slab serving one size class: taking blocks out of it and putting them back.
 *
 * The truth about a slab is one atomic word and a map of its free blocks:
 *
 *   63     62      61..56  55..40  39..13   12..0
 *   live   owned   class   owner   -        out
 *
 *   out     blocks that are not in the slab: in bins, or in the program's hands
 *   owner   the heap that last refilled from it; owned: it alone may refill from it
 *
 * Anybody puts blocks back: sets their bits, then counts them off out. Who takes some counts them onto out
 * first, and then clears as many bits. So there are never fewer bits than the word promises, and a process
 * forked in between has a few more, which does no harm. A bit that is set already is a block freed twice.
 *
 * Whoever brings out to zero *takes* the slab in the same compare-and-swap, from its owner too, and gives it
 * back to its SuperSlab: memory returns by the freeing thread's own hand though the owner may sleep for ever.
 * An owner that refills makes out non-zero first, and so is safe.
 *
 * Nothing of a slab is kept in its free blocks: putting them back does not write to them, and taking them
 * does not wait for one to learn where the next one is. They are taken in the order of their addresses.
 *
 * Slabs with blocks to give that nobody owns are in the index (partial). A heap owns one slab of each
 * class at a time.
 */
#ifndef HAKMEM_LIB_ARENA_SLAB_H
#define HAKMEM_LIB_ARENA_SLAB_H

#include "lib/arena/arena.h"

#define HK_SLAB_LIVE        (UINT64_C(1) << 63)
#define HK_SLAB_OWNED       (UINT64_C(1) << 62)
#define HK_SLAB_CLASS_SHIFT 56
#define HK_SLAB_CLASS_MASK  (UINT64_C(63) << HK_SLAB_CLASS_SHIFT)
#define HK_SLAB_OWNER_SHIFT 40
#define HK_SLAB_OWNER_MASK  (UINT64_C(0xffff) << HK_SLAB_OWNER_SHIFT)
#define HK_SLAB_OUT_MASK    UINT64_C(0x1fff)

/* Slabs that a class was given and gave back, ever. */
extern struct hk_slab_counts {
    hk_au64 made, gone;
} hk_slab_counts[HK_CLASSES] HK_HIDDEN;

/* A new slab for the class, owned by the heap, of which the first blocks (1..want of them) are taken: they
 * are put into end[-1], end[-2], ... *got says how many. The slab's number, or -1 without memory. */
int64_t hk_slab_new(unsigned owner, unsigned size_class, unsigned want, void **end, unsigned *got);

/* Takes up to want blocks out of a slab, into end[-1], end[-2], ... acquire: it must be nobody's and becomes
 * the heap's; otherwise it must be the heap's. apart: blocks
 * that share no cache line with others' come first. Adds to *received what other heaps had put there. Returns
 * how many blocks (0: the slab is not to be had, or has none). After taking the last one the slab is
 * nobody's. */
unsigned hk_slab_pull(uint32_t slab, unsigned owner, unsigned size_class, unsigned want, bool acquire,
                      bool apart, void **end, uint64_t *received);

/* Where the bits of a slab of the class are. */
HK_INLINE hk_au64 *hk_slab_map(uint32_t slab, unsigned size_class)
{
    return hk_classes[size_class].capacity <= HK_SHORT_MAP_BLOCKS ? hk_slab_at(slab)->free_map
                                                                  : hk_long_map_at(slab)->words;
}

/* Ends the process: of these blocks some are in the slab already. */
_Noreturn void hk_slab_die_twice(uint32_t slab, unsigned size_class, unsigned word, uint64_t bits);

/* Puts blocks of the slab back: sets bits in a word of its map. hk_slab_push() must follow. */
HK_INLINE void hk_slab_put(uint32_t slab, unsigned size_class, unsigned word, uint64_t bits)
{
    hk_au64 *map = hk_slab_map(slab, size_class);
    uint64_t before = atomic_fetch_or_explicit(&map[word], bits, memory_order_release);
    if (HK_UNLIKELY((before & bits) != 0))
        hk_slab_die_twice(slab, size_class, word, before & bits);
}

/* Counts off so many blocks that were put back. Returns whether the slab last served another heap. A slab of
 * which nothing is out any more goes back to its SuperSlab; *emptied is then set and the caller should let
 * hk_retain_check() look. */
bool hk_slab_push(uint32_t slab, unsigned heap, unsigned size_class, unsigned count, bool *emptied);

/* A heap that needs it no longer leaves the slab to whoever wants it. */
void hk_slab_disown(uint32_t slab, unsigned owner, unsigned size_class);

/* In a forked child: a slab that its owner may have been refilling from at the fork is nobody's. Blocks of
 * unknown whereabouts count as out for ever. */
void hk_slab_repair(uint32_t slab, unsigned owner);

/* Whether a block of the slab starts at p. */
HK_INLINE bool hk_slab_is_block(uint32_t slab, unsigned size_class, const void *p)
{
    uintptr_t offset = (uintptr_t)p - hk_slab_start(slab);
    return offset < HK_SLAB_BYTES && hk_block_starts(&hk_classes[size_class], (uint32_t)offset);
}

#endif
