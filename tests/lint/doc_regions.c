/*
 * doc_regions.c - prints a part of a manual page or a Markdown page out of the tables (*.def).
 *
 *   doc_regions mdoc|markdown REGION
 *
 * fill.py puts what this prints between a page's marks. No counter, tunable, option, request or exit status
 * is named here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/base/quantity.h"
#include "ctl/commands.h"
#include "ctl/option_table.h"
#include "ctl/program/program.h"
#include "shm/schema.h"
#include "shm/value.h"

static bool mdoc;

/* ---- text ---- */

/* A text as mdoc takes it: no macro, no escape, and each sentence on a line of its own. */
static void print_mdoc(const char *text)
{
    bool fresh = true;
    for (const char *c = text; *c; c++) {
        if (fresh && (*c == '.' || *c == '\''))
            fputs("\\&", stdout);
        fresh = false;
        if (*c == '\\')
            fputs("\\e", stdout);
        else if (*c == '-' && c[1] == '-')
            fputs("\\-", stdout);
        else if (*c == '\n' || (*c == ' ' && c > text && c[-1] == '.' && c[1] >= 'A' && c[1] <= 'Z')) {
            putchar('\n');
            fresh = true;
        } else
            putchar(*c);
    }
}

/* The same behind a macro, where a word that is one itself, or punctuation, must not be taken for it. */
static void print_quoted(const char *text)
{
    putchar('"');
    for (const char *c = text; *c; c++) {
        if (*c == '"')
            fputs("\\(dq", stdout);
        else if (*c == '-')
            fputs("\\-", stdout);
        else
            putchar(*c);
    }
    putchar('"');
}

static void begin_list(void)
{
    if (mdoc)
        puts(".Bl -tag -width Ds");
}

static void end_list(void)
{
    if (mdoc)
        puts(".El");
}

/* One entry: a term, what it is, and facts about it in brackets ("": none). */
static void print_entry(const char *macro, const char *term, const char *facts, const char *help)
{
    printf(".It %s ", macro);
    print_quoted(term);
    putchar('\n');
    print_mdoc(help);
    puts("");
    if (facts[0])
        printf("(%s)\n", facts);
}

/* ---- counters and tunables ---- */

static void print_counters(const struct hk_counter_info *list, unsigned n)
{
    begin_list();
    for (unsigned i = 0; i < n; i++) {
        char facts[64];
        snprintf(facts, sizeof facts, "%s, %s", hk_kind_name(list[i].kind), hk_unit_name(list[i].unit));
        print_entry("Va", list[i].name, facts, list[i].help);
    }
    end_list();
}

static void class_counters(void)
{
    print_counters(hk_class_counters, HK_CLASS_COUNTERS);
}

static void heap_counters(void)
{
    print_counters(hk_heap_counters, HK_HEAP_COUNTERS);
}

static void process_counters(void)
{
    print_counters(hk_process_counters, HK_PROCESS_COUNTERS);
}

static void derived_counters(void)
{
    print_counters(hk_derived_counters, hk_derived_counter_count);
}

static void print_tunable(const struct hk_tunable_info *t, bool per_class)
{
    char name[64], facts[160], word[HK_CHOICES_BYTES];
    const char *unit = hk_unit_name(t->unit);
    snprintf(name, sizeof name, "%s%s", t->name, per_class ? ".SIZE" : "");
    if (t->type == HK_TYPE_CHOICE)
        snprintf(facts, sizeof facts, "one of %s; default %s", t->choices,
                 hk_value_choice(t, t->dflt, word, sizeof word));
    else if (per_class)
        snprintf(facts, sizeof facts, "%s to %s %s; unset unless asked for",
                 hk_quantity_exact((double)t->min, unit).s, hk_quantity_exact((double)t->max, unit).s, unit);
    else
        snprintf(facts, sizeof facts, "%s to %s; default %s", hk_quantity_exact((double)t->min, unit).s,
                 hk_quantity_exact((double)t->max, unit).s, hk_quantity_exact((double)t->dflt, unit).s);
    print_entry("Cm", name, facts, t->help);
}

static void tunables(void)
{
    begin_list();
    for (unsigned i = 0; i < HK_TUNABLES; i++)
        print_tunable(&hk_tunables[i], false);
    for (unsigned i = 0; i < HK_CLASS_TUNABLES; i++)
        print_tunable(&hk_class_tunables[i], true);
    end_list();
}

/* ---- the daemon ---- */

