/*
 * tuned_values.c - see tuned_values.h.
 *
 * Defaults as measured (docs/design.md): bins of 128 blocks or 64 KiB but never under 16 blocks, batches of
 * half of that.
 */
#include "lib/base/tuned_values.h"

#include "lib/base/start_data.h"

#define LIMIT_BYTES    8192 /* a bin begins with this much, */
#define LIMIT_MIN      8    /* at least so many blocks, */
#define LIMIT_MAX      32   /* at most so many */
#define BIN_MIN_BLOCKS 16
#define START_BYTES    1024
#define START_MAX      8
#define MOST_BLOCKS    8192 /* in any of the 16-bit parameters */

#define DEFAULT(name, type, unit, min, max, dflt, ...) [HK_TUNE_##name] = (dflt),
hk_au64 hk_params[HK_TUNABLES] = {
#define HK_TUNABLE DEFAULT
#include "shm/tunables.def"
};

struct hk_bin_params hk_bin_params[HK_CLASSES] HK_EARLY;

static uint64_t at_least(uint64_t n, uint64_t low)
{
    return n > low ? n : low;
}

static uint64_t at_most(uint64_t n, uint64_t high)
{
    return n < high ? n : high;
}

static uint64_t cap_of(unsigned size_class, uint64_t cap_blocks, uint64_t cap_bytes)
{
    return at_most(cap_blocks, at_least(cap_bytes / hk_classes[size_class].bytes, BIN_MIN_BLOCKS));
}

unsigned hk_params_default_batch(unsigned size_class)
{
    static const uint64_t dflt[HK_TUNABLES] = {
#define HK_TUNABLE DEFAULT
#include "shm/tunables.def"
    };
    return (unsigned)cap_of(size_class, dflt[HK_TUNE_bin_cap], dflt[HK_TUNE_bin_bytes]) / 2;
}

static void store(hk_au16 *param, uint64_t value)
{
    atomic_store_explicit(param, (uint16_t)at_most(value, MOST_BLOCKS), memory_order_relaxed);
}

void hk_params_derive(const uint64_t class_batch[HK_CLASSES])
{
    uint64_t percent = hk_param(HK_TUNE_refill_batch);
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        uint64_t bytes = hk_classes[c].bytes;
        uint64_t cap = cap_of(c, hk_param(HK_TUNE_bin_cap), hk_param(HK_TUNE_bin_bytes));
        uint64_t batch = class_batch[c] != 0 ? class_batch[c] : hk_params_default_batch(c) * percent / 100;
        batch = at_least(at_most(batch, cap), 1);
        uint64_t limit = at_most(at_least(LIMIT_BYTES / bytes, LIMIT_MIN), LIMIT_MAX);
        store(&hk_bin_params[c].batch, batch);
        store(&hk_bin_params[c].cap, cap);
        store(&hk_bin_params[c].limit, at_most(limit, cap));
        store(&hk_bin_params[c].start, at_most(batch, at_least(at_most(START_BYTES / bytes, START_MAX), 1)));
    }
}
