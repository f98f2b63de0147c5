/*
 * intercept.h - calls that do not go the usual way: checked ones (lib/harden/harden.h), ones that are told of
 * (lib/harden/trace.h), ones that are another allocator's (lib/harden/pass_through.h).
 *
 * The hot path knows nothing of it. Where anything is asked for, every thread keeps the empty heap, so that
 * each malloc takes its slow exit, and the short ways of free and realloc find an arena without slabs; the
 * slow ways look at one word first. Asked for by the environment, before the first block is handed out where
 * that can be; checks also later (lib/harden/harden_live.h).
 */
#ifndef HAKMEM_LIB_HARDEN_INTERCEPT_H
#define HAKMEM_LIB_HARDEN_INTERCEPT_H

#include <stdbool.h>

#include "shm/layout.h"

enum hk_diversion {
    HK_HARDEN_STATE = 1,       /* what is freed is live; always with the others */
    HK_HARDEN_SIZED = 2,       /* what a caller says of its size is right */
    HK_HARDEN_CANARY = 4,      /* nobody wrote behind its end */
    HK_HARDEN_GUARD = 8,       /* inaccessible pages behind big blocks and some small ones */
    HK_HARDEN_ZERO = 16,       /* freed blocks are cleared */
    HK_HARDEN_RANDOM = 32,     /* which free block is handed out is left to chance */
    HK_HARDEN_QUARANTINE = 64, /* freed blocks wait before they are handed out again */
    HK_HARDEN_ALL = 127,
    HK_DIVERT_ROUTE = 128,  /* calls are told of */
    HK_DIVERT_UNREAD = 256, /* what is asked for is not known yet */
    HK_DIVERT_NEXT = 512,   /* alone: calls are handed to the next allocator (lib/harden/pass_through.h) */
    HK_DIVERT_LIVE = 1024,  /* with modes that began while the process ran, and may end */
};

/* Which of them: HK_DIVERT_UNREAD at first, then constant but for HK_DIVERT_ROUTE, which ends, and for
 * HK_DIVERT_LIVE with its modes, which begin and end. Who sees a mode sees all that was made ready for it. */
extern hk_au32 hk_diversions HK_HIDDEN;

HK_INLINE bool hk_is_diverted(void)
{
    return atomic_load_explicit(&hk_diversions, memory_order_acquire) != 0;
}

/* Whether any of these is asked for. */
HK_INLINE bool hk_hardens(unsigned what)
{
    return (atomic_load_explicit(&hk_diversions, memory_order_acquire) & what) != 0;
}

/* Reads HAKMEM_HARDEN and HAKMEM_TRACE, once there is an environment and unless it is not to be trusted;
 * at_last: if there is none now, there is none. false: no memory for what they ask for; to be called again.
 * Called under one lock (lib/entry/init.c). */
bool hk_divert_init(bool at_last);

/* Decides, if that is not yet done, whether all calls are to go to the next allocator, and returns it. For
 * good: nothing else is asked for then. Any thread, at any time. */
bool hk_divert_stands_back(void);

/* Told is what to do no longer. */
void hk_divert_end_route(void);

/* After hk_arena.slabs has become larger. Under hk_ss.lock. */
void hk_divert_arena_grew(void);

/* Modes begin, of which none is in force; or end. The short ways of free and realloc are closed before the
 * first block is checked. Under hk_control_lock. */
void hk_divert_begin_live(unsigned modes);
void hk_divert_end_modes(void); /* calls still come by */
void hk_divert_end_live(void);  /* the rest, unless modes have begun again */

/* In a forked child: locks free again. */
void hk_divert_after_fork(void);

/* ---- the calls, where they are diverted; call: the function's name, for messages ---- */

#define HK_ANY_SIZE SIZE_MAX

/* align: a power of two. NULL with errno without memory. *zeroed: it reads as zero. */
void *hk_divert_alloc(const char *call, size_t size, size_t align, bool *zeroed);

/* p is not NULL; size and align: what the caller believes of it, HK_ANY_SIZE and 1 if nothing. */
void hk_divert_free(const char *call, void *p, size_t size, size_t align);

/* p is not NULL, size not 0. The second does not move the block: it has size bytes then, or up to most, or as
 * many as before. */
void *hk_divert_resize(const char *call, void *p, size_t size);
void hk_divert_resize_here(const char *call, void *p, size_t size, size_t most);
size_t hk_divert_usable(const void *p);

/* The process exits: what is known of freed blocks is looked at. */
void hk_divert_exit(void);

/* ---- for lib/harden/trace.c ---- */

struct hk_call {
    enum { HK_CALL_ALLOC, HK_CALL_FREE, HK_CALL_RESIZE } kind;
    const char *name;
    void *p; /* what is freed or resized */
    size_t size, align;
    void *result;
    bool zeroed;
};

/* Does what is asked for, checked or not, untold. */
void hk_divert_do(struct hk_call *call);

#endif
