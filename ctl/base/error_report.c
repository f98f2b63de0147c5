/* error_report.c - see error_report.h. */
#include "ctl/base/error_report.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/terminal_text.h"

static bool verbose;

/* Lines are cleaned one by one: a newline is the one control character that is meant. */
HK_PRINTF(2, 0) static void say(const char *prefix, const char *format, va_list values)
{
    char *message = hk_format(format, values), *rest = NULL;
    char *line = strtok_r(message, "\n", &rest);
    fprintf(stderr, "hakmemctl: %s", prefix);
    do {
        char *clean = hk_terminal_text_clean(line);
        fprintf(stderr, "%s\n", clean);
        free(clean);
        line = strtok_r(NULL, "\n", &rest);
    } while (line);
    free(message);
}

void hk_error(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say("", format, values);
    va_end(values);
}

void hk_warning(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    say("warning: ", format, values);
    va_end(values);
}

void hk_verbose(const char *format, ...)
{
    va_list values;
    if (!verbose)
        return;
    va_start(values, format);
    say("", format, values);
    va_end(values);
}

void hk_set_verbose(void)
{
    verbose = true;
}
