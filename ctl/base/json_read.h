/*
 * json_read.h - reading members of what the daemon sent, and printing it again.
 *
 * Nothing sent is trusted to be of the right type: what is missing or of another type reads as the
 * alternative named here. Knows no method.
 */
#ifndef HAKMEM_CTL_BASE_JSON_READ_H
#define HAKMEM_CTL_BASE_JSON_READ_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

/* Member of an object, NULL if there is none; object may be NULL. */
const cJSON *hk_json_get_member(const cJSON *object, const char *key);
/* A number; NAN where it is none (units show that as "-"). */
double hk_json_get_number(const cJSON *object, const char *key);
/* A string; NULL where it is none. Owned by the object. */
const char *hk_json_get_string(const cJSON *object, const char *key);
bool hk_json_get_true(const cJSON *object, const char *key);

/* Members of an object, elements of an array; 0 of anything else. */
unsigned hk_json_count(const cJSON *container);

enum hk_json_form { HK_JSON_NONE = 0, HK_JSON_COMPACT, HK_JSON_PRETTY };

/* Prints a value and a newline. Whole numbers up to 2^53 keep all their digits, which cJSON's own printer
 * does not promise: value is changed to that end and good for nothing but printing afterwards. */
void hk_json_print(FILE *out, cJSON *value, enum hk_json_form form);

#endif
