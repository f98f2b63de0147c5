/*
 * clock.h - the clocks the daemon reads, in nanoseconds.
 */
#ifndef HAKMEM_DAEMON_BASE_CLOCK_H
#define HAKMEM_DAEMON_BASE_CLOCK_H

#include <time.h>

#include "shm/base.h"

#define HK_NS_PER_MS UINT64_C(1000000)
#define HK_NS_PER_S  UINT64_C(1000000000)

HK_INLINE uint64_t hk_clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * HK_NS_PER_S + (uint64_t)t.tv_nsec;
}

/* The clock of segments and of everything the daemon waits for. */
HK_INLINE uint64_t hk_now_ns(void)
{
    return hk_clock_ns(CLOCK_MONOTONIC);
}

/* The clock in which /proc gives start times. */
HK_INLINE uint64_t hk_boot_ns(void)
{
    return hk_clock_ns(CLOCK_BOOTTIME);
}

#endif
