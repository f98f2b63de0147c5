/*
 * json_writer.h - JSON written straight into a growing buffer.
 *
 * Requests are parsed with cJSON; answers are not built with it, for two reasons: a number there is a
 * double, so counters beyond 2^53 would come out wrong, and an answer on a thousand processes is some
 * hundred thousand nodes, which take fifty times as long to make and print as the text itself. Strings
 * come from other processes: what is not UTF-8 in them becomes U+FFFD.
 *
 * In every function key is the member's name, or NULL for an item of an array and for the whole. The
 * caller sees to the nesting. Pure.
 */
#ifndef HAKMEM_DAEMON_CONTROL_JSON_WRITER_H
#define HAKMEM_DAEMON_CONTROL_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hk_json {
    char *text;
    size_t len, size;
    bool follows; /* the next item needs a comma in front */
};

void hk_json_free(struct hk_json *json);

/* Hands the text over, NUL-terminated, to be freed; the writer is empty afterwards. */
char *hk_json_take(struct hk_json *json, size_t *len);

void hk_json_object(struct hk_json *json, const char *key);
void hk_json_end_object(struct hk_json *json);
void hk_json_array(struct hk_json *json, const char *key);
void hk_json_end_array(struct hk_json *json);

void hk_json_u64(struct hk_json *json, const char *key, uint64_t v);
void hk_json_i64(struct hk_json *json, const char *key, int64_t v);
void hk_json_double(struct hk_json *json, const char *key, double v); /* shortest that reads back */
void hk_json_rate(struct hk_json *json, const char *key, double v);   /* one decimal, never negative */
void hk_json_bool(struct hk_json *json, const char *key, bool v);
void hk_json_null(struct hk_json *json, const char *key);
void hk_json_string(struct hk_json *json, const char *key, const char *s); /* NULL gives null */
void hk_json_string_n(struct hk_json *json, const char *key, const char *s, size_t len);

/* Text that is JSON already. */
void hk_json_raw(struct hk_json *json, const char *key, const char *text, size_t len);

/* Bytes of the UTF-8 character at s, of which len bytes may be read; 0 if it is none. */
unsigned hk_utf8_length(const char *s, size_t len);

#endif
