/*
 * publish_off.h - what stands in for lib/publish/publish.h and lib/publish/tuning_reader.h in a library that
 * is built without a segment (HAKMEM_SEGMENT=OFF): nothing is published, nobody is greeted, nothing steers
 * the process from outside.
 *
 * The allocator's own sources are the same in both builds, and so are HAKMEM_TUNE and what glibc's interfaces
 * answer. What each function here leaves out is said where it is declared.
 */
#ifndef HAKMEM_LIB_PUBLISH_PUBLISH_OFF_H
#define HAKMEM_LIB_PUBLISH_PUBLISH_OFF_H

#include "lib/base/tuned_values.h"
#include "lib/heap/heap.h"

/* ---- lib/publish/publish.h ---- */

HK_INLINE void hk_publish_class(const struct hk_heap *heap, unsigned size_class)
{
    (void)heap;
    (void)size_class;
}

HK_INLINE void hk_publish_attach(struct hk_heap *heap)
{
    (void)heap;
}

HK_INLINE void hk_publish_detach(struct hk_heap *heap)
{
    (void)heap;
}

HK_INLINE void hk_publish_place(struct hk_heap *heap)
{
    (void)heap;
}

HK_INLINE void hk_publish_process(void)
{
}

HK_INLINE void hk_publish_big(void)
{
}

HK_INLINE void hk_publish_clock(uint64_t now_ns)
{
    (void)now_ns;
}

HK_INLINE void hk_publish_start(bool trust_env)
{
    (void)trust_env;
}

HK_INLINE void hk_publish_label(const char *label, size_t len)
{
    (void)label;
    (void)len;
}

HK_INLINE void hk_publish_exit(struct hk_heap *heap)
{
    (void)heap;
}

HK_INLINE void hk_publish_after_fork(void)
{
}

/* ---- lib/publish/tuning_reader.h ---- */

/* None but that a fork has not been noticed yet. */
HK_INLINE bool hk_steer_news(const hk_au64 *seen)
{
    return atomic_load_explicit(seen, memory_order_relaxed) == 0;
}

HK_INLINE bool hk_steer_value(unsigned index, struct hk_setting *value)
{
    (void)index;
    (void)value;
    return false;
}

HK_INLINE void hk_steer_attend(struct hk_heap *heap)
{
    (void)heap;
}

HK_INLINE void hk_steer_tick(uint64_t now_ns)
{
    (void)now_ns;
}

HK_INLINE void hk_steer_publish_applied(void)
{
}

#endif
