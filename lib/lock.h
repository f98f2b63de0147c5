/*
 * lock.h - a mutex of one word.
 *
 * Three states (free, held, held with waiters) as in U. Drepper, "Futexes Are Tricky" (2011), mutex 2. No
 * lock is held across fork(): a child re-initialises all of them (hk_lock_init) and what they guard is
 * written so that it can be cut at any instant. Taken on slow paths only. Ranks, outermost first: the late
 * heap's, publish, control, retain, places, arena.
 */
#ifndef HAKMEM_LIB_LOCK_H
#define HAKMEM_LIB_LOCK_H

#include <stdbool.h>

#include "lib/os.h"
#include "shm/layout.h"

struct hk_lock {
    hk_au32 state;                /* 0 free, 1 held, 2 held and somebody may wait */
    uint32_t nested;              /* guarded by the lock */
    _Atomic(const char *) holder; /* &hk_lock_self of the thread that has it; NULL */
};

/* Its address is the thread. */
extern __thread char hk_lock_self __attribute__((tls_model("initial-exec"), visibility("hidden")));

HK_INLINE void hk_lock_init(struct hk_lock *lock)
{
    atomic_store_explicit(&lock->state, 0, memory_order_relaxed);
    atomic_store_explicit(&lock->holder, NULL, memory_order_relaxed);
    lock->nested = 0;
}

HK_INLINE bool hk_lock_try(struct hk_lock *lock)
{
    uint32_t free_state = 0;
    if (!atomic_compare_exchange_strong_explicit(&lock->state, &free_state, 1, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    atomic_store_explicit(&lock->holder, &hk_lock_self, memory_order_relaxed);
    return true;
}

/* Waits for a lock that was not to be had at once. */
HK_INLINE void hk_lock_wait(struct hk_lock *lock)
{
    /* Sections are short: most waits end before a system call would have begun. */
    for (int spin = 0; spin < 64; spin++) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
        if (atomic_load_explicit(&lock->state, memory_order_relaxed) == 0 && hk_lock_try(lock))
            return;
    }
    while (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire) != 0)
        hk_os_futex_wait(&lock->state, 2);
}

/* A thread that has the lock already comes from a signal handler that interrupted it and calls exit(), or
 * should not allocate and does. It goes in: what is guarded can be cut at any instant, as a fork cuts it, and
 * waiting would be for ever. */
HK_INLINE void hk_lock_take(struct hk_lock *lock)
{
    if (HK_UNLIKELY(!hk_lock_try(lock))) {
        if (atomic_load_explicit(&lock->holder, memory_order_relaxed) == &hk_lock_self) {
            lock->nested++;
            return;
        }
        hk_lock_wait(lock);
        atomic_store_explicit(&lock->holder, &hk_lock_self, memory_order_relaxed);
    }
}

HK_INLINE void hk_lock_drop(struct hk_lock *lock)
{
    if (HK_UNLIKELY(lock->nested != 0)) {
        lock->nested--;
        return;
    }
    atomic_store_explicit(&lock->holder, NULL, memory_order_relaxed);
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2)
        hk_os_futex_wake(&lock->state, 1);
}

#endif
