/*
 * quantity.h - numbers as people read them, and times as people write them.
 *
 * Bytes count in powers of 1024 (KiB, MiB), everything else in powers of 1000 (k, M). At most four digits
 * and a unit. Pure; knows neither JSON nor tables.
 */
#ifndef HAKMEM_CTL_BASE_QUANTITY_H
#define HAKMEM_CTL_BASE_QUANTITY_H

#include <stdbool.h>

#include "shm/base.h"

/* Text by value, so that it can be used where it is made: printf("%s", hk_quantity_bytes(n).s). */
struct hk_quantity_text {
    char s[32];
};

/* What is not a number, or is negative, reads "-" in each of these. */
struct hk_quantity_text hk_quantity_bytes(double bytes);          /* "640 B", "1.2 MiB", "812 MiB" */
struct hk_quantity_text hk_quantity_count(double count);          /* "9999", "12.3 k", "3.4 M" */
struct hk_quantity_text hk_quantity_rate(double per_second);      /* "0.4 /s", "12 /s", "3.4 M/s" */
struct hk_quantity_text hk_quantity_byte_rate(double per_second); /* "1.2 MiB/s" */
struct hk_quantity_text hk_quantity_duration(double ms);  /* "850 ms", "12 s", "3.4 min", "5 h", "12 d" */
struct hk_quantity_text hk_quantity_plain(double number); /* a pid, a generation: all its digits */

/* The unit in which a column that adds up to `largest` is best read, its small parts too, for
 * hk_quantity_bytes_at(). */
unsigned hk_quantity_byte_scale(double largest);
/* In that unit, with two decimals (none for bytes), so that a sum can be followed: "812.40 MiB". */
struct hk_quantity_text hk_quantity_bytes_at(double bytes, unsigned scale);

/* A value with nothing rounded away, in the largest unit that divides it: "64 KiB", "1500 ms", "5 %".
 * unit: a word of hk_unit_name(); of another one the bare number is given. */
struct hk_quantity_text hk_quantity_exact(double value, const char *unit);

/* The figure as its key says what it is: _bytes, _per_s, _total, _ms, _s, _ns; else a count. */
struct hk_quantity_text hk_quantity_by_key(const char *key, double value);

/* Reads "2", "0.5", "500ms", "2s", "10min", "1h", "7d" (seconds where no unit is given) into *ms. False if
 * it is no such thing. */
bool hk_quantity_parse_duration(const char *text, double *ms);

#endif
