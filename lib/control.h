/*
 * control.h - how the outside steers the process: tuning, commands, a daemon's life.
 *
 * A slow path compares two pairs of words (hk_control_check); only when something is new does it go
 * further: values of a new generation are validated, clamped and put in force for the process, commands are
 * carried out, a forked child is noticed. Nothing here is trusted: any bytes in the tuning page may cost
 * speed, never safety.
 */
#ifndef HAKMEM_LIB_CONTROL_H
#define HAKMEM_LIB_CONTROL_H

#include <stdbool.h>

#include "lib/fork.h"
#include "lib/heap.h"
#include "shm/value.h"

struct hk_control {
    _Atomic(const struct hk_tuning_page *) page; /* an empty one where there is no segment: never NULL */
    _Atomic(hk_au64 *) seen; /* page's epoch that the process has acted on; in a page that fork() wipes */
    hk_au64 epoch;           /* counts up when each heap has something to do */
};

extern struct hk_control hk_control HK_HIDDEN;

/* Out of line: something is new for the process or for this heap. May flush the heap. */
void hk_control_attend(struct hk_heap *heap);

/* Whether nothing is. */
HK_INLINE bool hk_control_is_quiet(const struct hk_heap *heap)
{
    const struct hk_tuning_page *page = atomic_load_explicit(&hk_control.page, memory_order_relaxed);
    const hk_au64 *seen = atomic_load_explicit(&hk_control.seen, memory_order_relaxed);
    return atomic_load_explicit(&page->epoch, memory_order_relaxed) ==
               atomic_load_explicit(seen, memory_order_relaxed) &&
           heap->epoch == atomic_load_explicit(&hk_control.epoch, memory_order_relaxed);
}

HK_INLINE void hk_control_check(struct hk_heap *heap)
{
    if (HK_UNLIKELY(!hk_control_is_quiet(heap)))
        hk_control_attend(heap);
}

/* First of all in every slow path that takes a lock or writes into the segment: a child of clone() or
 * _Fork(), or one whose handlers ran before ours, has locks that nobody will drop and cells that are its
 * parent's. */
HK_INLINE void hk_control_notice_fork(void)
{
    const hk_au64 *seen = atomic_load_explicit(&hk_control.seen, memory_order_relaxed);
    if (HK_UNLIKELY(atomic_load_explicit(seen, memory_order_relaxed) == 0))
        hk_fork_child();
}

/* In a child just forked: whether a slow path has noticed. */
bool hk_control_fork_seen(void);

/* On refills and flushes: reads the clock; whether the daemon still lives, whether it is time to greet a new
 * one, what has to be published. */
void hk_control_tick(void);

/* Values before any daemon speaks: defaults, /etc/hakmem/tune, HAKMEM_TUNE (only if trusted). */
void hk_control_init(bool trust_env);

/* Sets a value of the process's own. false: *error says why, *index is the value's or -1. */
bool hk_control_set_own(const char *name, size_t name_len, const char *text, size_t text_len,
                        enum hk_source source, enum hk_value_error *error);

/* Around the making of a segment, whose tuning page may take the place of the one before: nobody takes tuning
 * from it meanwhile. page: the one to look at from then on, NULL for no change. */
void hk_control_page_begin(void);
void hk_control_page_end(const struct hk_tuning_page *page);

/* Flushes the bins of every heap, each at its next slow path (this one now), and gives back all retained
 * memory but keep bytes. Returns the resident bytes that went now. */
size_t hk_control_trim(struct hk_heap *heap, size_t keep);

/* Stores what is in force into the process's area. */
void hk_control_publish_applied(void);

/* In a forked child. */
void hk_control_after_fork(void);

#endif
