/* quantity.c - see quantity.h. */
#include "ctl/base/quantity.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "shm/schema.h"

#define NOTHING ((struct hk_quantity_text){"-"})

static const char *const byte_units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};

static bool unusable(double v)
{
    return !isfinite(v) || v < 0;
}

/* Whether v, printed with so many decimals, would read as much as base: 1023.96 with one is "1024.0". */
static bool reads_as(double v, int decimals, double base)
{
    return v >= base - (decimals ? 0.05 : 0.5);
}

/* v in the first of seven units in which it reads as less than base, the plain one as far as keep. */
static struct hk_quantity_text scaled(double v, double base, double keep, const char *const units[7],
                                      const char *behind)
{
    struct hk_quantity_text num;
    unsigned i = 0;
    int decimals = 0;
    if (v < 10 && v != floor(v))
        decimals = v < 0.1 ? 2 : 1;
    while (i < 6 && reads_as(v, decimals, i == 0 ? keep : base)) {
        v /= base;
        i++;
        decimals = v < 99.95 ? 1 : 0;
    }
    const char *space = units[i][0] || behind[0] ? " " : "";
    snprintf(num.s, sizeof num.s, "%.*f%s%s%s", decimals, v, space, units[i], behind);
    return num;
}

struct hk_quantity_text hk_quantity_bytes(double bytes)
{
    return unusable(bytes) ? NOTHING : scaled(floor(bytes), 1024, 1024, byte_units, "");
}

struct hk_quantity_text hk_quantity_count(double count)
{
    return unusable(count) ? NOTHING : scaled(floor(count), 1000, 10000, prefixes, "");
}

struct hk_quantity_text hk_quantity_rate(double per_second)
{
    return unusable(per_second) ? NOTHING : scaled(per_second, 1000, 1000, prefixes, "/s");
}

struct hk_quantity_text hk_quantity_byte_rate(double per_second)
{
    return unusable(per_second) ? NOTHING : scaled(floor(per_second), 1024, 1024, byte_units, "/s");
}

struct hk_quantity_text hk_quantity_plain(double number)
{
    struct hk_quantity_text num;
    if (unusable(number))
        return NOTHING;
    snprintf(num.s, sizeof num.s, "%.0f", number);
    return num;
}

/* One for what is small and not whole. */
static int decimals_of(double v, bool divisible)
{
    return divisible && v < 9.95 && fabs(v - round(v)) >= 0.05 ? 1 : 0;
}

struct hk_quantity_text hk_quantity_duration(double ms)
{
    static const struct {
        const char *unit;
        double ms, until; /* until: in this unit */
    } steps[] = {
        {"ms", 1, 1000}, {"s", 1e3, 60}, {"min", 60e3, 60}, {"h", 3600e3, 48}, {"d", 86400e3, INFINITY}};
    struct hk_quantity_text num;
    unsigned i = ms == 0; /* nothing is "0 s": most durations are whole seconds */
    if (unusable(ms))
        return NOTHING;
    while (i + 1 < HK_COUNT_OF(steps) &&
           reads_as(ms / steps[i].ms, decimals_of(ms / steps[i].ms, i > 0), steps[i].until))
        i++;
    double v = ms / steps[i].ms;
    snprintf(num.s, sizeof num.s, "%.*f %s", decimals_of(v, i > 0), v, steps[i].unit);
    return num;
}

unsigned hk_quantity_byte_scale(double largest)
{
    unsigned scale = 0;
    while (scale + 1 < HK_COUNT_OF(byte_units) && largest >= 10 * 1024) {
        largest /= 1024;
        scale++;
    }
    return scale;
}

struct hk_quantity_text hk_quantity_bytes_at(double bytes, unsigned scale)
{
    struct hk_quantity_text num;
    if (unusable(bytes))
        return NOTHING;
    for (unsigned i = 0; i < scale; i++)
        bytes /= 1024;
    snprintf(num.s, sizeof num.s, "%.*f %s", scale ? 2 : 0, bytes, byte_units[scale]);
    return num;
}

struct hk_quantity_text hk_quantity_exact(double value, const char *unit)
{
    struct hk_quantity_text num;
    unsigned i = 0;
    if (unusable(value))
        return NOTHING;
    if (strcmp(unit, hk_unit_name(HK_UNIT_BYTES)) == 0) {
        for (; value > 0 && fmod(value, 1024) == 0 && i + 1 < HK_COUNT_OF(byte_units); i++)
            value /= 1024;
        snprintf(num.s, sizeof num.s, "%.0f %s", value, byte_units[i]);
    } else if (strcmp(unit, hk_unit_name(HK_UNIT_MILLISECONDS)) == 0) {
        bool seconds = value > 0 && fmod(value, 1000) == 0;
        snprintf(num.s, sizeof num.s, "%.0f %s", seconds ? value / 1000 : value, seconds ? "s" : "ms");
    } else if (strcmp(unit, hk_unit_name(HK_UNIT_PERCENT)) == 0) {
        snprintf(num.s, sizeof num.s, "%.0f %%", value);
    } else {
        return hk_quantity_plain(value);
    }
    return num;
}

static bool ends(const char *key, size_t len, const char *tail)
{
    size_t n = strlen(tail);
    return len >= n && memcmp(key + len - n, tail, n) == 0;
}

struct hk_quantity_text hk_quantity_by_key(const char *key, double value)
{
    size_t len = strlen(key);
    if (ends(key, len, "_per_s")) {
        bool bytes = ends(key, len - strlen("_per_s"), "_bytes");
        return bytes ? hk_quantity_byte_rate(value) : hk_quantity_rate(value);
    }
    if (ends(key, len, "_total"))
        len -= strlen("_total");
    if (ends(key, len, "_bytes"))
        return hk_quantity_bytes(value);
    if (ends(key, len, "_ms"))
        return hk_quantity_duration(value);
    if (ends(key, len, "_ns"))
        return hk_quantity_duration(value / 1e6);
    if (ends(key, len, "_s"))
        return hk_quantity_duration(value * 1000);
    return hk_quantity_count(value);
}

/* Digits with an optional fraction; where they end. NULL if there are none. */
static const char *read_decimal(const char *text, double *out)
{
    double v = 0, place = 1;
    bool any = false;
    for (; *text >= '0' && *text <= '9'; text++, any = true)
        v = v * 10 + (*text - '0');
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++, any = true)
            v += (*text - '0') * (place /= 10);
    }
    *out = v;
    return any ? text : NULL;
}

bool hk_quantity_parse_duration(const char *text, double *ms)
{
    static const struct {
        const char *word;
        double ms;
    } units[] = {{"", 1e3}, {"s", 1e3}, {"ms", 1}, {"min", 60e3}, {"h", 3600e3}, {"d", 86400e3}};
    double v;
    const char *end = read_decimal(text, &v);
    for (unsigned i = 0; end && i < HK_COUNT_OF(units); i++) {
        if (strcmp(end, units[i].word) == 0) {
            *ms = v * units[i].ms;
            return true;
        }
    }
    return false;
}
