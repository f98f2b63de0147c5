/*
 * lock.h - a mutex of one word.
 *
 * Three states (free, held, held with waiters) as in U. Drepper, "Futexes Are Tricky" (2011), mutex 2. No
 * lock is held across fork(): a child re-initialises all of them (hk_lock_init) and what they guard is
 * written so that it can be cut at any instant. Taken on slow paths only. Ranks, outermost first: the late
 * heap's, mallctl's, publish, control, retain, places, arena.
 */
#ifndef HAKMEM_LIB_OS_LOCK_H
#define HAKMEM_LIB_OS_LOCK_H

#include <stdbool.h>

#include "lib/os/os.h"
#include "shm/layout.h"

/* The word is 0 or says who has the lock, in one store: a signal may come between any two. Its low half is
 * what waiters sleep on. */
struct hk_lock {
    hk_au64 word;    /* 0 free; the holder's address, shifted, and the bits below */
    uint32_t nested; /* guarded by the lock */
};

enum { HK_LOCK_HELD = 1, HK_LOCK_WAITED_FOR = 2, HK_LOCK_SHIFT = 2 };

HK_STATIC_ASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "waiters look at a word's first half");

/* Its address is the thread. */
extern __thread char hk_lock_self __attribute__((tls_model("initial-exec"), visibility("hidden")));

HK_INLINE uint64_t hk_lock_mine(void)
{
    return (uint64_t)(uintptr_t)&hk_lock_self << HK_LOCK_SHIFT | HK_LOCK_HELD;
}

HK_INLINE void hk_lock_init(struct hk_lock *lock)
{
    atomic_store_explicit(&lock->word, 0, memory_order_relaxed);
    lock->nested = 0;
}

HK_INLINE bool hk_lock_try(struct hk_lock *lock)
{
    uint64_t unheld = 0;
    return atomic_compare_exchange_strong_explicit(&lock->word, &unheld, hk_lock_mine(), memory_order_acquire,
                                                   memory_order_relaxed);
}

/* Waits for a lock that was not to be had at once. */
HK_INLINE void hk_lock_wait(struct hk_lock *lock)
{
    /* Sections are short: most waits end before a system call would have begun. */
    for (int spin = 0; spin < 64; spin++) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
        if (atomic_load_explicit(&lock->word, memory_order_relaxed) == 0 && hk_lock_try(lock))
            return;
    }
    for (;;) {
        uint64_t now = 0;
        /* Whoever has slept wakes the next: others may still sleep. */
        if (atomic_compare_exchange_strong_explicit(&lock->word, &now, hk_lock_mine() | HK_LOCK_WAITED_FOR,
                                                    memory_order_acquire, memory_order_relaxed))
            return;
        uint64_t waited_for = now | HK_LOCK_WAITED_FOR;
        if (now == waited_for ||
            atomic_compare_exchange_strong_explicit(&lock->word, &now, waited_for, memory_order_relaxed,
                                                    memory_order_relaxed))
            hk_os_futex_wait(&lock->word, (uint32_t)waited_for);
    }
}

/* A thread that has the lock already comes from a signal handler that interrupted it and calls exit(), or
 * should not allocate and does. It goes in: what is guarded can be cut at any instant, as a fork cuts it, and
 * waiting would be for ever. */
HK_INLINE void hk_lock_take(struct hk_lock *lock)
{
    if (HK_UNLIKELY(!hk_lock_try(lock))) {
        uint64_t now = atomic_load_explicit(&lock->word, memory_order_relaxed);
        if ((now & ~(uint64_t)HK_LOCK_WAITED_FOR) == hk_lock_mine())
            lock->nested++;
        else
            hk_lock_wait(lock);
    }
}

HK_INLINE void hk_lock_drop(struct hk_lock *lock)
{
    if (HK_UNLIKELY(lock->nested != 0)) {
        lock->nested--;
        return;
    }
    uint64_t was = atomic_exchange_explicit(&lock->word, 0, memory_order_release);
    if ((was & HK_LOCK_WAITED_FOR) != 0)
        hk_os_futex_wake(&lock->word, 1);
}

#endif
