/*
 * block_table.h - what a checked allocator knows of each block, kept out of the blocks' reach.
 *
 * A table for each SuperSlab that was ever used, mapped wherever the kernel likes: two bytes for each small
 * block, a record for each big one. Nothing of it is in a block or next to one, so nothing that is written
 * past a block's end or after its free changes it. Only pages that are used are touched: about a sixteenth of
 * the memory in small blocks. Tables stay when their SuperSlab goes. Knows no meaning of what is kept.
 */
#ifndef HAKMEM_LIB_HARDEN_BLOCK_TABLE_H
#define HAKMEM_LIB_HARDEN_BLOCK_TABLE_H

#include <stdbool.h>

#include "lib/base/geometry.h"
#include "shm/layout.h"

/* A big or huge block's, all zero where there is none. */
struct hk_side_big {
    hk_au64 state;  /* enum hk_side_state */
    uint64_t asked; /* bytes that the program asked for */
    uintptr_t at;   /* where the program believes it to start */
    uint64_t
        room; /* bytes from its slab's start that are accessible: behind them is a guard page, if guarded */
    bool guarded;
    bool is_small; /* a small block in pages of its own */
};

enum hk_side_state { HK_SIDE_NONE = 0, HK_SIDE_LIVE = 1, HK_SIDE_FREED = 2 };

/* Of a small block: what was asked for, and one more; or one of these. */
enum hk_side_small { HK_SIDE_NEVER = 0, HK_SIDE_HELD = 0xfffe, HK_SIDE_FREE = 0xffff };

union hk_side {
    hk_au16 small[HK_SLAB_BYTES / HK_MIN_ALIGN]; /* by the block's number in its slab */
    struct hk_side_big big;
};

HK_STATIC_ASSERT(HK_SMALL_MAX + 1 < HK_SIDE_HELD, "sizes and states share 16 bits");

struct hk_side_table {
    union hk_side slabs[HK_SLABS_PER_SUPERSLAB];
};

/* One for each SuperSlab there may be; NULL where nothing is checked. */
extern _Atomic(struct hk_side_table *) *hk_side_tables HK_HIDDEN;

/* Maps what leads to the tables. false: no memory. Called once, before the others. */
bool hk_side_init(void);

/* The slab's part of its table; NULL if it has none yet. Any thread. */
union hk_side *hk_side_of(uint32_t slab);

/* The same, which makes the table; NULL without memory. */
union hk_side *hk_side_make(uint32_t slab);

/* Takes up to `most` tables away. Returns whether none is left. Nobody may use or make one until then; one
 * caller at a time. */
bool hk_side_clear(unsigned most);

#endif
