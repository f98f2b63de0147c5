/*
 * foreign.h - pointers that are not from the arena.
 *
 * A program may hold blocks of the C library's own heap: from before this library was loaded, or from a
 * library that calls __libc_malloc. Those go to the C library; anything else ends the program with a line
 * that names the pointer.
 */
#ifndef HAKMEM_LIB_FOREIGN_H
#define HAKMEM_LIB_FOREIGN_H

#include <stddef.h>

void hk_foreign_free(void *p);
void *hk_foreign_realloc(void *p, size_t size);
size_t hk_foreign_usable(const void *p);

#endif
