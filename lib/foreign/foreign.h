/*
 * foreign.h - pointers that are not from the arena.
 *
 * A program may hold blocks of the C library's own heap: from before this library was loaded, or from a
 * library that calls __libc_malloc. It may hold blocks of another allocator that is in the process
 * (lib/foreign/other_allocators.h). Both go to their owner. Anything else ends the program with a line that
 * names the pointer (lib/arena/misuse.h).
 *
 * Where a forked child cannot find out who is in the process, what nobody known wants is left as it is:
 * nothing happens to it when it is freed, its size is 0, and realloc() copies it.
 *
 * p: not from the arena, not NULL. Any thread; no lock of ours may be held: the owner's functions are called.
 */
#ifndef HAKMEM_LIB_FOREIGN_FOREIGN_H
#define HAKMEM_LIB_FOREIGN_FOREIGN_H

#include <stddef.h>

/* Gives the block back to its owner. errno stays. */
void hk_foreign_free(void *p);

/* What the owner's realloc() returns. An owner that has none gets the block back, and the program one of
 * ours with the contents. size: not 0. */
void *hk_foreign_realloc(void *p, size_t size);

/* What the owner's malloc_usable_size() returns; 0 where it has none. */
size_t hk_foreign_usable(const void *p);

/* Whose it is, in words for a person: "the C library's". */
const char *hk_foreign_owner(const void *p);

#endif
