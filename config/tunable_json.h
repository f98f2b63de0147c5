/*
 * tunable_json.h - a tunable's name and JSON value, as policies and tune.set write them.
 *
 * Pure, thread-safe.
 */
#ifndef HAKMEM_CONFIG_TUNABLE_JSON_H
#define HAKMEM_CONFIG_TUNABLE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "shm/value.h"

#define HK_TUNABLE_WHY_BYTES 256

/* Checks name and reads its value: a whole number, or a string such as "64MiB", "2s" or "madvise". For a
 * per-class tunable ("refill_batch.256") any size is taken here, since classes differ from library to
 * library. False with one sentence in why. */
bool hk_tunable_from_json(const char *name, const cJSON *item, uint64_t *value, char *why, size_t why_size);

/* Checks a name alone; the same. */
bool hk_tunable_check_name(const char *name, char *why, size_t why_size);

#endif
