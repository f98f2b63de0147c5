/*
 * tuned_values.h - the tunables in force, and what the slow path reads of them.
 *
 * Written when tuning is applied (lib/tuning/control.c), read on slow paths, each value on its own with a
 * relaxed load: all are clamped to compiled-in bounds before they get here, and no code relies on two of them
 * agreeing.
 */
#ifndef HAKMEM_LIB_BASE_TUNED_VALUES_H
#define HAKMEM_LIB_BASE_TUNED_VALUES_H

#include <stdbool.h>

#include "lib/base/geometry.h"
#include "lib/base/size_class.h"
#include "shm/layout.h"

/* Values of the tunable thp, in the order of its names. */
enum hk_thp { HK_THP_OFF, HK_THP_MADVISE, HK_THP_LARGE };

struct hk_bin_params {
    hk_au16 batch; /* blocks a refill takes at most */
    hk_au16 cap;   /* blocks a bin may hold */
    hk_au16 limit; /* blocks it may hold before it has proved that it needs more */
    hk_au16 start; /* blocks the first refill takes */
};

/* A tunable's value, and who set it. */
struct hk_setting {
    uint64_t value;
    uint8_t source; /* enum hk_source */
    bool set;
};

extern hk_au64 hk_params[HK_TUNABLES] HK_HIDDEN;
extern struct hk_bin_params hk_bin_params[HK_CLASSES] HK_HIDDEN;

HK_INLINE uint64_t hk_param(enum hk_tunable_id id)
{
    return atomic_load_explicit(&hk_params[id], memory_order_relaxed);
}

/* Computes the bins' parameters from hk_params and the per-class batches (0: by the percentage). */
void hk_params_derive(const uint64_t class_batch[HK_CLASSES]);

/* Batch of a class, in blocks, that 100 percent stands for. */
unsigned hk_params_default_batch(unsigned size_class);

#endif
