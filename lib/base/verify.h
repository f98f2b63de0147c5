/*
 * verify.h - what must hold whenever a slow path ends, looked at there in builds with HAKMEM_VERIFY=ON.
 *
 * In other builds all of it is nothing. What is not so ends the process with a line that says what and where.
 * Other threads go on meanwhile: what they may be changing is looked at again until it fits, and only what
 * never fits is wrong.
 */
#ifndef HAKMEM_LIB_BASE_VERIFY_H
#define HAKMEM_LIB_BASE_VERIFY_H

#include "lib/heap/heap.h"

#ifdef HK_VERIFY

/* The heap's bin of the class, of which the calling thread is the holder: its places and numbers; that each
 * block in it is one of a slab of the class, there once, and not in the slab's map too. Then the slab it
 * refills from, now and then the whole heap, and one SuperSlab after another. */
void hk_verify_bin(struct hk_heap *heap, unsigned size_class);

/* A big or huge block that the caller has: its record, the slabs and SuperSlabs it covers. Keeps NULL. */
void hk_verify_big(const void *p);

/* A run or huge block that was kept and is the caller's now. */
void hk_verify_kept(uint32_t slab);

/* Numbers of SuperSlabs against their states. Under the arena's lock. */
void hk_verify_arena(void);

/* Everything, exactly. No other thread may use the allocator meanwhile, and no fork have come before. */
void hk_verify_quiet(void);

/* In a forked child: what a fork may leave uncounted is not compared any more. */
void hk_verify_after_fork(void);

#else

HK_INLINE void hk_verify_bin(struct hk_heap *heap, unsigned size_class)
{
    (void)heap;
    (void)size_class;
}

HK_INLINE void hk_verify_big(const void *p)
{
    (void)p;
}

HK_INLINE void hk_verify_kept(uint32_t slab)
{
    (void)slab;
}

HK_INLINE void hk_verify_arena(void)
{
}

HK_INLINE void hk_verify_after_fork(void)
{
}

#endif

#endif
