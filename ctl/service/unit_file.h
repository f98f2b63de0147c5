/*
 * unit_file.h - the text of unit files: settings of [Service], one by one, and the words of a value.
 *
 * As much of systemd.syntax(7) as it takes to read what others wrote. Touches no file.
 */
#ifndef HAKMEM_CTL_SERVICE_UNIT_FILE_H
#define HAKMEM_CTL_SERVICE_UNIT_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Calls visit for each setting of [Service], in order, its value without blanks around it and its continued
 * lines joined. Both strings last until visit returns. text is not kept. */
void hk_unit_file_each(const char *text, void (*visit)(void *arg, const char *key, const char *value),
                       void *arg);

/* The next word of a value into word (cut where it does not fit), quotes and escapes resolved; *at moves on
 * behind it. False where there is none left. */
bool hk_unit_file_word(const char **at, char *word, size_t size);

/* Whether a value says yes, in one of the ways in which it may. */
bool hk_unit_file_is_on(const char *value);

#endif
