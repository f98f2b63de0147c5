/*
 * arena.h - our range of addresses, and the tables beside it.
 *
 * The window is a range of address *numbers* (1 TiB) well below the mmap area, of which only what is needed
 * is ever mapped: SuperSlabs from the bottom up, and below the window's base the tables that grow with them.
 *
 *   base - 4 GiB    downwards: groups, that is index rows, SuperSlab records and maps of free blocks, for 64
 *                   SuperSlabs each; upwards: heaps (lib/heap/heap.h)
 *   base - 3 GiB    places of bins (lib/heap/bin_storage.h)
 *   base - 64 MiB   meta words, two bytes for each slab
 *   base            SuperSlab 0, 1, 2, ...
 *
 * The first group and the first heaps are one mapping and share a page of the kernel's page tables, for which
 * heaps begin half a MiB lower than written here; the base is chosen so that no beginning is the first of its
 * GiB, which saves more such pages. A small process feels each.
 *
 * A slab's *meta word* is the offset of its class's bin in a heap, 0 for a slab that is free, big, huge or
 * not ours: so "in the window and meta word not 0" is the complete test for a small block of ours, made
 * without reading the block. Everything here but hk_arena is slow-path only.
 */
#ifndef HAKMEM_LIB_ARENA_ARENA_H
#define HAKMEM_LIB_ARENA_ARENA_H

#include <stdbool.h>

#include "lib/base/geometry.h"
#include "lib/base/size_class.h"
#include "shm/layout.h"

#define HK_META_BELOW   ((uintptr_t)64 << 20)
#define HK_PLACES_BELOW ((uintptr_t)3 << 30)
#define HK_HEAPS_BELOW  (((uintptr_t)4 << 30) + ((uintptr_t)512 << 10))
#define HK_GROUP_STRIDE ((size_t)1216 << 10) /* whole pages of 4, 16 and 64 KiB */
#define HK_TABLES_BELOW (HK_HEAPS_BELOW + HK_MAX_GROUPS * HK_GROUP_STRIDE)

/* All that free() and realloc() read of the arena: one line, written when it grows. Plain words, so that the
 * compiler may compare with them in memory; they are written atomically, slabs after what it announces, and a
 * stale one only sends a caller to the slow path, where they are read properly. */
struct hk_arena {
    uintptr_t base;    /* 0 until the first allocation; a multiple of a SuperSlab's size */
    size_t slabs;      /* slab numbers below this have tables */
    size_t fast_slabs; /* those that the short ways of free and realloc serve: the same, or 0 where calls are
                          diverted; who sees a block of a diverted call sees it too
                          (lib/harden/harden_live.h). Written under hk_ss.lock, by lib/harden/intercept.c */
} HK_ALIGNED(HK_CACHE_LINE);

extern struct hk_arena hk_arena HK_HIDDEN;

/* Such a plain read of a word that is written atomically; a thread sanitizer is shown what it stands for. */
#ifdef __SANITIZE_THREAD__
#define HK_PLAIN(word) __atomic_load_n(&(word), __ATOMIC_RELAXED)
#else
#define HK_PLAIN(word) (word)
#endif

/* Rows of the index: one for each size class (partly used slabs), then these. Runs are of free slabs. */
enum hk_index_row {
    HK_ROW_FREE = HK_CLASSES,
    HK_ROW_RUN2,
    HK_ROW_RUN4,
    HK_ROW_RUN8,
    HK_ROW_RUN16,
    HK_ROW_EMPTY,    /* mapped, all slabs free */
    HK_ROW_CLOSED,   /* not mapped; changed under the arena's lock */
    HK_ROW_RESIDENT, /* has free slabs whose pages are still there */
    HK_INDEX_ROWS
};

/* Maps of free blocks: one that fits is in the slab's record, others lie behind the group's records. */
#define HK_SHORT_MAP_WORDS  6
#define HK_SHORT_MAP_BLOCKS (64 * HK_SHORT_MAP_WORDS)
#define HK_LONG_MAP_WORDS   (HK_SLAB_BYTES / HK_MIN_ALIGN / 64)

struct hk_long_map {
    hk_au64 words[HK_LONG_MAP_WORDS];
};

