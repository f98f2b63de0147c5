/*
 * random.h - random numbers that follow from the run's seed, a thread's number and an operation's.
 *
 * Each operation has a sequence of its own, so that what one draws does not shift what the next one does.
 */
#ifndef HAKMEM_TESTS_MODEL_RANDOM_H
#define HAKMEM_TESTS_MODEL_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "shm/base.h"

struct dice {
    uint64_t state;
};

/* S. Vigna's splitmix64 finaliser. */
HK_INLINE uint64_t mixed(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

HK_INLINE struct dice dice_for(uint64_t seed, uint64_t thread, uint64_t operation)
{
    return (struct dice){mixed(mixed(mixed(seed) ^ thread) ^ operation)};
}

HK_INLINE uint64_t draw(struct dice *d)
{
    d->state += UINT64_C(0x9e3779b97f4a7c15);
    return mixed(d->state);
}

/* 0..n-1; n is not 0. */
HK_INLINE size_t below(struct dice *d, size_t n)
{
    return (size_t)(draw(d) % n);
}

HK_INLINE int one_in(struct dice *d, size_t n)
{
    return below(d, n) == 0;
}

#endif
