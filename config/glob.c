/* glob.c - see glob.h. */
#include "config/glob.h"

#include <stddef.h>
#include <string.h>

/* Past the bracket expression that starts at p ("["), NULL if it does not end. A ] right after the
 * opening, or after its !, is a member. */
static const char *bracket_end(const char *p)
{
    p++;
    if (*p == '!' || *p == '^')
        p++;
    if (*p == ']')
        p++;
    while (*p != '\0' && *p != ']')
        p++;
    return *p == ']' ? p + 1 : NULL;
}

const char *hk_glob_problem(const char *pattern)
{
    if (strlen(pattern) > HK_GLOB_MAX)
        return "pattern longer than 512 bytes";
    for (const char *p = pattern; *p != '\0'; p++) {
        if (*p == '\\') {
            if (*++p == '\0')
                return "pattern ends in a backslash";
        } else if (*p == '[') {
            const char *end = bracket_end(p);
            if (!end)
                return "'[' without ']' in pattern";
            p = end - 1;
        }
    }
    return NULL;
}

static bool bracket_has(const char *p, const char *end, unsigned char c)
{
    bool negated = p[1] == '!' || p[1] == '^';
    bool found = false;
    p += negated ? 2 : 1;
    for (; p < end - 1; p++) {
        unsigned char low = (unsigned char)*p, high = low;
        if (p[1] == '-' && p + 2 < end - 1) {
            high = (unsigned char)p[2];
            p += 2;
        }
        found |= c >= low && c <= high;
    }
    return found != negated;
}

/* Whether the pattern's next element, which is no *, takes the character c; *next is what follows it. */
static bool takes(const char *p, unsigned char c, const char **next)
{
    const char *end = *p == '[' ? bracket_end(p) : NULL;
    if (end) {
        *next = end;
        return bracket_has(p, end, c);
    }
    if (*p == '?') {
        *next = p + 1;
        return true;
    }
    if (*p == '\\' && p[1] != '\0')
        p++;
    *next = p + 1;
    return (unsigned char)*p == c;
}

bool hk_glob_match(const char *pattern, const char *text)
{
    /* Only the last * needs to be gone back to: what came before it matched as early as it could. */
    const char *star = NULL, *star_text = NULL, *next;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            star_text = text;
        } else if (*pattern != '\0' && takes(pattern, (unsigned char)*text, &next)) {
            pattern = next;
            text++;
        } else if (star) {
            pattern = star;
            text = ++star_text;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
