/*
 * fastpath.h - malloc and free when nothing is missing: the whole hot path.
 *
 * malloc: the size's bin from a table, its newest block. free: the slab's bin from its meta word, where the
 * block becomes the newest. One unlikely exit a step; every special case (a thread without a heap, an empty
 * bin, a full one, NULL, big, foreign or free memory) is folded into those exits by sentinels:
 *
 *   - a thread begins with the empty heap: its bins have no room, and an empty place below their top;
 *   - a slab that serves no class has meta word 0, and bin 0 of every heap has no room;
 *   - where calls are to be diverted (lib/harden/intercept.h) no slab is a fast one, and threads keep the
 * empty heap.
 *
 * No owner check: a block goes into the local bin whoever allocated it; the flush sorts by slab.
 */
#ifndef HAKMEM_LIB_ENTRY_FASTPATH_H
#define HAKMEM_LIB_ENTRY_FASTPATH_H

#include "lib/arena/slab.h"
#include "lib/heap/heap.h"

void *hk_malloc_slow(size_t size);
void hk_free_slow(void *p);
void hk_free_told_slow(const char *call, void *p, size_t size, size_t align);

HK_INLINE void *hk_malloc(size_t size)
{
    unsigned offset;
    if (HK_LIKELY(size <= HK_FINE_MAX))
        offset = hk_fine_bins[(size + (1u << HK_FINE_SHIFT) - 1) >> HK_FINE_SHIFT];
    else if (HK_LIKELY(size <= HK_SMALL_MAX))
        offset = hk_coarse_bins[(size + (1u << HK_COARSE_SHIFT) - 1) >> HK_COARSE_SHIFT];
    else
        return hk_malloc_slow(size);
    struct hk_heap *heap = hk_tls_heap;
    void *block = hk_bin_pop(heap, (struct hk_bin *)((char *)heap + offset));
    if (HK_UNLIKELY(block == NULL))
        return hk_malloc_slow(size);
    return block;
}

/* Whether there was room for it. */
HK_INLINE bool hk_free_fast(void *p)
{
    uintptr_t base = HK_PLAIN(hk_arena.base);
    size_t slab = ((uintptr_t)p - base) >> HK_SLAB_SHIFT;
    if (HK_UNLIKELY(slab >= HK_PLAIN(hk_arena.fast_slabs)))
        return false;
    struct hk_heap *heap = hk_tls_heap;
    const uint16_t *metas = (const uint16_t *)(base - HK_META_BELOW);
    struct hk_bin *bin = (struct hk_bin *)((char *)heap + HK_PLAIN(metas[slab]));
    uint32_t room;
    if (HK_UNLIKELY(__builtin_sub_overflow(bin->room, 1u, &room)))
        return false;
    /* First, so that who interrupts this and never returns finds no room that there is no place for. */
    bin->room = room;
    atomic_signal_fence(memory_order_release);
    hk_bin_push(heap, bin, p);
    return true;
}

HK_INLINE void hk_free(void *p)
{
    if (HK_UNLIKELY(!hk_free_fast(p)))
        hk_free_slow(p);
}

/* The same by a caller who says what he believes the block to be, which only the slow path listens to. */
HK_INLINE void hk_free_told(const char *call, void *p, size_t size, size_t align)
{
    if (HK_UNLIKELY(!hk_free_fast(p)))
        hk_free_told_slow(call, p, size, align);
}

#endif
