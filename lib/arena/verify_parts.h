/*
 * verify_parts.h - what verify.c and verify_quiet.c share, and what the parts they look into show them.
 *
 * Only in builds with HAKMEM_VERIFY=ON.
 */
#ifndef HAKMEM_LIB_ARENA_VERIFY_PARTS_H
#define HAKMEM_LIB_ARENA_VERIFY_PARTS_H

#include "lib/arena/arena.h"
#include "lib/base/verify.h"

/* A slab's word, taken apart. */
struct hk_slab_look {
    bool live, owned;
    unsigned size_class, owner, out;
};

/* lib/arena/slab.c */
struct hk_slab_look hk_slab_look(uint32_t slab);

/* lib/arena/superslab_index.c: whether both levels hint at the SuperSlab. */
bool hk_index_hints(unsigned row, uint32_t superslab);

/* lib/arena/big_cache.c: the first slabs of all that is kept; most is enough for all. Returns how many. */
#define HK_KEPT_MOST 256
unsigned hk_big_cache_list(uint32_t slabs[HK_KEPT_MOST]);

/* How often what another thread may be changing is looked at until it is wrong. Tests without threads have
 * less. */
extern unsigned hk_verify_patience HK_HIDDEN;

/* Ends the process. what: in words; at: a number to look for, such as a slab's; seen, wanted: two values. */
_Noreturn void hk_verify_failed(const char *what, uint64_t at, uint64_t seen, uint64_t wanted);

/* Free blocks that a slab's map has, and bits that stand for none. */
unsigned hk_verify_map(uint32_t slab, unsigned size_class, bool *beyond);

#endif
