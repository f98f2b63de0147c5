/*
 * tuning_reader.h - what the outside says: the values and commands in the tuning page, and whether the daemon
 * behind it still lives.
 *
 * Nothing of it is trusted: any bytes in the page may cost speed, never safety. lib/tuning/control.c puts in
 * force what is taken here. A library without a segment has lib/publish/publish_off.h in its place.
 */
#ifndef HAKMEM_LIB_PUBLISH_TUNING_READER_H
#define HAKMEM_LIB_PUBLISH_TUNING_READER_H

#include <stdbool.h>

#include "lib/base/tuned_values.h"
#include "lib/heap/heap.h"

#ifndef HK_NO_SEGMENT

/* An empty one where there is no segment: never NULL. */
extern _Atomic(const struct hk_tuning_page *) hk_steer_page HK_HIDDEN;

/* Whether the page has moved on from the epoch that the process has acted on. */
HK_INLINE bool hk_steer_news(const hk_au64 *seen)
{
    const struct hk_tuning_page *page = atomic_load_explicit(&hk_steer_page, memory_order_relaxed);
    return atomic_load_explicit(&page->epoch, memory_order_relaxed) !=
           atomic_load_explicit(seen, memory_order_relaxed);
}

/* The value at an index that a daemon which lives wants in force. false: there is none. Under
 * hk_control_lock. */
bool hk_steer_value(unsigned index, struct hk_setting *value);

/* There is news: values are taken, commands carried out. May flush the heap. */
void hk_steer_attend(struct hk_heap *heap);

/* Now and then: whether the daemon still lives, whether it is time to greet a new one. */
void hk_steer_tick(uint64_t now_ns);

/* Around the making of a segment, whose tuning page may take the place of the one before: nobody takes tuning
 * from it meanwhile. page: the one to look at from then on, NULL for no change. */
void hk_steer_page_begin(void);
void hk_steer_page_end(const struct hk_tuning_page *page);

/* Stores what is in force into the process's area. */
void hk_steer_publish_applied(void);

#else
#include "lib/publish/publish_off.h"
#endif

#endif
