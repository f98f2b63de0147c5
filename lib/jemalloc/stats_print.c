/*
 * stats_print.c - malloc_stats_print: all that lib/jemalloc/mallctl.def has to tell, as text or as JSON, in
 * pieces that are handed to the caller's function. And the two variables of jemalloc's interface.
 */
#include <string.h>

#include "lib/jemalloc/mallctl.h"
#include "lib/os/syscall.h"
#include "shm/text.h"

HK_EXPORT void malloc_stats_print(void (*write_cb)(void *arg, const char *text), void *arg, const char *opts);

/* What writes where a caller has no function of its own; NULL: standard error. */
extern HK_EXPORT void (*malloc_message)(void *arg, const char *text);
__attribute__((weak)) void (*malloc_message)(void *arg, const char *text);

/* A program's options for jemalloc: it may be set, and nobody reads it. */
extern HK_EXPORT const char *malloc_conf;
__attribute__((weak)) const char *malloc_conf;

struct out {
    void (*write)(void *arg, const char *text);
    void *arg;
    const struct hk_ctl_figures *figures;
    bool general, merged, each, bins, large; /* what is told */
    bool is_first;                           /* in the innermost object or array of the JSON document */
    unsigned depth;                          /* of those that are open */
    struct hk_text line;
    char text[512];
};

/* ---- pieces ---- */

static void write_to_stderr(void *arg, const char *text)
{
    (void)arg;
    HK_SYSCALL(SYS_write, 2, text, strlen(text));
}

static void flush(struct out *o)
{
    if (o->line.len != 0)
        o->write(o->arg, o->text);
    o->line = hk_text_in(o->text, sizeof o->text);
}

static void say(struct out *o, const char *text)
{
    if (o->line.len + strlen(text) >= sizeof o->text)
        flush(o);
    hk_text_add(&o->line, text);
}

static void say_number(struct out *o, uint64_t n)
{
    char digits[24];
    struct hk_text t = hk_text_in(digits, sizeof digits);
    hk_text_add_u64(&t, n);
    say(o, digits);
}

static void say_value(struct out *o, unsigned type, uint64_t v)
{
    switch (type) {
    case HK_CTL_BOOL:
        say(o, v != 0 ? "true" : "false");
        break;
    case HK_CTL_STRING:
        say(o, "\"");
        say(o, (const char *)(uintptr_t)v);
        say(o, "\"");
        break;
    case HK_CTL_SSIZE:
        if ((int64_t)v < 0)
            say(o, "-");
        say_number(o, (int64_t)v < 0 ? 0 - v : v);
        break;
    default:
        say_number(o, v);
    }
}

/* ---- JSON ---- */

static void indent(struct out *o)
{
    say(o, o->is_first ? "\n" : ",\n");
    for (unsigned i = 0; i < o->depth; i++)
        say(o, "  ");
    o->is_first = false;
}

/* name of so many bytes; NULL in an array. */
static void key(struct out *o, const char *name, size_t length)
{
    char text[48];
    struct hk_text t = hk_text_in(text, sizeof text);
    indent(o);
    if (name == NULL)
        return;
    hk_text_add_n(&t, name, length);
    say(o, "\"");
    say(o, text);
    say(o, "\": ");
}

static void open_with(struct out *o, const char *bracket)
{
    say(o, bracket);
    o->depth++;
    o->is_first = true;
}

static void close_with(struct out *o, const char *bracket)
{
    o->depth--;
    say(o, "\n");
    for (unsigned i = 0; i < o->depth; i++)
        say(o, "  ");
    say(o, bracket);
    o->is_first = false;
}

/* ---- rows ---- */

static bool starts_with(const char *name, const char *start)
{
    return strncmp(name, start, strlen(start)) == 0;
}

/* What is read without doing anything, and was asked for. */
static bool is_told(const struct out *o, unsigned row)
{
    const char *name = hk_ctl_rows[row].name;
    return (hk_ctl_rows[row].access & (HK_CTL_R | HK_CTL_MAKES)) == HK_CTL_R &&
           (o->bins || strstr(name, "bins.#") == NULL) && (o->large || strstr(name, "lextents.#") == NULL);
}

static uint64_t value_of(const struct out *o, const struct hk_ctl *c)
{
    struct hk_ctl asked = *c;
    asked.s = o->figures;
    return hk_ctl_get(&asked);
}