/* What a slab serves. Written by whoever holds the slab exclusively. */
enum hk_slab_kind { HK_SLAB_NONE = 0, HK_SLAB_SMALL = 1, HK_SLAB_BIG = 2, HK_SLAB_HUGE = 3 };

struct hk_slab {
    hk_au64 word;      /* small: see slab.h; 0 otherwise */
    hk_au32 remote_in; /* blocks that heaps other than the last owner flushed since the last refill */
    _Atomic(uint8_t) kind;
    bool moved; /* huge: its pages came by mremap and are a mapping of their own */
    union {
        hk_au64 free_map[HK_SHORT_MAP_WORDS]; /* small, of few blocks: a bit for each that is in the slab */
        struct {
            uint32_t span;   /* big: slabs; huge: SuperSlabs */
            uint64_t bytes;  /* big, huge: usable, in whole pages */
            uint64_t mapped; /* huge: bytes mapped from its start */
        };
    };
} HK_ALIGNED(HK_CACHE_LINE);

enum hk_superslab_state {
    HK_SUPERSLAB_CLOSED = 0, /* not mapped */
    HK_SUPERSLAB_OPEN = 1,   /* serves slabs; whoever holds all 32 may change that */
    HK_SUPERSLAB_HUGE = 2,   /* part of a huge block */
    HK_SUPERSLAB_LOST = 3,   /* somebody else's mapping, or beyond recovery */
};

struct hk_superslab {
    hk_au32 free;                /* slab masks: not in anybody's hands */
    hk_au32 dirty;               /* may hold something other than zeros */
    hk_au32 resident;            /* may have pages */
    hk_au32 partial[HK_CLASSES]; /* slabs of the class that a refill may take from */
    struct hk_slab slabs[HK_SLABS_PER_SUPERSLAB];
};

struct hk_group {
    hk_au64 rows[HK_INDEX_ROWS]; /* a bit for each SuperSlab: hints that visitors correct */
    _Atomic(uint8_t)
        states[HK_SUPERSLABS_PER_GROUP]; /* enum hk_superslab_state: lib/arena/superslab_state.h */
    struct hk_superslab superslabs[HK_SUPERSLABS_PER_GROUP];
    struct hk_long_map maps[HK_SUPERSLABS_PER_GROUP * HK_SLABS_PER_SUPERSLAB];
};

HK_STATIC_ASSERT(sizeof(struct hk_slab) == HK_CACHE_LINE, "neighbouring slabs must not share a line");
HK_STATIC_ASSERT(sizeof(struct hk_group) <= HK_GROUP_STRIDE, "groups must not overlap");

HK_INLINE uintptr_t hk_arena_base(void)
{
    return __atomic_load_n(&hk_arena.base, __ATOMIC_RELAXED);
}

HK_INLINE size_t hk_arena_slabs(void)
{
    return __atomic_load_n(&hk_arena.slabs, __ATOMIC_ACQUIRE);
}

HK_INLINE size_t hk_arena_fast_slabs(void)
{
    return __atomic_load_n(&hk_arena.fast_slabs, __ATOMIC_ACQUIRE);
}

HK_INLINE hk_au16 *hk_meta_words(void)
{
    return (hk_au16 *)(hk_arena_base() - HK_META_BELOW);
}

HK_INLINE struct hk_group *hk_group_at(unsigned group)
{
    return (struct hk_group *)(hk_arena_base() - HK_HEAPS_BELOW - ((size_t)group + 1) * HK_GROUP_STRIDE);
}

HK_INLINE struct hk_superslab *hk_superslab_at(uint32_t superslab)
{
    return &hk_group_at(superslab / HK_SUPERSLABS_PER_GROUP)->superslabs[superslab % HK_SUPERSLABS_PER_GROUP];
}

HK_INLINE struct hk_slab *hk_slab_at(uint32_t slab)
{
    return &hk_superslab_at(slab / HK_SLABS_PER_SUPERSLAB)->slabs[slab % HK_SLABS_PER_SUPERSLAB];
}

