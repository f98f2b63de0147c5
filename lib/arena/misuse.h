/*
 * misuse.h - programs that free what is not theirs, and end there.
 *
 * One line on stderr that names the pointer and what it is, then abort(). Called where a slow path notices;
 * none of these returns.
 */
#ifndef HAKMEM_LIB_ARENA_MISUSE_H
#define HAKMEM_LIB_ARENA_MISUSE_H

#include "shm/base.h"

/* What this thread's program called and with which pointer, where what is called for it has another name:
 * messages about that pointer name it. NULL, NULL where that has returned. */
struct hk_called {
    const char *call;
    const void *p;
};
extern __thread struct hk_called hk_called __attribute__((tls_model("initial-exec"), visibility("hidden")));

HK_INLINE void hk_called_as(const char *call, const void *p)
{
    hk_called = (struct hk_called){call, p};
}

/* `call` was given p, and no block starts there. */
_Noreturn HK_COLD void hk_die_not_a_block(const char *call, const void *p);

/* p was freed into a bin, but lies inside a block of its slab. */
_Noreturn HK_COLD void hk_die_interior(const void *p, uint32_t slab);

/* A slab was given more blocks than it had handed out. */
_Noreturn HK_COLD void hk_die_double_free(const void *p, unsigned size_class);

/* The block lies in a bin twice, or in a bin and in its slab. */
_Noreturn HK_COLD void hk_die_freed_twice(const void *p, unsigned size_class);

/* ---- what only a checked allocator notices (lib/harden/harden.h); call: the function that was given p ----
 */

/* The block of so many bytes was freed before. */
_Noreturn HK_COLD void hk_die_freed(const char *call, const void *p, size_t bytes);

/* Byte number `at` is behind the end of the block that was to have so many bytes, and was written to. */
_Noreturn HK_COLD void hk_die_overflow(const char *call, const void *p, size_t bytes, size_t at);

/* A byte of the freed block of so many bytes at p was written to. */
_Noreturn HK_COLD void hk_die_written(const void *p, size_t bytes, const void *byte);

/* The caller says told bytes, and asked is what he had asked for; p is not at a multiple of align. */
_Noreturn HK_COLD void hk_die_size(const char *call, const void *p, size_t told, size_t asked);
_Noreturn HK_COLD void hk_die_align(const char *call, const void *p, size_t align);

/* What lies in a bin is no free block of the class. */
_Noreturn HK_COLD void hk_die_damaged(const void *p, unsigned size_class);

/* Nothing can be done, for a reason. */
_Noreturn HK_COLD void hk_die(const char *line);

#endif
