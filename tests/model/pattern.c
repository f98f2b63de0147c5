/* pattern.c - see pattern.h. */
#include "tests/model/pattern.h"

#include <string.h>

#include "tests/model/random.h"

#define WORD        sizeof(uint64_t)
#define SHORT_WORDS 512 /* all of them are looked at */
#define END_WORDS   32
#define STEP        509  /* words: not quite a page */
#define LONG_STEP   8209 /* words: not quite a slab; those of more than LONG_WORDS stay mostly untouched */
#define LONG_WORDS  ((size_t)1 << 17)
#define WHOLE_MOST  ((size_t)1 << 18)

static uint64_t word_at(const struct block *b, size_t i)
{
    return mixed(b->seed + i);
}

/* The next word that is looked at after i, of so many. */
static size_t next_place(const struct block *b, size_t i, size_t words)
{
    if (words <= SHORT_WORDS || (b->whole && words <= WHOLE_MOST) || i + 1 < END_WORDS ||
        i + END_WORDS >= words)
        return i + 1;
    size_t next = i + (words > LONG_WORDS ? LONG_STEP : STEP);
    return next + END_WORDS < words ? next : words - END_WORDS;
}

void pattern_fill(const struct block *b)
{
    size_t words = b->usable / WORD;
    for (size_t i = 0; i < words; i = next_place(b, i, words)) {
        uint64_t v = word_at(b, i);
        memcpy(b->p + i * WORD, &v, WORD);
    }
    uint64_t last = word_at(b, words);
    memcpy(b->p + words * WORD, &last, b->usable % WORD);
}

/* The first byte of two words, or parts of such, that differs. */
static size_t difference(const unsigned char *a, const unsigned char *b, size_t n)
{
    size_t i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

static void check_word(const struct block *b, const unsigned char *p, size_t i, size_t n, const char *what)
{
    uint64_t should = word_at(b, i), is;
    memcpy(&is, p + i * WORD, n);
    size_t at = difference((unsigned char *)&should, (unsigned char *)&is, n);
    if (at < n)
        violation(b, i * WORD + at, "%s (it reads %02x, should be %02x; now at %p)", what,
                  ((unsigned char *)&is)[at], ((unsigned char *)&should)[at], (const void *)p);
}

void pattern_check(const struct block *b, const unsigned char *p, size_t bytes, const char *what)
{
    size_t words = b->usable / WORD;
    for (size_t i = 0; i < words && (i + 1) * WORD <= bytes; i = next_place(b, i, words))
        check_word(b, p, i, WORD, what);
    if (bytes >= b->usable && b->usable % WORD != 0)
        check_word(b, p, words, b->usable % WORD, what);
}

void pattern_check_zero(const struct block *b)
{
    size_t words = b->size / WORD, i;
    size_t step = words > LONG_WORDS ? 61 : 1;
    for (i = 0; i < words; i += step) {
        uint64_t is;
        memcpy(&is, b->p + i * WORD, WORD);
        if (is != 0)
            violation(b, i * WORD, "calloc's memory is not zero");
    }
    for (i = words * WORD; i < b->size; i++) {
        if (b->p[i] != 0)
            violation(b, i, "calloc's memory is not zero");
    }
}
