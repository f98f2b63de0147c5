/*
 * superslab_state.h - which SuperSlabs are closed, open, huge or lost: what arena.c and arena_run.c share.
 *
 * Everything here is done under hk_ss.lock. A fork may cut any of it: tables are mapped before they are
 * announced, memory is mapped before it is marked open, so a child can lose a range but never share one.
 */
#ifndef HAKMEM_LIB_ARENA_SUPERSLAB_STATE_H
#define HAKMEM_LIB_ARENA_SUPERSLAB_STATE_H

#include "lib/arena/arena.h"
#include "lib/os/lock.h"

/* A process may have 65,530 mappings by default (vm.max_map_count), and most of them are the program's. */
#define HK_MAX_HOLES 4096
#define HK_MAX_TAILS 4096
#define HK_MAX_MOVED 4096

struct hk_ss {
    struct hk_lock lock;
    uint32_t end;           /* SuperSlabs below this have tables; hk_arena.slabs in SuperSlabs */
    _Atomic(uint32_t) open; /* SuperSlabs that are open */
    _Atomic(int) holes; /* runs of closed SuperSlabs below end: each splits a mapping. Looked at without the
                           lock too. A little off in a forked child */
    int tails;          /* huge runs whose last SuperSlab is mapped in part: each splits a mapping too */
    _Atomic(uint32_t) moved; /* huge blocks moved by mremap; changed without the lock */
};

extern struct hk_ss hk_ss HK_HIDDEN;

/* Dense, and beside the index: a huge block that is never touched costs one page of tables for 128 MiB. */
HK_INLINE _Atomic(uint8_t) *hk_ss_state_of(uint32_t superslab)
{
    return &hk_group_at(superslab / HK_SUPERSLABS_PER_GROUP)->states[superslab % HK_SUPERSLABS_PER_GROUP];
}

/* Of a SuperSlab below hk_ss.end. */
HK_INLINE unsigned hk_ss_state(uint32_t superslab)
{
    return atomic_load_explicit(hk_ss_state_of(superslab), memory_order_relaxed);
}

HK_INLINE void hk_ss_set_state(uint32_t superslab, unsigned state)
{
    atomic_store_explicit(hk_ss_state_of(superslab), (uint8_t)state, memory_order_release);
}

HK_INLINE bool hk_ss_is_closed(uint32_t superslab)
{
    return superslab < hk_ss.end && hk_ss_state(superslab) == HK_SUPERSLAB_CLOSED;
}

HK_INLINE int hk_ss_has_tail(size_t mapped)
{
    return (mapped & (HK_SUPERSLAB_BYTES - 1)) != 0;
}

/* How many closed SuperSlabs, at most `most`, there are from first on. */
uint32_t hk_ss_closed_run(uint32_t first, uint32_t most);

void hk_ss_mark_closed(uint32_t first, uint32_t n);

/* From closed to something else. */
void hk_ss_mark_used(uint32_t first, uint32_t n, unsigned state);

/* Adds to what the process has mapped. */
void hk_ss_count_mapped(uint32_t superslabs, size_t bytes);
void hk_ss_uncount_mapped(uint32_t superslabs, size_t bytes);

/* Hands an open SuperSlab that nobody holds to the slab allocator. */
void hk_ss_offer(uint32_t superslab);

/* Takes an open SuperSlab away from the slab allocator, if all of it is free; and gives it back as it was. */
bool hk_ss_claim(uint32_t superslab);
void hk_ss_unclaim(uint32_t superslab);

/* None of its pages is there, or was ever written to. */
void hk_ss_clear_masks(uint32_t superslab);

/* Tables for SuperSlabs up to new_end, which are then known, and closed. false: no memory, or too far. */
bool hk_ss_extend_end(uint32_t new_end);

#endif
