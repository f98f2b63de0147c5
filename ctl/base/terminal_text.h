/*
 * terminal_text.h - text on a terminal: how wide it is, how it is cut, and what of it may be shown.
 *
 * Command names, labels and paths come from processes that may be hostile: what would steer a terminal
 * (control characters, text direction) is shown as '?'. Text is UTF-8. Knows nothing of tables.
 */
#ifndef HAKMEM_CTL_BASE_TERMINAL_TEXT_H
#define HAKMEM_CTL_BASE_TERMINAL_TEXT_H

#include <stdbool.h>

/* Chooses a UTF-8 character set for the functions below, whatever the caller's locale; once, at start.
 * Where the system has none, bytes beyond ASCII are shown as '?'. */
void hk_terminal_text_init(void);

/* A copy of text that is safe to show, to be freed; NULL reads as "". */
char *hk_terminal_text_clean(const char *text);

/* Columns that a clean text takes. */
unsigned hk_terminal_text_width(const char *text);

/* A copy of a clean text that takes at most width columns, its end (keep_end: its beginning) replaced by an
 * ellipsis where it had to be cut; to be freed. */
char *hk_terminal_text_elide(const char *text, unsigned width, bool keep_end);

#endif
