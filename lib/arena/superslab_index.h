/*
 * superslab_index.h - which SuperSlabs have what: bitmaps of hints over the arena.
 *
 * For each row a bit per SuperSlab in its group's word, and above it a bit per group. Lookups take the
 * lowest (or highest) SuperSlab, so that memory fills from the bottom and drains from the top. No locks:
 * the masks in the SuperSlab are the truth, a set bit means "look here". Setters change the mask first and
 * then raise; whoever finds a mask empty lowers, which looks at the mask again and raises if it was wrong.
 */
#ifndef HAKMEM_LIB_ARENA_SUPERSLAB_INDEX_H
#define HAKMEM_LIB_ARENA_SUPERSLAB_INDEX_H

#include "lib/arena/arena.h"

/* The row's mask of this SuperSlab has just become, or may have become, non-empty. */
void hk_index_raise(unsigned row, uint32_t superslab);

/* The row's mask of this SuperSlab was found empty. */
void hk_index_lower(unsigned row, uint32_t superslab);

/* Lowest SuperSlab at or above from that both rows hint at (the same row twice for one), -1 if there is none.
 */
int64_t hk_index_lowest(unsigned row, unsigned and_row, uint32_t from);

/* The same for the highest below end. */
int64_t hk_index_highest(unsigned row, unsigned and_row, uint32_t end);

/* Whether the mask behind a row is non-empty. Not for HK_ROW_CLOSED. */
bool hk_index_holds(unsigned row, const struct hk_superslab *superslab);

/* Which of the rows that speak of free slabs hold for masks of free and resident ones: a bit for each row,
 * HK_ROW_FREE being bit 0. */
unsigned hk_index_free_rows(uint32_t free_slabs, uint32_t resident);

/* Raises rows, as hk_index_free_rows() tells them, where they are not, and lowers those of the others that
 * are. */
void hk_index_raise_rows(unsigned rows, uint32_t superslab);
void hk_index_lower_rows(unsigned rows, uint32_t superslab);

#endif
