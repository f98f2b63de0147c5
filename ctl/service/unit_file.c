/* unit_file.c - see unit_file.h. */
#include "ctl/service/unit_file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl/base/alloc_or_exit.h"

#define BLANKS " \t\r"

/* The next line without its newline, NULL at the end; *at moves on. Ends the line in place. */
static char *take_line(char **at)
{
    char *line = *at;
    if (!line || *line == '\0')
        return NULL;
    char *end = strchr(line, '\n');
    *at = end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    return line;
}

static bool is_comment(const char *line)
{
    line += strspn(line, BLANKS);
    return *line == '#' || *line == ';';
}

static void trim_end(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && strchr(BLANKS, text[len - 1]))
        len--;
    text[len] = '\0';
}

/* Appends the lines that continue it to a setting; comments between them are left out. The lines follow each
 * other in one text, so that what is joined never becomes longer. */
static void join_lines(char *line, char **at)
{
    size_t len = strlen(line);
    while (len > 0 && line[len - 1] == '\\') {
        char *next = take_line(at);
        line[len - 1] = ' ';
        while (next && is_comment(next))
            next = take_line(at);
        if (!next)
            break;
        size_t more = strlen(next);
        memmove(line + len, next, more + 1);
        len += more;
    }
}

void hk_unit_file_each(const char *text, void (*visit)(void *arg, const char *key, const char *value),
                       void *arg)
{
    char *copy = hk_need(strdup(text)), *at = copy, *line;
    bool service = false;
    while ((line = take_line(&at)) != NULL) {
        line += strspn(line, BLANKS);
        if (*line == '\0' || is_comment(line))
            continue;
        join_lines(line, &at);
        trim_end(line);
        if (*line == '[') {
            service = strcmp(line, "[Service]") == 0;
            continue;
        }
        char *equals = strchr(line, '=');
        if (!service || !equals)
            continue;
        *equals = '\0';
        trim_end(line);
        visit(arg, line, equals + 1 + strspn(equals + 1, BLANKS));
    }
    free(copy);
}

/* What a backslash and the character at *at stand for. */
static char unescape(const char **at)
{
    static const char letters[] = "abfnrtvs", meanings[] = "\a\b\f\n\r\t\v ";
    char c = *(*at)++;
    const char *letter = strchr(letters, c);
    if (c == 'x') {
        char digits[3] = {(*at)[0], (*at)[0] ? (*at)[1] : '\0', '\0'};
        char *end;
        long v = strtol(digits, &end, 16);
        *at += end - digits;
        return (char)v;
    }
    return letter ? meanings[letter - letters] : c;
}

bool hk_unit_file_word(const char **at, char *word, size_t size)
{
    const char *p = *at + strspn(*at, BLANKS "\n");
    size_t len = 0;
    char quote = '\0';
    if (*p == '\0')
        return false;
    for (; *p != '\0' && (quote || !strchr(BLANKS "\n", *p));) {
        char c = *p++;
        if (quote ? c == quote : c == '"' || c == '\'') {
            quote = quote ? '\0' : c;
            continue;
        }
        if (c == '\\' && *p != '\0')
            c = unescape(&p);
        if (len + 1 < size)
            word[len++] = c;
    }
    word[len] = '\0';
    *at = p;
    return true;
}

bool hk_unit_file_is_on(const char *value)
{
    return strcmp(value, "1") == 0 || strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0 ||
           strcasecmp(value, "on") == 0 || strcasecmp(value, "y") == 0 || strcasecmp(value, "t") == 0;
}