/* The rows from one on that begin with the same so many bytes end here. */
static unsigned end_of(unsigned from, unsigned to, size_t length)
{
    unsigned row = from + 1;
    while (row < to && strncmp(hk_ctl_rows[row].name, hk_ctl_rows[from].name, length) == 0)
        row++;
    return row;
}

/* Number of the part that begins at a place of a name. */
static unsigned part_at(const char *name, size_t at)
{
    unsigned part = 0;
    for (size_t i = 0; i < at; i++)
        part += name[i] == '.';
    return part;
}

static void json_rows(struct out *o, unsigned from, unsigned to, size_t at, struct hk_ctl c,
                      unsigned indexes);

/* One object for each class. at: where the # is. */
static void json_array(struct out *o, unsigned from, unsigned to, size_t at, struct hk_ctl c,
                       unsigned indexes)
{
    unsigned part = part_at(hk_ctl_rows[from].name, at);
    open_with(o, "[");
    for (unsigned i = 0; hk_ctl_index_is_valid(from, part, i); i++) {
        c.index[indexes] = i;
        key(o, NULL, 0);
        open_with(o, "{");
        json_rows(o, from, to, at + 2, c, indexes + 1);
        close_with(o, "}");
    }
    close_with(o, "]");
}

/* What the rows have behind byte `at`, which is the same before it. */
static void json_rows(struct out *o, unsigned from, unsigned to, size_t at, struct hk_ctl c, unsigned indexes)
{
    for (unsigned row = from, end; row < to; row = end) {
        const char *word = hk_ctl_rows[row].name + at;
        size_t length = strcspn(word, ".");
        end = end_of(row, to, at + length + 1);
        if (!is_told(o, row))
            continue;
        key(o, word, length);
        c.row = row;
        if (word[length] == '\0') {
            say_value(o, hk_ctl_rows[row].type, value_of(o, &c));
        } else if (word[length + 1] == '#') {
            json_array(o, row, end, at + length + 1, c, indexes);
        } else {
            open_with(o, "{");
            json_rows(o, row, end, at + length + 1, c, indexes);
            close_with(o, "}");
        }
    }
}

/* The rows whose names begin so. */
struct range {
    unsigned from, to;
};

static struct range rows_of(const char *start)
{
    struct range r = {0, 0};
    while (r.from < HK_CTL_ROWS && !starts_with(hk_ctl_rows[r.from].name, start))
        r.from++;
    for (r.to = r.from; r.to < HK_CTL_ROWS && starts_with(hk_ctl_rows[r.to].name, start);)
        r.to++;
    return r;
}

/* An arena's figures, all of them for HK_CTL_ALL, are a document of their own. */
#define ARENA_START "stats.arenas.#."

static struct range totals(void)
{
    return (struct range){rows_of("stats.").from, rows_of(ARENA_START).from};
}

static void json_object(struct out *o, const char *name, struct range r, const char *start, struct hk_ctl c,
                        unsigned indexes)
{
    key(o, name, strlen(name));
    open_with(o, "{");
    json_rows(o, r.from, r.to, strlen(start), c, indexes);
    close_with(o, "}");
}

static void json_arena(struct out *o, const char *name, unsigned arena)
{
    json_object(o, name, rows_of(ARENA_START), ARENA_START, (struct hk_ctl){.index = {arena}}, 1);
}

static void json_arenas(struct out *o)
{
    char number[12];
    key(o, "stats.arenas", strlen("stats.arenas"));
    open_with(o, "{");
    if (o->merged)
        json_arena(o, "merged", HK_CTL_ALL);
    for (unsigned i = 0; o->each && i < hk_ctl_arenas(); i++) {
        struct hk_text t = hk_text_in(number, sizeof number);
        hk_text_add_u64(&t, i);
        if (hk_ctl_arena_lives(i))
            json_arena(o, number, i);
    }
    close_with(o, "}");
}

static void print_json(struct out *o)
{
    static const char *const general[] = {"config", "opt", "arenas"};
    static const char *const starts[] = {"config.", "opt.", "arenas."};
    const struct hk_ctl any = {0};
    open_with(o, "{");
    key(o, "jemalloc", strlen("jemalloc"));
    open_with(o, "{");
    key(o, "version", strlen("version"));
    say_value(o, HK_CTL_STRING, (uint64_t)(uintptr_t)HK_CTL_VERSION);
    for (unsigned i = 0; o->general && i < HK_COUNT_OF(general); i++)
        json_object(o, general[i], rows_of(starts[i]), starts[i], any, 0);
    json_object(o, "stats", totals(), "stats.", any, 0);
    if (o->merged || o->each)
        json_arenas(o);
    close_with(o, "}");
    close_with(o, "}");
    say(o, "\n");
}

