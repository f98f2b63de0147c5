/*
 * value.h - tunables as text: "refill_batch=200", "refill_batch.256=64", "retain_bytes=64MiB".
 *
 * Used wherever a person writes a tunable: HAKMEM_TUNE, /etc/hakmem/tune, policies, hakmemctl. Pure,
 * thread-safe, calls nothing that allocates.
 */
#ifndef HAKMEM_SHM_VALUE_H
#define HAKMEM_SHM_VALUE_H

#include "shm/schema.h"

enum hk_value_error {
    HK_VALUE_OK = 0,
    HK_VALUE_NO_NAME = 1,    /* no tunable of that name */
    HK_VALUE_NO_CLASS = 2,   /* the size after the dot is no size class */
    HK_VALUE_NOT_NUMBER = 3, /* neither a number with a unit that fits, nor one of the choices */
    HK_VALUE_RANGE = 4,
};

/* Index of the value that a name means, or -1 with *error set. classes/class_count: the size classes of
 * the process it is meant for; with class_count 0 a per-class name is not accepted. */
int hk_value_find(const char *name, size_t len, const uint32_t *classes, unsigned class_count,
                  enum hk_value_error *error);

/* Reads a value for the tunable: a whole number, with an optional unit: for BYTES k, m, g, t, also with
 * iB or B behind (all powers of 1024), for PERCENT %, for MILLISECONDS ms, s, min; or a choice's word.
 * On RANGE *out holds the number read. */
enum hk_value_error hk_value_parse(const struct hk_tunable_info *tunable, const char *text, size_t len,
                                   uint64_t *out);

/* Word of a CHOICE value into buf, NULL if out of range. */
const char *hk_value_choice(const struct hk_tunable_info *tunable, uint64_t value, char *buf, size_t size);

/* Name of the value at an index, with ".SIZE" for per-class ones; returns buf. */
const char *hk_value_name(unsigned value_index, const uint32_t *classes, unsigned class_count, char *buf,
                          size_t size);

/* Names nearest to a misspelt one (shm/nearest.h says what is near): up to max plain or per-class tunables,
 * best first, into out. Returns how many. */
unsigned hk_value_nearest(const char *name, size_t len, const char **out, unsigned max);

/* One sentence on what is wrong with name=text, naming range, choices or nearest names; returns buf.
 * Ends without a full stop or newline. */
const char *hk_value_explain(enum hk_value_error error, const char *name, size_t name_len, const char *text,
                             size_t text_len, char *buf, size_t size);

#endif