HK_INLINE struct hk_long_map *hk_long_map_at(uint32_t slab)
{
    enum { SLABS = HK_SUPERSLABS_PER_GROUP * HK_SLABS_PER_SUPERSLAB };
    return &hk_group_at(slab / SLABS)->maps[slab % SLABS];
}

HK_INLINE uintptr_t hk_slab_start(uint32_t slab)
{
    return hk_arena_base() + ((uintptr_t)slab << HK_SLAB_SHIFT);
}

HK_INLINE uintptr_t hk_superslab_start(uint32_t superslab)
{
    return hk_arena_base() + ((uintptr_t)superslab << HK_SUPERSLAB_SHIFT);
}

/* Slab number of an address; at least hk_arena_slabs() for one outside. */
HK_INLINE size_t hk_slab_of(const void *p)
{
    return ((uintptr_t)p - hk_arena_base()) >> HK_SLAB_SHIFT;
}

HK_INLINE unsigned hk_meta_of(size_t slab)
{
    return atomic_load_explicit(&hk_meta_words()[slab], memory_order_relaxed);
}

/* Finds the window and maps its first tables. 0 or ENOMEM; may be called again after a failure, and by
 * several threads. */
int hk_arena_init(void);

/* Maps table memory for heap number id (1..HK_MAX_HEAPS), each of stride bytes. 0 or ENOMEM. */
int hk_arena_map_heap(unsigned id, size_t stride);

/* Maps so much more for places of bins, which end at `end` so far (0: there are none). Returns where they end
 * now, 0 without memory. Called by one thread at a time. */
#define HK_PLACES_STEP ((size_t)128 << 10)
uintptr_t hk_arena_map_places(uintptr_t end);

/* Opens at least one SuperSlab, more where the process is larger, unless another thread just has.
 * false: no memory. */
bool hk_arena_open(void);

/* A run of SuperSlabs as it was got. */
struct hk_run {
    size_t mapped; /* bytes mapped from its start */
    size_t fresh;  /* of them, those without pages so far */
    bool zeroed;   /* all of it reads as zero */
};

/* A run of SuperSlabs for a huge block: at least bytes (whole pages) from its start are mapped, which is
 * aligned to align (a power of two, at least 2 MiB). Returns the first one's number, -1 without memory. */
int64_t hk_arena_take_run(size_t bytes, size_t align, struct hk_run *run);

/* Whole SuperSlabs of addresses for bytes that are about to be moved there: what is mapped at their start may
 * be replaced. *mapped: their length. Returned unused by hk_arena_return_addresses(). */
int64_t hk_arena_take_addresses(size_t bytes, size_t *mapped);
void hk_arena_return_addresses(uint32_t first, size_t mapped);

/* Maps more behind a run, in place. Returns what is mapped then: less than new_mapped where what follows is
 * in use or there is no memory. */
size_t hk_arena_extend_run(uint32_t first, size_t mapped, size_t new_mapped);

/* Gives the pages of a run beyond new_mapped (whole pages, at least one) back; returns what is mapped then.
 */
size_t hk_arena_shrink_run(uint32_t first, size_t mapped, size_t new_mapped);

/* Gives a run to whoever wants slabs or runs next, its pages and all: retained memory. false: nothing was
 * done. */
bool hk_arena_keep_run(uint32_t first, uint32_t superslabs, size_t mapped);

/* Gives a run back to the system. mapped: bytes mapped from its start. Returns the bytes that went: none
 * where the system takes nothing, and then they are retained. */
size_t hk_arena_give_run(uint32_t first, uint32_t superslabs, size_t mapped);

/* The pages of a run have been moved away: its addresses are free and unmapped. */
void hk_arena_forget_run(uint32_t first, uint32_t superslabs, size_t mapped);

/* Unmaps SuperSlabs that are wholly free, from the top, until resident bytes have gone; if untouched, also
 * all those that were opened ahead and have no pages. Returns the resident bytes that went. */
size_t hk_arena_close_empty(size_t resident, bool untouched);

/* Whether blocks moved by mremap may still be added without nearing the limit on mappings; counts one. */
bool hk_arena_count_moved(void);
void hk_arena_uncount_moved(void);

/* In a forked child: lock free again. */
void hk_arena_after_fork(void);

#endif
