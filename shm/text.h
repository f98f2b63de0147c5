/*
 * text.h - building short messages in a fixed buffer.
 *
 * For code that must not allocate and may not use stdio. Always NUL-terminated; what does not fit is cut.
 */
#ifndef HAKMEM_SHM_TEXT_H
#define HAKMEM_SHM_TEXT_H

#include "shm/base.h"

struct hk_text {
    char *buf;
    size_t size; /* of buf, at least 1 */
    size_t len;  /* without the NUL */
};

HK_INLINE struct hk_text hk_text_in(char *buf, size_t size)
{
    buf[0] = '\0';
    return (struct hk_text){.buf = buf, .size = size, .len = 0};
}

void hk_text_add(struct hk_text *t, const char *s);
void hk_text_add_n(struct hk_text *t, const char *s, size_t n);
void hk_text_add_u64(struct hk_text *t, uint64_t v);
void hk_text_add_hex(struct hk_text *t, uint64_t v); /* with 0x */

/* src as a NUL-terminated string into a field of size bytes, the rest zeroed. */
void hk_text_field(char *field, size_t size, const char *src, size_t n);

#endif
