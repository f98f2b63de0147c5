/* help.c - see help.h. */
#include "ctl/help.h"

#include <string.h>

#include "ctl/base/quantity.h"
#include "ctl/option_table.h"
#include "shm/schema.h"

#define WIDTH_LEAST 20u /* of a column of prose, on however narrow a page */

/* How many bytes of a line of text fit into room columns, cut at a blank where there is one. Help is ASCII,
 * so bytes are columns. */
static size_t fits(const char *text, size_t width)
{
    size_t len = strcspn(text, "\n"), cut = width;
    if (len <= width)
        return len;
    while (cut > 0 && text[cut] != ' ')
        cut--;
    return cut > 0 ? cut : width;
}

/* The rest of a text in lines that begin at a column; the first line is there already. */
static void print_at(const struct hk_output *out, const char *text, unsigned column)
{
    size_t width = out->page > column + WIDTH_LEAST ? out->page - column : WIDTH_LEAST;
    for (bool first = true; first || *text; first = false) {
        size_t cut = fits(text, width);
        fprintf(out->file, "%*s%.*s\n", first ? 0 : (int)column, "", (int)cut, text);
        text += cut;
        text += strspn(text, " \n");
    }
}

static void print_text(const struct hk_output *out, const char *text)
{
    print_at(out, text, 0);
}

/* A term in its column and what is said of it beside; below, where the term is too long. */
static void print_item(const struct hk_output *out, const char *term, unsigned column, const char *help)
{
    fprintf(out->file, "  %-*s", (int)column - 2, term);
    if (strlen(term) + 3 > column)
        fprintf(out->file, "\n%*s", (int)column, "");
    print_at(out, help, column);
}

#define OPTION_COLUMN 24
#define EXIT_COLUMN   7

/* An option as it is typed, without its short form. */
static void write_option(const struct hk_option *o, char *buf, size_t size)
{
    snprintf(buf, size, "--%s%s%s%s", o->name,
             !o->argument  ? ""
             : o->optional ? "[="
                           : " ",
             o->argument ? o->argument : "", o->optional ? "]" : "");
}

/* Options that every command takes are named only: the tool's own help explains them. */
static void print_common(const struct hk_output *out, unsigned groups)
{
    char text[512] = "Common options (see 'hakmemctl --help'):", term[64];
    size_t at = strlen(text);
    for (unsigned id = 0; id < HK_OPTIONS; id++) {
        if (!(hk_option_table[id].groups & groups))
            continue;
        write_option(&hk_option_table[id], term, sizeof term);
        int wrote = snprintf(text + at, sizeof text - at, " %s%s", term, id + 1 < HK_OPTIONS ? "," : "");
        at += wrote > 0 && (size_t)wrote < sizeof text - at ? (size_t)wrote : 0;
    }
    hk_output_gap(out);
    print_text(out, text);
}

static void print_options(const struct hk_output *out, const char *title, unsigned groups)
{
    bool any = false;
    for (unsigned id = 0; id < HK_OPTIONS; id++) {
        const struct hk_option *o = &hk_option_table[id];
        char typed[64], term[72];
        if (!(o->groups & groups))
            continue;
        if (!any) {
            hk_output_gap(out);
            hk_output_line(out, HK_STYLE_TITLE, "%s", title);
        }
        any = true;
        const char letter[] = {'-', o->letter, ',', ' ', '\0'};
        write_option(o, typed, sizeof typed);
        snprintf(term, sizeof term, "%s%s", o->letter ? letter : "", typed);
        print_item(out, term, OPTION_COLUMN, o->help);
    }
}

static void print_tunable(const struct hk_output *out, const struct hk_tunable_info *t, bool per_class)
{
    char name[64], help[320], range[96];
    const char *unit = hk_unit_name(t->unit);
    snprintf(name, sizeof name, "%s%s", t->name, per_class ? ".SIZE" : "");
    if (t->type == HK_TYPE_CHOICE)
        snprintf(range, sizeof range, "one of %s", t->choices);
    else
        snprintf(range, sizeof range, "%s to %s", hk_quantity_exact((double)t->min, unit).s,
                 hk_quantity_exact((double)t->max, unit).s);
    snprintf(help, sizeof help, "%s (%s)", t->help, range);
    print_item(out, name, OPTION_COLUMN, help);
}

static void print_tunables(const struct hk_output *out)
{
    hk_output_gap(out);
    hk_output_line(out, HK_STYLE_TITLE, "Tunables");
    for (unsigned i = 0; i < HK_TUNABLES; i++)
        print_tunable(out, &hk_tunables[i], false);
    for (unsigned i = 0; i < HK_CLASS_TUNABLES; i++)
        print_tunable(out, &hk_class_tunables[i], true);
}

