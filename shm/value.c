/* value.c - see value.h. */
#include "shm/value.h"

#include <string.h>

#include "shm/nearest.h"
#include "shm/text.h"

static bool same_word(const char *word, const char *text, size_t len)
{
    return strlen(word) == len && memcmp(word, text, len) == 0;
}

/* Decimal digits to a number. Returns how many characters were digits; overflow gives UINT64_MAX. */
static size_t read_digits(const char *text, size_t len, uint64_t *out)
{
    uint64_t v = 0;
    size_t i = 0;
    for (; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        unsigned digit = (unsigned)(text[i] - '0');
        v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
    }
    *out = v;
    return i;
}

int hk_value_find(const char *name, size_t len, const uint32_t *classes, unsigned class_count,
                  enum hk_value_error *error)
{
    *error = HK_VALUE_OK;
    for (unsigned i = 0; i < HK_TUNABLES; i++) {
        if (same_word(hk_tunables[i].name, name, len))
            return (int)i;
    }
    const char *dot = memchr(name, '.', len);
    for (unsigned i = 0; dot && i < HK_CLASS_TUNABLES; i++) {
        if (!same_word(hk_class_tunables[i].name, name, (size_t)(dot - name)))
            continue;
        uint64_t bytes;
        size_t digits_len = len - (size_t)(dot + 1 - name);
        bool whole = digits_len > 0 && read_digits(dot + 1, digits_len, &bytes) == digits_len;
        for (unsigned c = 0; whole && c < class_count && c < HK_MAX_CLASSES; c++) {
            if (classes[c] == bytes)
                return (int)hk_class_value_index(i, c);
        }
        *error = HK_VALUE_NO_CLASS;
        return -1;
    }
    *error = HK_VALUE_NO_NAME;
    return -1;
}

/* The i-th word of a comma-separated list, NULL past the end. */
static const char *choice_at(const char *choices, uint64_t i, size_t *len)
{
    if (choices[0] == '\0')
        return NULL;
    for (;;) {
        const char *comma = strchr(choices, ',');
        *len = comma ? (size_t)(comma - choices) : strlen(choices);
        if (i == 0)
            return choices;
        if (!comma)
            return NULL;
        choices = comma + 1;
        i--;
    }
}

static bool same_word_nocase(const char *word, const char *text, size_t len)
{
    for (; len > 0 && *word != '\0'; word++, text++, len--) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
        if (c != *word)
            return false;
    }
    return len == 0 && *word == '\0';
}

/* What may follow a number. written: how messages write the unit; NULL where another word does. */
static const struct {
    uint8_t unit;
    const char *word;
    uint64_t factor;
    const char *written;
} units[] = {
    {HK_UNIT_BYTES, "b", 1, NULL},
    {HK_UNIT_BYTES, "k", HK_KIB, NULL},
    {HK_UNIT_BYTES, "kb", HK_KIB, NULL},
    {HK_UNIT_BYTES, "kib", HK_KIB, "KiB"},
    {HK_UNIT_BYTES, "m", HK_MIB, NULL},
    {HK_UNIT_BYTES, "mb", HK_MIB, NULL},
    {HK_UNIT_BYTES, "mib", HK_MIB, "MiB"},
    {HK_UNIT_BYTES, "g", HK_GIB, NULL},
    {HK_UNIT_BYTES, "gb", HK_GIB, NULL},
    {HK_UNIT_BYTES, "gib", HK_GIB, "GiB"},
    {HK_UNIT_BYTES, "t", HK_TIB, NULL},
    {HK_UNIT_BYTES, "tb", HK_TIB, NULL},
    {HK_UNIT_BYTES, "tib", HK_TIB, "TiB"},
    {HK_UNIT_PERCENT, "%", 1, "%"},
    {HK_UNIT_MILLISECONDS, "ms", 1, "ms"},
    {HK_UNIT_MILLISECONDS, "s", 1000, "s"},
    {HK_UNIT_MILLISECONDS, "min", 60000, "min"},
};

/* What a unit multiplies by; 0 if it is none of this kind. */
static uint64_t unit_factor(unsigned unit, const char *text, size_t len)
{
    if (len == 0)
        return 1;
    for (unsigned i = 0; i < HK_COUNT_OF(units); i++) {
        if (units[i].unit == unit && same_word_nocase(units[i].word, text, len))
            return units[i].factor;
    }
    return 0;
}

enum hk_value_error hk_value_parse(const struct hk_tunable_info *tunable, const char *text, size_t len,
                                   uint64_t *out)
{
    *out = 0;
    if (tunable->type == HK_TYPE_CHOICE) {
        const char *word;
        size_t word_len;
        for (uint64_t i = 0; (word = choice_at(tunable->choices, i, &word_len)) != NULL; i++) {
            if (word_len == len && memcmp(word, text, len) == 0) {
                *out = i;
                return HK_VALUE_OK;
            }
        }
        return HK_VALUE_NOT_NUMBER;
    }
    uint64_t v;
    size_t digits = read_digits(text, len, &v);
    uint64_t factor = unit_factor(tunable->unit, text + digits, len - digits);
    if (digits == 0 || factor == 0)
        return HK_VALUE_NOT_NUMBER;
    *out = v > UINT64_MAX / factor ? UINT64_MAX : v * factor;
    return *out < tunable->min || *out > tunable->max ? HK_VALUE_RANGE : HK_VALUE_OK;
}

