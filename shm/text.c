/* text.c - see text.h. */
#include "shm/text.h"

#include <string.h>

void hk_text_add_n(struct hk_text *t, const char *s, size_t n)
{
    size_t room = t->size - 1 - t->len;
    if (n > room)
        n = room;
    memcpy(t->buf + t->len, s, n);
    t->len += n;
    t->buf[t->len] = '\0';
}

void hk_text_add(struct hk_text *t, const char *s)
{
    hk_text_add_n(t, s, strlen(s));
}

static void add_base(struct hk_text *t, uint64_t v, unsigned base)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v != 0);
    hk_text_add_n(t, digits + at, sizeof digits - at);
}

void hk_text_add_u64(struct hk_text *t, uint64_t v)
{
    add_base(t, v, 10);
}

void hk_text_add_hex(struct hk_text *t, uint64_t v)
{
    hk_text_add(t, "0x");
    add_base(t, v, 16);
}

void hk_text_field(char *field, size_t size, const char *src, size_t n)
{
    if (n > size - 1)
        n = size - 1;
    memcpy(field, src, n);
    memset(field + n, 0, size - n);
}