static void print_usage(const struct hk_output *out, const struct hk_command *command)
{
    const char *arguments = command->arguments, *word = "usage:";
    do {
        size_t len = strcspn(arguments, "\n");
        fprintf(out->file, "%s hakmemctl %s [OPTION]...%s%.*s\n", word, command->name, len ? " " : "",
                (int)len, arguments);
        arguments += len + (arguments[len] == '\n');
        word = "      ";
    } while (*arguments);
}

static void help_command(const struct hk_output *out, const struct hk_command *command)
{
    unsigned own = command->groups & ~(unsigned)(HK_GROUP_GLOBAL | HK_GROUP_JSON | HK_GROUP_SELECT);
    print_usage(out, command);
    hk_output_gap(out);
    print_text(out, command->summary);
    if (command->details[0]) {
        hk_output_gap(out);
        print_text(out, command->details);
    }
    print_options(out, "Options", own);
    print_options(out, "Which processes (all that is said must hold)", command->groups & HK_GROUP_SELECT);
    print_common(out, command->groups & (HK_GROUP_GLOBAL | HK_GROUP_JSON));
    if (command->shows_tunables)
        print_tunables(out);
    else if (command->groups & HK_GROUP_RUN)
        print_text(out, "Tunables: 'hakmemctl tune --help'");
}

/* A status of 126 or more is run's own, which otherwise ends as its program does. */
static void print_exits(const struct hk_output *out)
{
    static const struct {
        int status;
        const char *help;
    } exits[] = {
#define HK_EXIT_STATUS(name, status, help) {status, help},
#include "ctl/base/exits.def"
    };
    for (unsigned i = 0; i < HK_COUNT_OF(exits); i++)
        print_item(out, hk_quantity_plain(exits[i].status).s, EXIT_COLUMN, exits[i].help);
    print_item(out, "*", EXIT_COLUMN, "run: its program's own");
}

static void help_tool(const struct hk_output *out)
{
    hk_output_line(out, HK_STYLE_PLAIN, "usage: hakmemctl [OPTION]... COMMAND [ARGUMENT]...");
    hk_output_gap(out);
    print_text(out, "Shows and steers the processes that run on hakmem, through the daemon hakmemd.");
    hk_output_gap(out);
    hk_output_line(out, HK_STYLE_TITLE, "Commands");
    for (unsigned i = 0; i < hk_command_count; i++)
        print_item(out, hk_commands[i].name, 12, hk_commands[i].summary);
    print_options(out, "Options, before or after the command", HK_GROUP_GLOBAL | HK_GROUP_JSON);
    hk_output_gap(out);
    hk_output_line(out, HK_STYLE_TITLE, "Exit status");
    print_exits(out);
    hk_output_gap(out);
    print_text(out, "'hakmemctl COMMAND --help' tells more; the manual is hakmemctl(1).");
}

void hk_help(const struct hk_output *out, const struct hk_command *command)
{
    if (command)
        help_command(out, command);
    else
        help_tool(out);
}

static void list_options(FILE *out, const char *command, unsigned groups)
{
    for (unsigned id = 0; id < HK_OPTIONS; id++) {
        const struct hk_option *o = &hk_option_table[id];
        const char letter[2] = {o->letter ? o->letter : '-', '\0'};
        if (o->groups & groups)
            fprintf(out, "option\t%s\t--%s\t%s\t%s\t%s\t%s\n", command, o->name, letter,
                    hk_option_kind_name(o->kind),
                    !o->argument  ? "none"
                    : o->optional ? "may"
                                  : "must",
                    o->help);
    }
}

void hk_help_listing(FILE *out)
{
    static const char *const words[] = {"none", "pids", "stats", "tune", "program", "units", "enabled"};
    list_options(out, "-", HK_GROUP_GLOBAL | HK_GROUP_JSON);
    for (unsigned i = 0; i < hk_command_count; i++) {
        const struct hk_command *c = &hk_commands[i];
        fprintf(out, "command\t%s\t%s\t%s\n", c->name, words[c->words], c->summary);
        list_options(out, c->name, c->groups);
    }
    for (unsigned i = 0; i < HK_TUNABLES; i++)
        fprintf(out, "tunable\t%s\t%s\t%s\n", hk_tunables[i].name,
                hk_tunables[i].choices[0] ? hk_tunables[i].choices : "-", hk_tunables[i].help);
    for (unsigned i = 0; i < HK_CLASS_TUNABLES; i++)
        fprintf(out, "tunable\t%s.SIZE\t-\t%s\n", hk_class_tunables[i].name, hk_class_tunables[i].help);
}
