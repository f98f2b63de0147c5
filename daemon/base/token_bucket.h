/*
 * token_bucket.h - how often something may happen: a token bucket. Pure.
 */
#ifndef HAKMEM_DAEMON_BASE_TOKEN_BUCKET_H
#define HAKMEM_DAEMON_BASE_TOKEN_BUCKET_H

#include <stdbool.h>

#include "daemon/base/clock.h"

/* All zero is a full bucket. */
struct hk_bucket {
    double spent; /* tokens taken and not yet refilled */
    uint64_t at_ns;
};

HK_INLINE void hk_bucket_refill(struct hk_bucket *bucket, double per_s, uint64_t now_ns)
{
    double back = now_ns > bucket->at_ns ? (double)(now_ns - bucket->at_ns) / 1e9 * per_s : 0;
    bucket->spent = bucket->spent > back ? bucket->spent - back : 0;
    bucket->at_ns = now_ns;
}

/* Takes cost tokens from a bucket of size burst that refills by per_s a second; false, and nothing
 * taken, if it is empty. A cost above what is left is granted as long as anything is left. */
HK_INLINE bool hk_bucket_take(struct hk_bucket *bucket, double per_s, double burst, double cost,
                              uint64_t now_ns)
{
    hk_bucket_refill(bucket, per_s, now_ns);
    if (bucket->spent + 1 > burst)
        return false;
    bucket->spent += cost;
    return true;
}

#endif