struct setting {
    const char *name;
    uint32_t min, max, dflt;
    const char *help;
};

static void print_settings(const char *prefix, const struct setting *list, unsigned n)
{
    begin_list();
    for (unsigned i = 0; i < n; i++) {
        char name[64], facts[96];
        snprintf(name, sizeof name, "%s%s", prefix, list[i].name);
        snprintf(facts, sizeof facts, "%u to %u; default %u", list[i].min, list[i].max, list[i].dflt);
        print_entry("Cm", name, facts, list[i].help);
    }
    end_list();
}

static void settings(void)
{
    static const struct setting list[] = {
#define HK_SETTING(name, min, max, dflt, help) {#name, min, max, dflt, help},
#include "config/config_keys.def"
    };
    print_settings("", list, HK_COUNT_OF(list));
}

static void limits(void)
{
    static const struct setting list[] = {
#define HK_LIMIT(name, min, max, dflt, help) {#name, min, max, dflt, help},
#include "config/config_keys.def"
    };
    print_settings("limits.", list, HK_COUNT_OF(list));
}

static void methods(void)
{
    static const char *const list[][2] = {
#define HK_METHOD(name, call, params, help) {name, help},
#include "daemon/control/methods.def"
    };
    begin_list();
    for (unsigned i = 0; i < HK_COUNT_OF(list); i++)
        print_entry("Cm", list[i][0], "", list[i][1]);
    end_list();
}

static void errors(void)
{
    static const struct {
        int code;
        const char *help, *data;
    } list[] = {
#define HK_RPC_ERROR(name, code, help, data) {code, help, data},
#include "daemon/control/errors.def"
    };
    if (!mdoc)
        puts("| code | meaning | data |\n| --- | --- | --- |");
    begin_list();
    for (unsigned i = 0; i < HK_COUNT_OF(list); i++) {
        char code[16], data[64] = "";
        snprintf(code, sizeof code, "%d", list[i].code);
        if (mdoc && list[i].data[0])
            snprintf(data, sizeof data, "data: %s", list[i].data);
        if (mdoc)
            print_entry("Li", code, data, list[i].help);
        else
            printf("| %s | %s | %s%s%s |\n", code, list[i].help, list[i].data[0] ? "`{\"" : "", list[i].data,
                   list[i].data[0] ? "\"}`" : "");
    }
    end_list();
}

static void daemon_options(void)
{
    static const char *const list[][3] = {
#define HK_DAEMON_OPTION(id, name, argument, help) {name, argument, help},
#include "daemon/daemon_options.def"
    };
    begin_list();
    for (unsigned i = 0; i < HK_COUNT_OF(list); i++) {
        printf(".It Fl \\-%s", list[i][0]);
        if (list[i][1])
            printf(" Ar %s", list[i][1]);
        puts("");
        print_mdoc(list[i][2]);
        puts("");
    }
    end_list();
}

/* ---- the tool ---- */

static void exits(void)
{
    static const struct {
        int status;
        const char *help;
    } list[] = {
#define HK_EXIT_STATUS(name, status, help) {status, help},
#include "ctl/base/exits.def"
    };
    if (!mdoc)
        puts("| exit status | |\n| --- | --- |");
    begin_list();
    for (unsigned i = 0; i < HK_COUNT_OF(list); i++) {
        if (mdoc)
            printf(".It Li %d\n%s\n", list[i].status, list[i].help);
        else
            printf("| %d | %s |\n", list[i].status, list[i].help);
    }
    end_list();
}

static void print_options(unsigned groups)
{
    begin_list();
    for (unsigned id = 0; id < HK_OPTIONS; id++) {
        const struct hk_option *o = &hk_option_table[id];
        if (!(o->groups & groups))
            continue;
        fputs(".It ", stdout);
        if (o->letter)
            printf("Fl %c , ", o->letter);
        printf("Fl \\-%s", o->name);
        if (o->argument && o->optional)
            printf(" Ns Op = Ns Ar %s", o->argument);
        else if (o->argument)
            printf(" Ar %s", o->argument);
        puts("");
        print_mdoc(o->help);
        puts("");
    }
    end_list();
}

static void common_options(void)
{
    print_options(HK_GROUP_GLOBAL | HK_GROUP_JSON);
}

static void select_options(void)
{
    print_options(HK_GROUP_SELECT);
}

