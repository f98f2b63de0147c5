/*
 * tuning_page.h - the sequence lock over a tuning page's values.
 *
 * One writer (the daemon), any number of readers (a family's processes). The reader never waits and
 * never trusts: it tries a bounded number of times, and what it gets are words to be clamped.
 * Protocol: H.-J. Boehm, "Can Seqlocks Get Along With Programming Language Memory Models?" (MSPC 2012),
 * with every word an atomic.
 */
#ifndef HAKMEM_SHM_TUNING_PAGE_H
#define HAKMEM_SHM_TUNING_PAGE_H

#include <stdbool.h>

#include "shm/layout.h"

struct hk_tuning_value {
    uint64_t value;
    uint32_t life_s;
    uint16_t source;
    bool set;
};

/* A consistent copy of the values under the lock. */
struct hk_tuning_copy {
    uint64_t generation;
    struct hk_tuning_value values[HK_VALUES];
};

/* Fills in the parts of a fresh page that the process owes the daemon. */
void hk_tuning_page_init(struct hk_tuning_page *page);

/* Writes generation and values, then counts the epoch up. Not thread-safe among writers. */
void hk_tuning_page_publish(struct hk_tuning_page *page, const struct hk_tuning_copy *copy);

/* Copies the values; false if the writer was in the middle at each of a few attempts. */
bool hk_tuning_page_read(const struct hk_tuning_page *page, struct hk_tuning_copy *out);

#endif
