/* jsonc.c - see jsonc.h. */
#include "config/jsonc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Past the string that starts at text[i], or len if it does not end. */
static size_t skip_string(const char *text, size_t len, size_t i)
{
    for (i++; i < len && text[i] != '"'; i++) {
        if (text[i] == '\\')
            i++;
    }
    return i < len ? i + 1 : len;
}

static size_t blank_line_comment(char *text, size_t len, size_t i)
{
    for (; i < len && text[i] != '\n'; i++)
        text[i] = ' ';
    return i;
}

/* Newlines stay, so that lines keep their numbers. False if the comment does not end. */
static bool blank_block_comment(char *text, size_t len, size_t *at)
{
    size_t i = *at;
    text[i] = text[i + 1] = ' ';
    for (i += 2; i + 1 < len && (text[i] != '*' || text[i + 1] != '/'); i++) {
        if (text[i] != '\n')
            text[i] = ' ';
    }
    if (i + 1 >= len)
        return false;
    text[i] = text[i + 1] = ' ';
    *at = i + 2;
    return true;
}

/* Returns len, or where a comment starts that does not end. */
static size_t blank_comments(char *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        if (text[i] == '"') {
            i = skip_string(text, len, i);
        } else if (text[i] == '/' && i + 1 < len && text[i + 1] == '/') {
            i = blank_line_comment(text, len, i);
        } else if (text[i] == '/' && i + 1 < len && text[i + 1] == '*') {
            size_t start = i;
            if (!blank_block_comment(text, len, &i))
                return start;
        } else {
            i++;
        }
    }
    return len;
}

static void line_and_column(const char *text, size_t at, unsigned *line, unsigned *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < at; i++) {
        (*column)++;
        if (text[i] == '\n') {
            (*line)++;
            *column = 1;
        }
    }
}

static void problem_at(const struct hk_jsonc *source, const char *text, size_t at, const char *what)
{
    unsigned line, column;
    line_and_column(text, at, &line, &column);
    hk_problems_add(source->problems, "%s:%u:%u: %s", source->file, line, column, what);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where a key was wanted and something else stands, cJSON points behind that. */
static bool is_behind_missing_key(const char *text, size_t at)
{
    if (at == 0 || is_space(text[at - 1]) || text[at - 1] == '"')
        return false;
    size_t before = at - 1;
    while (before > 0 && is_space(text[before - 1]))
        before--;
    char c = text[at - 1], left = before > 0 ? text[before - 1] : '\0';
    return (left == '{' && c != '}') || (left == ',' && c == '}');
}

/* Where cJSON gave up, moved to where a reader would look: it stops in front of blanks. */
static size_t fault_offset(const struct hk_jsonc *source, const char *end)
{
    size_t at = end && end >= source->text ? (size_t)(end - source->text) : 0;
    if (at > source->len)
        at = source->len;
    if (!source->root && is_behind_missing_key(source->text, at))
        return at - 1;
    while (at < source->len && is_space(source->text[at]))
        at++;
    return at;
}

static int parse(struct hk_jsonc *source)
{
    const char *end = NULL;
    source->root = cJSON_ParseWithLengthOpts(source->text, source->len + 1, &end, 0);
    size_t at = fault_offset(source, end);
    if (!source->root) {
        problem_at(source, source->text, at, at == source->len ? "not JSON: it ends too early" : "not JSON");
        return EINVAL;
    }
    if (at < source->len) {
        problem_at(source, source->text, at, "something follows after the JSON value");
        return EINVAL;
    }
    return 0;
}

int hk_jsonc_open(struct hk_jsonc *source, const char *file, const char *text, size_t len,
                  struct hk_problems *problems)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    *source = (struct hk_jsonc){.file = file, .problems = problems};
    if (len > HK_JSONC_MAX) {
        hk_problems_add(problems, "%s: larger than %u bytes", file, HK_JSONC_MAX);
        return EINVAL;
    }
    const char *nul = memchr(text, '\0', len);
    if (nul) {
        problem_at(source, text, (size_t)(nul - text), "a NUL byte: this is not text");
        return EINVAL;
    }
    source->text = malloc(len + 1);
    if (!source->text) {
        hk_problems_add(problems, "%s: out of memory", file);
        return EINVAL;
    }
    memcpy(source->text, text, len);
    source->text[len] = '\0';
    source->len = len;
    if (len >= 3 && memcmp(text, byte_order_mark, 3) == 0)
        memset(source->text, ' ', 3);
    size_t bad = blank_comments(source->text, len);
    if (bad < len) {
        problem_at(source, text, bad, "this comment does not end");
        return EINVAL;
    }
    return parse(source);
}

void hk_jsonc_close(struct hk_jsonc *source)
{
    cJSON_Delete(source->root);
    free(source->text);
    source->root = NULL;
    source->text = NULL;
}

/* The node's place in the order of the text, the root being 1; 0 if it is not below item. */
static unsigned long ordinal(const cJSON *item, const cJSON *node, unsigned long *seen)
{
    for (; item; item = item->next) {
        ++*seen;
        if (item == node)
            return *seen;
        unsigned long found = item->child ? ordinal(item->child, node, seen) : 0;
        if (found)
            return found;
    }
    return 0;
}

/* Past a number or a word. */
static size_t skip_word(const char *text, size_t len, size_t i)
{
    while (i < len && !is_space(text[i]) && !strchr(",:[]{}\"", text[i]))
        i++;
    return i;
}

static bool colon_follows(const char *text, size_t len, size_t i)
{
    while (i < len && is_space(text[i]))
        i++;
    return i < len && text[i] == ':';
}

/* Offset of the n-th value of a text that cJSON has accepted, or of the key in front of it. */
static size_t offset_of(const char *text, size_t len, unsigned long n)
{
    size_t key = SIZE_MAX, i = 0;
    while (i < len) {
        size_t start = i;
        if (text[i] == '"') {
            i = skip_string(text, len, i);
            if (colon_follows(text, len, i)) {
                key = start;
                continue;
            }
        } else if (text[i] == '{' || text[i] == '[') {
            i++;
        } else if (is_space(text[i]) || strchr(",:]}", text[i])) {
            i++;
            continue;
        } else {
            i = skip_word(text, len, i);
            i += i == start;
        }
        if (--n == 0)
            return key != SIZE_MAX ? key : start;
        key = SIZE_MAX;
    }
    return 0;
}

unsigned hk_jsonc_line(const struct hk_jsonc *source, const cJSON *node)
{
    unsigned long seen = 0;
    unsigned long n = ordinal(source->root, node, &seen);
    unsigned line, column;
    line_and_column(source->text, n ? offset_of(source->text, source->len, n) : 0, &line, &column);
    return line;
}

void hk_jsonc_problem(const struct hk_jsonc *source, const cJSON *node, const char *where, const char *format,
                      ...)
{
    char message[HK_PROBLEM_LENGTH];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    unsigned line = source->problems->kept < HK_PROBLEMS_KEPT ? hk_jsonc_line(source, node) : 0;
    hk_problems_add(source->problems, "%s:%u: %s%s%s", source->file, line, where, where[0] ? ": " : "",
                    message);
}
