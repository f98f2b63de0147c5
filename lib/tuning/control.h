/*
 * control.h - what slow paths see to besides allocating: values come into force, heaps follow, time passes.
 *
 * A slow path compares two pairs of words (hk_control_check); only when something is new does it go
 * further: values of a new generation are validated, clamped and put in force for the process, commands are
 * carried out, a forked child is noticed. The process's own values are kept here, those of a daemon and its
 * commands come by lib/publish/tuning_reader.h.
 */
#ifndef HAKMEM_LIB_TUNING_CONTROL_H
#define HAKMEM_LIB_TUNING_CONTROL_H

#include <stdbool.h>

#include "lib/entry/fork.h"
#include "lib/heap/heap.h"
#include "lib/os/lock.h"
#include "lib/publish/tuning_reader.h"
#include "shm/value.h"

struct hk_control {
    _Atomic(hk_au64 *) seen; /* the page's epoch that the process has acted on; in a page that fork() wipes */
    hk_au64 epoch;           /* counts up when each heap has something to do */
};

extern struct hk_control hk_control HK_HIDDEN;

/* Out of line: something is new for the process or for this heap. May flush the heap. */
void hk_control_attend(struct hk_heap *heap);

/* Whether nothing is. */
HK_INLINE bool hk_control_is_quiet(const struct hk_heap *heap)
{
    const hk_au64 *seen = atomic_load_explicit(&hk_control.seen, memory_order_relaxed);
    return !hk_steer_news(seen) &&
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

/* Flushes the bins of every heap, each at its next slow path (this one now), and gives back all retained
 * memory but keep bytes. Returns the resident bytes that went now. */
size_t hk_control_trim(struct hk_heap *heap, size_t keep);

/* In a forked child. */
void hk_control_after_fork(void);

/* ---- for lib/publish/tuning_reader.c ---- */

/* Guards the values, the process's own and a daemon's. */
extern struct hk_lock hk_control_lock HK_HIDDEN;

/* The process's own value at an index. Under the lock. */
const struct hk_setting *hk_control_own(unsigned index);

/* Sets the parameters from the values in force. Under the lock. */
void hk_control_put_in_force(void);

/* Makes every heap flush its bins at its next slow path, this one (if not NULL) now. */
void hk_control_flush(struct hk_heap *heap);

/* Makes the next slow path look at the page, whatever the process has seen of this one or another before: no
 * page gets as far as the epoch it leaves behind. */
void hk_control_look_again(void);

#endif