/* ---- text ---- */

/* The row's name, with the integers that it is asked with. */
static void text_name(struct out *o, const struct hk_ctl *c)
{
    unsigned indexes = 0;
    char letter[2] = "";
    for (const char *at = hk_ctl_rows[c->row].name; *at != '\0'; at++) {
        letter[0] = *at;
        if (*at == '#')
            say_number(o, c->index[indexes++]);
        else
            say(o, letter);
    }
}

static void text_value(struct out *o, const struct hk_ctl *c)
{
    text_name(o, c);
    say(o, ": ");
    say_value(o, hk_ctl_rows[c->row].type, value_of(o, c));
    say(o, "\n");
}

/* indexes: how many integers of the names are known. */
static void text_rows(struct out *o, struct range r, struct hk_ctl c, unsigned indexes)
{
    for (c.row = r.from; c.row < r.to; c.row++) {
        const char *name = hk_ctl_rows[c.row].name, *mark = strchr(name, '#');
        if (!is_told(o, c.row))
            continue;
        if (mark != NULL && indexes != 0)
            mark = strchr(mark + 1, '#');
        if (mark == NULL) {
            text_value(o, &c);
            continue;
        }
        unsigned part = part_at(name, (size_t)(mark - name));
        for (unsigned i = 0; hk_ctl_index_is_valid(c.row, part, i); i++) {
            c.index[indexes] = i;
            text_value(o, &c);
        }
    }
}

static void text_figure(struct out *o, const char *before, uint64_t n)
{
    say(o, before);
    say_number(o, n);
}

/* The line that programs look for. */
static void text_totals(struct out *o)
{
    const struct hk_ctl_figures *s = o->figures;
    text_figure(o, "Allocated: ", s->all.live_bytes);
    text_figure(o, ", active: ", s->active);
    text_figure(o, ", metadata: ", s->metadata);
    text_figure(o, " (n_thp 0), resident: ", s->active + s->dirty + s->metadata);
    text_figure(o, ", mapped: ", s->active + s->metadata);
    text_figure(o, ", retained: ", s->unbacked);
    say(o, "\n");
}

static void print_text(struct out *o)
{
    const struct hk_ctl any = {0};
    say(o, "___ Begin jemalloc statistics ___\nVersion: \"" HK_CTL_VERSION "\"\n");
    if (o->general) {
        text_rows(o, rows_of("config."), any, 0);
        text_rows(o, rows_of("opt."), any, 0);
        text_rows(o, rows_of("arenas."), any, 0);
    }
    text_totals(o);
    text_rows(o, totals(), any, 0);
    if (o->merged)
        text_rows(o, rows_of(ARENA_START), (struct hk_ctl){.index = {HK_CTL_ALL}}, 1);
    for (unsigned i = 0; o->each && i < hk_ctl_arenas(); i++) {
        if (hk_ctl_arena_lives(i))
            text_rows(o, rows_of(ARENA_START), (struct hk_ctl){.index = {i}}, 1);
    }
    say(o, "--- End jemalloc statistics ---\n");
}

/* ---- the call ---- */

static bool has(const char *opts, char letter)
{
    return opts != NULL && strchr(opts, letter) != NULL;
}

/* The lock is not held while the caller's function runs: it may ask, or take its time. */
void malloc_stats_print(void (*write_cb)(void *arg, const char *text), void *arg, const char *opts)
{
    struct hk_ctl_figures figures;
    struct out o = {
        .write = write_cb != NULL         ? write_cb
                 : malloc_message != NULL ? malloc_message
                                          : write_to_stderr,
        .arg = arg,
        .figures = &figures,
        .general = !has(opts, 'g'),
        .merged = !has(opts, 'm'),
        .each = !has(opts, 'a'),
        .bins = !has(opts, 'b'),
        .large = !has(opts, 'l'),
    };
    hk_ctl_refresh();
    figures = *hk_ctl_look();
    hk_ctl_done();
    o.line = hk_text_in(o.text, sizeof o.text);
    if (has(opts, 'J'))
        print_json(&o);
    else
        print_text(&o);
    flush(&o);
}
