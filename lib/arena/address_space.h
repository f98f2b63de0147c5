/*
 * address_space.h - where in the address space the arena lies, and the mapping of its tables.
 *
 * Under the arena's lock, but for hk_window_after_fork().
 */
#ifndef HAKMEM_LIB_ARENA_ADDRESS_SPACE_H
#define HAKMEM_LIB_ARENA_ADDRESS_SPACE_H

#include "lib/arena/arena.h"

/* Finds a place, maps the tables of the first group there and sets hk_arena.base. */
bool hk_window_find(void);

/* Maps tables so that SuperSlabs below superslabs have them. false: no memory, or beyond the window. */
bool hk_window_map_tables(uint32_t superslabs);

/* Maps memory for heap number id. */
bool hk_window_map_heap(unsigned id, size_t stride);

/* Maps HK_PLACES_STEP bytes more of the places of bins, that end at `end` so far (0: none). Their new end, 0
 * without memory. */
uintptr_t hk_window_map_places(uintptr_t end);

/* In a forked child: tables may have been mapped further than was noted. */
void hk_window_after_fork(void);

#endif
