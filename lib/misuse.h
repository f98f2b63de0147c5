/*
 * misuse.h - programs that free what is not theirs, and end there.
 *
 * One line on stderr that names the pointer and what it is, then abort(). Called where a slow path notices;
 * none of these returns.
 */
#ifndef HAKMEM_LIB_MISUSE_H
#define HAKMEM_LIB_MISUSE_H

#include "shm/base.h"

/* `call` was given p, and no block starts there. */
_Noreturn HK_COLD void hk_die_not_a_block(const char *call, const void *p);

/* p was freed into a bin, but lies inside a block of its slab. */
_Noreturn HK_COLD void hk_die_interior(const void *p, uint32_t slab);

/* A slab was given more blocks than it had handed out. */
_Noreturn HK_COLD void hk_die_double_free(const void *p, unsigned size_class);

/* Nothing can be done, for a reason. */
_Noreturn HK_COLD void hk_die(const char *line);

#endif