static void print_command(const struct hk_command *command)
{
    unsigned own = command->groups & ~(unsigned)(HK_GROUP_GLOBAL | HK_GROUP_JSON | HK_GROUP_SELECT);
    const char *arguments = command->arguments;
    printf(".Ss %s\n", command->name);
    do {
        size_t len = strcspn(arguments, "\n");
        printf(".D1 Nm Cm %s Oo Ar option Oc Ns ...%s", command->name, len ? " " : "");
        for (size_t i = 0; i < len; i++)
            fputs(arguments[i] == '-' ? "\\-" : (char[]){arguments[i], '\0'}, stdout);
        puts("");
        arguments += len + (arguments[len] == '\n');
    } while (*arguments);
    printf(".Pp\n%c", command->summary[0] >= 'a' && command->summary[0] <= 'z'
                          ? command->summary[0] - 'a' + 'A'
                          : command->summary[0]);
    print_mdoc(command->summary + 1);
    puts(".");
    if (command->details[0]) {
        print_mdoc(command->details);
        puts("");
    }
    bool any = false;
    for (unsigned id = 0; id < HK_OPTIONS; id++)
        any = any || (hk_option_table[id].groups & own);
    if (any)
        print_options(own);
    if (command->groups & HK_GROUP_SELECT)
        puts(".Pp\nWhich processes: see\n.Sx Selecting processes .");
}

static void commands(void)
{
    for (unsigned i = 0; i < hk_command_count; i++)
        print_command(&hk_commands[i]);
}

static void findings(void)
{
    static const char *const list[][3] = {
#define HK_FINDING(id, name, weight, advice) {name, #weight, advice},
#include "ctl/doctor/findings.def"
    };
    if (!mdoc)
        puts("| finding | | what to do |\n| --- | --- | --- |");
    begin_list();
    for (unsigned i = 0; i < HK_COUNT_OF(list); i++) {
        bool note = strcmp(list[i][1], "NOTE") == 0;
        if (mdoc)
            print_entry("Li", list[i][0], note ? "a note" : "", list[i][2]);
        else
            printf("| [%s](#%s) | %s | %s |\n", list[i][0], list[i][0], note ? "note" : "", list[i][2]);
    }
    end_list();
}

static void programs(void)
{
    static const struct hk_program_info list[] = {
#define HK_PROGRAM(id, name, severity, message, remedy) {name, HK_SEVERITY_##severity, message, remedy},
#include "ctl/program/program_findings.def"
    };
    static const char *const severities[] = {
        [HK_SEVERITY_HARMFUL] = "harmful",
        [HK_SEVERITY_USELESS] = "useless",
        [HK_SEVERITY_PARTLY] = "in part",
        [HK_SEVERITY_FINE] = "fine",
    };
    if (!mdoc)
        puts("| | what is said | what to do |\n| --- | --- | --- |");
    begin_list();
    for (unsigned i = 0; i < HK_COUNT_OF(list); i++) {
        const char *severity = severities[list[i].severity];
        char text[512];
        snprintf(text, sizeof text, "%s: %s", list[i].message, list[i].remedy);
        if (mdoc)
            print_entry("Li", list[i].name, severity, text);
        else
            printf("| %s | %s | %s |\n", severity, list[i].message, list[i].remedy);
    }
    end_list();
}

static const struct {
    const char *name;
    void (*print)(void);
    bool both; /* in Markdown, too */
} regions[] = {
    {"class-counters", class_counters, false},
    {"heap-counters", heap_counters, false},
    {"process-counters", process_counters, false},
    {"derived-counters", derived_counters, false},
    {"tunables", tunables, false},
    {"settings", settings, false},
    {"limits", limits, false},
    {"methods", methods, false},
    {"errors", errors, true},
    {"daemon-options", daemon_options, false},
    {"exits", exits, true},
    {"common-options", common_options, false},
    {"select-options", select_options, false},
    {"commands", commands, false},
    {"findings", findings, true},
    {"programs", programs, true},
};

int main(int argc, char **argv)
{
    mdoc = argc == 3 && strcmp(argv[1], "mdoc") == 0;
    if (argc == 3 && (mdoc || strcmp(argv[1], "markdown") == 0)) {
        for (unsigned i = 0; i < HK_COUNT_OF(regions); i++) {
            if (strcmp(argv[2], regions[i].name) == 0 && (mdoc || regions[i].both)) {
                regions[i].print();
                return 0;
            }
        }
        fprintf(stderr, "doc_regions: no region '%s' in %s\n", argv[2], argv[1]);
        return 2;
    }
    fputs("usage: doc_regions mdoc|markdown REGION\n", stderr);
    return 2;
}