const char *hk_value_choice(const struct hk_tunable_info *tunable, uint64_t value, char *buf, size_t size)
{
    size_t len = 0;
    const char *word = choice_at(tunable->choices, value, &len);
    if (!word)
        return NULL;
    struct hk_text t = hk_text_in(buf, size);
    hk_text_add_n(&t, word, len);
    return buf;
}

const char *hk_value_name(unsigned value_index, const uint32_t *classes, unsigned class_count, char *buf,
                          size_t size)
{
    struct hk_text t = hk_text_in(buf, size);
    hk_text_add(&t, hk_value_info(value_index)->name);
    if (value_index >= HK_TUNABLES) {
        unsigned size_class = (value_index - HK_TUNABLES) % HK_MAX_CLASSES;
        hk_text_add(&t, ".");
        if (size_class < class_count)
            hk_text_add_u64(&t, classes[size_class]);
        else
            hk_text_add(&t, "?");
    }
    return buf;
}

unsigned hk_value_nearest(const char *name, size_t len, const char **out, unsigned max)
{
    const char *names[HK_TUNABLES + HK_CLASS_TUNABLES];
    for (unsigned i = 0; i < HK_COUNT_OF(names); i++)
        names[i] = i < HK_TUNABLES ? hk_tunables[i].name : hk_class_tunables[i - HK_TUNABLES].name;
    const char *dot = memchr(name, '.', len);
    return hk_nearest(name, dot ? (size_t)(dot - name) : len, names, HK_COUNT_OF(names), out, max);
}

/* A number in the largest unit that divides it, as it may be typed. */
static void add_number(struct hk_text *t, unsigned unit, uint64_t v)
{
    const char *written = unit == HK_UNIT_PERCENT ? "%" : "";
    uint64_t factor = 1;
    for (unsigned i = 0; i < HK_COUNT_OF(units); i++) {
        bool fits = units[i].unit == unit && units[i].written && v > 0 && v % units[i].factor == 0;
        if (fits && units[i].factor >= factor) {
            factor = units[i].factor;
            written = units[i].written;
        }
    }
    hk_text_add_u64(t, v / factor);
    hk_text_add(t, written);
}

/* The words beside numbers of a unit that is never typed. */
static const char *unit_behind(unsigned unit)
{
    return unit == HK_UNIT_BYTES || unit == HK_UNIT_PERCENT || unit == HK_UNIT_MILLISECONDS ||
                   unit == HK_UNIT_NONE
               ? ""
               : hk_unit_name(unit);
}

static void explain_range(struct hk_text *t, const struct hk_tunable_info *info)
{
    if (info->type == HK_TYPE_CHOICE) {
        hk_text_add(t, "one of ");
        hk_text_add(t, info->choices);
        return;
    }
    const char *behind = unit_behind(info->unit);
    add_number(t, info->unit, info->min);
    hk_text_add(t, "..");
    add_number(t, info->unit, info->max);
    hk_text_add(t, behind[0] ? " " : "");
    hk_text_add(t, behind);
}

static const struct hk_tunable_info *info_by_name(const char *name, size_t len)
{
    const char *dot = memchr(name, '.', len);
    size_t stem = dot ? (size_t)(dot - name) : len;
    for (unsigned i = 0; dot && i < HK_CLASS_TUNABLES; i++) {
        if (same_word(hk_class_tunables[i].name, name, stem))
            return &hk_class_tunables[i];
    }
    for (unsigned i = 0; !dot && i < HK_TUNABLES; i++) {
        if (same_word(hk_tunables[i].name, name, stem))
            return &hk_tunables[i];
    }
    return NULL;
}

#define SHOWN 80 /* characters of what was written that an explanation repeats */

const char *hk_value_explain(enum hk_value_error error, const char *name, size_t name_len, const char *text,
                             size_t text_len, char *buf, size_t size)
{
    struct hk_text t = hk_text_in(buf, size);
    const struct hk_tunable_info *info = info_by_name(name, name_len);
    if (error == HK_VALUE_OK)
        return buf;
    if (error == HK_VALUE_NO_NAME || !info) {
        const char *near[2];
        unsigned n = hk_value_nearest(name, name_len, near, HK_COUNT_OF(near));
        hk_text_add(&t, "no tunable named '");
        hk_text_add_n(&t, name, name_len < SHOWN ? name_len : SHOWN);
        hk_text_add(&t, "'");
        for (unsigned i = 0; i < n; i++) {
            hk_text_add(&t, i == 0 ? "; nearest: " : ", ");
            hk_text_add(&t, near[i]);
        }
        return buf;
    }
    hk_text_add_n(&t, name, name_len < SHOWN ? name_len : SHOWN);
    if (error == HK_VALUE_NO_CLASS) {
        hk_text_add(&t, ": no such size class");
        return buf;
    }
    hk_text_add(&t, ": '");
    hk_text_add_n(&t, text, text_len < SHOWN ? text_len : SHOWN);
    hk_text_add(&t, error == HK_VALUE_RANGE ? "' is out of range, " : "' is not a value, ");
    explain_range(&t, info);
    return buf;
}
