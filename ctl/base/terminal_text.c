/* terminal_text.c - see terminal_text.h. */
#include "ctl/base/terminal_text.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "ctl/base/alloc_or_exit.h"

#define ELLIPSIS "\xe2\x80\xa6"

void hk_terminal_text_init(void)
{
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        setlocale(LC_CTYPE, "en_US.UTF-8");
}

/* Characters that change the direction of what follows; wcwidth() takes them for harmless. */
static bool turns_text(wchar_t c)
{
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* The character at text: its length in bytes (1 for a bad byte), its columns or -1 if not to be shown. */
static size_t next_char(const char *text, size_t len, int *columns)
{
    wchar_t c;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    size_t n = mbrtowc(&c, text, len, &state);
    if (n == 0 || n > len) {
        *columns = -1;
        return 1;
    }
    *columns = turns_text(c) ? -1 : wcwidth(c);
    return n;
}

char *hk_terminal_text_clean(const char *text)
{
    size_t len = text ? strlen(text) : 0, at = 0;
    char *clean = hk_need(malloc(len + 1));
    for (size_t i = 0, n; i < len; i += n) {
        int columns;
        n = next_char(text + i, len - i, &columns);
        if (columns < 0) {
            clean[at++] = '?';
        } else {
            memcpy(clean + at, text + i, n);
            at += n;
        }
    }
    clean[at] = '\0';
    return clean;
}

unsigned hk_terminal_text_width(const char *text)
{
    size_t len = strlen(text);
    unsigned width = 0;
    for (size_t i = 0; i < len;) {
        int columns;
        i += next_char(text + i, len - i, &columns);
        width += columns < 0 ? 1 : (unsigned)columns;
    }
    return width;
}

/* Bytes at the beginning of a text that take at most width columns. */
static size_t fitting(const char *text, unsigned width)
{
    size_t len = strlen(text), end = 0;
    unsigned taken = 0;
    while (end < len) {
        int columns;
        size_t n = next_char(text + end, len - end, &columns);
        taken += columns < 0 ? 1 : (unsigned)columns;
        if (taken > width)
            break;
        end += n;
    }
    return end;
}

/* The end of a text, as long as it may be for width columns. */
static const char *fitting_end(const char *text, unsigned width)
{
    while (hk_terminal_text_width(text) > width) {
        int columns;
        text += next_char(text, strlen(text), &columns);
    }
    return text;
}

char *hk_terminal_text_elide(const char *text, unsigned width, bool keep_end)
{
    char *cut = NULL;
    int made;
    if (hk_terminal_text_width(text) <= width)
        return hk_need(strdup(text));
    if (width == 0)
        return hk_need(strdup(""));
    if (keep_end)
        made = asprintf(&cut, "%s%s", ELLIPSIS, fitting_end(text, width - 1));
    else
        made = asprintf(&cut, "%.*s%s", (int)fitting(text, width - 1), text, ELLIPSIS);
    return hk_need(made < 0 ? NULL : cut);
}
