/* output.c - see output.h. */
#include "ctl/render/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/error_report.h"
#include "ctl/base/terminal_text.h"

#define PAGE_DEFAULT 80u

static bool sensible(unsigned long width)
{
    return width >= HK_OUTPUT_WIDTH_MIN && width <= HK_OUTPUT_WIDTH_MAX;
}

/* 0: nobody says. */
static unsigned find_width(FILE *file, unsigned given)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;
    unsigned long asked = given ? given : columns ? strtoul(columns, NULL, 10) : 0;
    if (sensible(asked))
        return (unsigned)asked;
    if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && sensible(size.ws_col))
        return size.ws_col;
    return isatty(fileno(file)) ? PAGE_DEFAULT : 0;
}

static bool wants_color(FILE *file)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool refused = (no_color && no_color[0] != '\0') || !term || strcmp(term, "dumb") == 0;
    return !refused && isatty(fileno(file));
}

void hk_output_init(struct hk_output *out, enum hk_json_form json, bool no_color, unsigned width)
{
    unsigned found = find_width(stdout, width);
    out->file = stdout;
    out->width = found ? found : UINT32_MAX;
    out->page = found ? found : PAGE_DEFAULT;
    out->color = !no_color && wants_color(stdout);
    out->json = json;
}

static void print_table(const struct hk_output *out, struct hk_table *table, unsigned indent, bool headless)
{
    struct hk_table_form form = {
        .width = out->width, .color = out->color, .headless = headless, .indent = indent};
    hk_table_print(table, out->file, &form);
    hk_table_free(table);
}

void hk_output_table(const struct hk_output *out, struct hk_table *table, unsigned indent)
{
    print_table(out, table, indent, false);
}

void hk_output_rows(const struct hk_output *out, struct hk_table *table, unsigned indent)
{
    print_table(out, table, indent, true);
}

void hk_output_line(const struct hk_output *out, enum hk_style style, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    char *text = hk_format(format, values);
    va_end(values);
    char *clean = hk_terminal_text_clean(text);
    char *cut = hk_terminal_text_elide(clean, out->width, false);
    bool styled = out->color && style != HK_STYLE_PLAIN;
    fprintf(out->file, "%s%s%s\n", styled ? hk_style_begin(style) : "", cut, styled ? hk_style_end : "");
    free(cut);
    free(clean);
    free(text);
}

void hk_output_gap(const struct hk_output *out)
{
    fputc('\n', out->file);
}

bool hk_output_finish(const struct hk_output *out)
{
    errno = 0;
    if (fflush(out->file) == 0 && !ferror(out->file))
        return true;
    hk_error("cannot write the output: %s", strerror(errno ? errno : EIO));
    return false;
}
