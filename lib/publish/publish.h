/*
 * publish.h - what the segment gets to see, and when.
 *
 * Truth lives in the heaps and in hk_process; slow paths store copies into the segment with plain relaxed
 * stores, one writer to a row. Without a segment every function here is a test of one pointer; a library that
 * can't have one has lib/publish/publish_off.h in their place. No decision is ever made by what is in the
 * segment.
 */
#ifndef HAKMEM_LIB_PUBLISH_PUBLISH_H
#define HAKMEM_LIB_PUBLISH_PUBLISH_H

#include <stdbool.h>

#include "lib/base/process_counters.h"
#include "lib/heap/heap.h"

#ifndef HK_NO_SEGMENT

/* Read once: in the child of a fork() made by a signal handler that interrupted us, it becomes NULL. */
HK_INLINE struct hk_slot *hk_publish_slot(const struct hk_heap *heap)
{
    return *(struct hk_slot *const volatile *)&heap->slot;
}

/* The row of a class, after it was accounted for. */
void hk_publish_class_row(const struct hk_heap *heap, struct hk_slot *slot, unsigned size_class);

HK_INLINE void hk_publish_class(const struct hk_heap *heap, unsigned size_class)
{
    struct hk_slot *slot = hk_publish_slot(heap);
    if (slot != NULL)
        hk_publish_class_row(heap, slot, size_class);
}

HK_INLINE void hk_publish_word(hk_au64 *to, const hk_au64 *from)
{
    atomic_store_explicit(to, atomic_load_explicit(from, memory_order_relaxed), memory_order_relaxed);
}

/* A thread has taken, or given back, the heap, which has been settled then, so all its rows are published. */
void hk_publish_attach(struct hk_heap *heap);
void hk_publish_detach(struct hk_heap *heap);

/* A heap that its thread has had since before there was a segment gets its slot. */
void hk_publish_place(struct hk_heap *heap);

/* The process's totals, if any has changed. */
void hk_publish_process(void);

/* The same, after a big block was served without reading the clock: in a rush it is left to who reads it. */
HK_INLINE void hk_publish_big(void)
{
    if (!hk_process_in_rush())
        hk_publish_process();
}

/* The clock of a slow path. */
void hk_publish_clock(uint64_t now_ns);

/* What is in force at a value's index. */
struct hk_applied_row {
    uint64_t value, effective, generation;
    uint32_t life_s;
    uint16_t source, verdict;
};
void hk_publish_applied(unsigned index, const struct hk_applied_row *row);

/* Commands carried out. */
void hk_publish_flush_done(uint64_t number);
void hk_publish_trim_done(uint64_t number, uint64_t released);

/* At start: makes a segment and greets a daemon, where one listens and nothing forbids it. */
void hk_publish_start(bool trust_env);

/* Later: no daemon is known to live. allowed: whether later system calls are known to be harmless. */
void hk_publish_retry(uint64_t now_ns, bool allowed);

/* A daemon has shown that it lives. */
void hk_publish_heard(void);

/* Text by which the process wants to be found; at most HK_LABEL_BYTES - 1 bytes count. */
void hk_publish_label(const char *label, size_t len);

/* The process is about to exit normally: totals are made exact. */
void hk_publish_exit(struct hk_heap *heap);

/* In a forked child: nothing that is the parent's is written any more. */
void hk_publish_after_fork(void);

#else
#include "lib/publish/publish_off.h"
#endif

#endif
