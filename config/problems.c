/* problems.c - see problems.h. */
#include "config/problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hk_problems_add(struct hk_problems *problems, const char *format, ...)
{
    problems->count++;
    if (problems->kept == HK_PROBLEMS_KEPT)
        return;
    char line[HK_PROBLEM_LENGTH];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    char *copy = strdup(line);
    if (copy)
        problems->lines[problems->kept++] = copy;
}

void hk_problems_clear(struct hk_problems *problems)
{
    for (unsigned i = 0; i < problems->kept; i++)
        free(problems->lines[i]);
    memset(problems, 0, sizeof *problems);
}
