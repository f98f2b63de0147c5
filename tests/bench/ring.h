/*
 * ring.h - a bounded queue of pointers from one thread to another, without locks or allocation.
 *
 * One producer, one consumer. Each keeps its own index and a copy of the other's, and looks at the
 * other's cache line only when the copy says full or empty.
 */
#ifndef HAKMEM_TESTS_BENCH_RING_H
#define HAKMEM_TESTS_BENCH_RING_H

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#include "shm/base.h"

#define RING_SLOTS 1024u

struct ring {
    HK_ALIGNED(HK_CACHE_LINE) _Atomic(uint64_t) head; /* written by the consumer */
    uint64_t tail_seen;
    HK_ALIGNED(HK_CACHE_LINE) _Atomic(uint64_t) tail; /* written by the producer */
    uint64_t head_seen;
    HK_ALIGNED(HK_CACHE_LINE) void *slots[RING_SLOTS];
};

HK_INLINE void ring_wait(unsigned *turns)
{
    /* Both threads may have to share a processor. */
    if (++*turns % 256 == 0)
        sched_yield();
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

HK_INLINE void ring_put(struct ring *ring, void *item)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    for (unsigned turns = 0; tail - ring->head_seen == RING_SLOTS;) {
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail - ring->head_seen == RING_SLOTS)
            ring_wait(&turns);
    }
    ring->slots[tail % RING_SLOTS] = item;
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
}

/* How many the consumer can take without waiting. */
HK_INLINE uint64_t ring_ready(struct ring *ring)
{
    ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return ring->tail_seen - atomic_load_explicit(&ring->head, memory_order_relaxed);
}

HK_INLINE void *ring_take(struct ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    for (unsigned turns = 0; head == ring->tail_seen;) {
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head == ring->tail_seen)
            ring_wait(&turns);
    }
    void *item = ring->slots[head % RING_SLOTS];
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return item;
}

#endif
