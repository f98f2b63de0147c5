/* json_writer.c - see json_writer.h. */
#include "daemon/control/json_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/checked_alloc.h"

#define FIRST_SIZE 512

static char *room(struct hk_json *json, size_t n)
{
    if (json->size - json->len < n) {
        size_t size = json->size ? json->size : FIRST_SIZE;
        while (size - json->len < n)
            size *= 2;
        json->text = hk_realloc(json->text, size, 1);
        json->size = size;
    }
    return json->text + json->len;
}

static void add(struct hk_json *json, const char *s, size_t n)
{
    memcpy(room(json, n), s, n);
    json->len += n;
}

static void add_char(struct hk_json *json, char c)
{
    *room(json, 1) = c;
    json->len++;
}

void hk_json_free(struct hk_json *json)
{
    free(json->text);
    *json = (struct hk_json){0};
}

char *hk_json_take(struct hk_json *json, size_t *len)
{
    *room(json, 1) = '\0';
    char *text = json->text;
    *len = json->len;
    *json = (struct hk_json){0};
    return text;
}

/* Characters that a byte starts and that need no escape are copied whole. */
unsigned hk_utf8_length(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    static const struct {
        unsigned char low, high, second_low, second_high, length;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    if (len == 0)
        return 0;
    if (u[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (u[0] < forms[i].low || u[0] > forms[i].high)
            continue;
        unsigned n = forms[i].length;
        if (len < n || u[1] < forms[i].second_low || u[1] > forms[i].second_high)
            return 0;
        for (unsigned k = 2; k < n; k++) {
            if (u[k] < 0x80 || u[k] > 0xbf)
                return 0;
        }
        return n;
    }
    return 0;
}

static void add_escaped(struct hk_json *json, unsigned char c)
{
    static const char letters[] = "btn?fr"; /* of 8 to 13 */
    char text[8];
    if (c == '"' || c == '\\')
        snprintf(text, sizeof text, "\\%c", c);
    else if (c >= 8 && c <= 13 && c != 11)
        snprintf(text, sizeof text, "\\%c", letters[c - 8]);
    else
        snprintf(text, sizeof text, "\\u%04x", c);
    add(json, text, strlen(text));
}

static void add_quoted(struct hk_json *json, const char *s, size_t len)
{
    add_char(json, '"');
    size_t i = 0;
    while (i < len) {
        unsigned char c = (unsigned char)s[i];
        unsigned n = hk_utf8_length(s + i, len - i);
        if (n == 0)
            add(json, "\xef\xbf\xbd", 3);
        else if (n == 1 && (c < ' ' || c == '"' || c == '\\' || c == 0x7f))
            add_escaped(json, c);
        else
            add(json, s + i, n);
        i += n ? n : 1;
    }
    add_char(json, '"');
}

/* The comma and the key in front of an item. */
static void begin(struct hk_json *json, const char *key)
{
    if (json->follows)
        add_char(json, ',');
    json->follows = true;
    if (key) {
        add_quoted(json, key, strlen(key));
        add_char(json, ':');
    }
}

static void open_with(struct hk_json *json, const char *key, char c)
{
    begin(json, key);
    add_char(json, c);
    json->follows = false;
}

static void close_with(struct hk_json *json, char c)
{
    add_char(json, c);
    json->follows = true;
}

void hk_json_object(struct hk_json *json, const char *key)
{
    open_with(json, key, '{');
}

void hk_json_end_object(struct hk_json *json)
{
    close_with(json, '}');
}

void hk_json_array(struct hk_json *json, const char *key)
{
    open_with(json, key, '[');
}

void hk_json_end_array(struct hk_json *json)
{
    close_with(json, ']');
}

static void add_digits(struct hk_json *json, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    add(json, digits + at, sizeof digits - at);
}

void hk_json_u64(struct hk_json *json, const char *key, uint64_t v)
{
    begin(json, key);
    add_digits(json, v);
}

void hk_json_i64(struct hk_json *json, const char *key, int64_t v)
{
    begin(json, key);
    if (v < 0)
        add_char(json, '-');
    add_digits(json, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void hk_json_double(struct hk_json *json, const char *key, double v)
{
    char text[32];
    begin(json, key);
    if (!isfinite(v)) {
        add(json, "null", 4);
        return;
    }
    snprintf(text, sizeof text, "%.15g", v);
    if (strtod(text, NULL) != v)
        snprintf(text, sizeof text, "%.17g", v);
    add(json, text, strlen(text));
}

void hk_json_rate(struct hk_json *json, const char *key, double v)
{
    begin(json, key);
    if (!(v > 0)) {
        add_char(json, '0');
        return;
    }
    uint64_t tenths = v < 1e17 ? (uint64_t)(v * 10 + 0.5) : (uint64_t)1e18;
    add_digits(json, tenths / 10);
    if (tenths % 10) {
        add_char(json, '.');
        add_char(json, (char)('0' + tenths % 10));
    }
}

void hk_json_bool(struct hk_json *json, const char *key, bool v)
{
    hk_json_raw(json, key, v ? "true" : "false", v ? 4 : 5);
}

void hk_json_null(struct hk_json *json, const char *key)
{
    hk_json_raw(json, key, "null", 4);
}

void hk_json_string(struct hk_json *json, const char *key, const char *s)
{
    if (s)
        hk_json_string_n(json, key, s, strlen(s));
    else
        hk_json_null(json, key);
}

void hk_json_string_n(struct hk_json *json, const char *key, const char *s, size_t len)
{
    begin(json, key);
    add_quoted(json, s, len);
}

void hk_json_raw(struct hk_json *json, const char *key, const char *text, size_t len)
{
    begin(json, key);
    add(json, text, len);
}
