/* args.c - see args.h. */
#include "ctl/args.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/quantity.h"
#include "ctl/commands.h"
#include "ctl/render/output.h"
#include "ctl/service/service_name.h"
#include "ctl/tunable_args.h"
#include "shm/layout.h"
#include "shm/nearest.h"

#define LONG        256 /* getopt's value of an option's long form: this and its id */
#define WAIT_MOST   60000
#define LIFE_MOST_S (366 * 86400.0) /* the daemon's own bound */

HK_PRINTF(2, 3) static bool fail(struct hk_args *args, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(args->error, sizeof args->error, format, values);
    va_end(values);
    return false;
}

/* "; nearest: a, b", or "" where nothing is near. */
static const char *hint(const char *word, size_t len, const char *const *names, unsigned count,
                        const char *dashes, char *buf, size_t size)
{
    const char *near[3];
    unsigned n = hk_nearest(word, len, names, count, near, HK_COUNT_OF(near));
    size_t at = 0;
    buf[0] = '\0';
    for (unsigned i = 0; i < n; i++) {
        int wrote = snprintf(buf + at, size - at, "%s%s%s", i ? ", " : "; nearest: ", dashes, near[i]);
        at += wrote > 0 && (size_t)wrote < size - at ? (size_t)wrote : 0;
    }
    return buf;
}

/* ---- numbers ---- */

static bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end;
    errno = 0;
    if (!isdigit((unsigned char)text[0]))
        return false;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0' && *out >= least && *out <= most;
}

static bool read_pid(struct hk_args *args, const char *option, const char *text, uint32_t *out)
{
    uint64_t pid;
    if (!read_number(text, 1, INT32_MAX, &pid))
        return fail(args, "--%s: '%.80s' is not a process id", option, text);
    *out = (uint32_t)pid;
    return true;
}

static bool add_pid(struct hk_args *args, const char *text)
{
    struct hk_selector_args *s = &args->selector;
    s->pids = hk_grow(s->pids, s->pid_count, &s->pid_capacity, sizeof *s->pids);
    return read_pid(args, "pid", text, &s->pids[s->pid_count]) && ++s->pid_count;
}

static bool read_user(struct hk_args *args, const char *text)
{
    uint64_t uid;
    const struct passwd *user = NULL;
    bool number = read_number(text, 0, UINT32_MAX - 1, &uid);
    if (!number)
        user = getpwnam(text);
    if (!number && !user)
        return fail(args, "--uid: there is no user '%.80s'", text);
    args->selector.by_uid = true;
    args->selector.uid = user ? user->pw_uid : (uid_t)uid;
    return true;
}

/* A time of least..most milliseconds; range says so in words. */
static bool read_time(struct hk_args *args, const char *option, const char *text, double least, double most,
                      const char *range, double *ms)
{
    if (!hk_quantity_parse_duration(text, ms))
        return fail(args, "--%s: '%.80s' is not a time (2, 0.5, 500ms, 10min, 1h)", option, text);
    if (*ms < least || *ms > most)
        return fail(args, "--%s: '%.80s' is out of range, %s", option, text, range);
    return true;
}

static uint32_t round_up(double v)
{
    uint32_t whole = (uint32_t)v;
    return whole < v ? whole + 1 : whole;
}

static bool read_interval(struct hk_args *args, const char *text)
{
    double ms;
    if (!read_time(args, "interval", text, 20, 86400e3, "20 ms to 1 day", &ms))
        return false;
    args->interval_ms = round_up(ms);
    return true;
}

static bool read_life(struct hk_args *args, const char *text)
{
    double ms;
    if (!read_time(args, "life", text, 1, LIFE_MOST_S * 1e3, "more than 0 s and at most 366 d", &ms))
        return false;
    args->life_s = round_up(ms / 1e3);
    return true;
}

static bool read_wait(struct hk_args *args, const char *text)
{
    double ms;
    if (!read_time(args, "wait", text, 0, WAIT_MOST, "0 to 60 s", &ms))
        return false;
    args->wait_ms = round_up(ms);
    args->wait_given = true;
    return true;
}

static bool read_width(struct hk_args *args, const char *text)
{
    uint64_t width;
    if (!read_number(text, HK_OUTPUT_WIDTH_MIN, HK_OUTPUT_WIDTH_MAX, &width))
        return fail(args, "--width: '%.80s' is not a number of columns, %u..%u", text, HK_OUTPUT_WIDTH_MIN,
                    HK_OUTPUT_WIDTH_MAX);
    args->width = (unsigned)width;
    return true;
}

static bool read_form(struct hk_args *args, const char *text)
{
    if (text && strcmp(text, "pretty") != 0)
        return fail(args, "--json: '%.80s' is not a form; --json or --json=pretty", text);
    args->json = text ? HK_JSON_PRETTY : HK_JSON_COMPACT;
    return true;
}

static bool read_glob(struct hk_args *args, const char *option, const char *text, const char **out)
{
    if (text[0] == '\0')
        return fail(args, "--%s: an empty text matches nothing", option);
    if (*out)
        return fail(args, "--%s is given twice", option);
    *out = text;
    return true;
}

/* The last one counts, so that an alias's directory can be overridden. */
static bool read_dir(struct hk_args *args, const char *text)
{
    if (text[0] == '\0')
        return fail(args, "--runtime-dir wants a directory");
    args->runtime_dir = text;
    return true;
}

static bool read_label(struct hk_args *args, const char *text)
{
    if (strlen(text) >= HK_LABEL_BYTES)
        return fail(args, "--label: %zu bytes are too many, at most %d", strlen(text), HK_LABEL_BYTES - 1);
    for (const char *c = text; *c; c++) {
        if (iscntrl((unsigned char)*c))
            return fail(args, "--label: a label has no control characters");
    }
    args->label = text;
    return true;
}

/* ---- tunables ---- */

static bool add_tune(struct hk_args *args, const char *text, bool with_value)
{
    size_t len = hk_tunable_arg_name_len(text);
    bool good = with_value ? hk_tunable_arg_check(text, args->error, sizeof args->error)
                           : hk_tunable_arg_check_name(text, len, args->error, sizeof args->error);
    for (size_t i = 0; good && i < args->tune_count; i++) {
        if (hk_tunable_arg_name_len(args->tunes[i]) == len && memcmp(args->tunes[i], text, len) == 0)
            return fail(args, "%.*s is given twice", (int)len, text);
    }
    if (!good)
        return false;
    args->tunes = hk_grow(args->tunes, args->tune_count, &args->tune_capacity, sizeof *args->tunes);
    args->tunes[args->tune_count++] = text;
    return true;
}

/* ---- options ---- */

static bool take_option(struct hk_args *args, enum hk_option_id id, const char *text)
{
    struct hk_selector_args *select = &args->selector;
    const char *name = hk_option_table[id].name;
    switch (id) {
    case HK_OPT_PID:
        return add_pid(args, text);
    case HK_OPT_FAMILY:
        return read_pid(args, name, text, &select->family);
    case HK_OPT_COMM:
        return read_glob(args, name, text, &select->comm);
    case HK_OPT_EXE:
        return read_glob(args, name, text, &select->exe);
    case HK_OPT_UNIT:
        return read_glob(args, name, text, &select->unit);
    case HK_OPT_LABEL:
        return read_glob(args, name, text, &select->label);
    case HK_OPT_UID:
        return read_user(args, text);
    case HK_OPT_ALL:
        return select->all = true;
    case HK_OPT_DEAD:
        return args->dead = true;
    case HK_OPT_CLASSES:
        return args->classes = true;
    case HK_OPT_INTERVAL:
        return read_interval(args, text);
    case HK_OPT_COUNT:
        return read_number(text, 1, UINT32_MAX, &args->count) ||
               fail(args, "--count: '%.80s' is not a number from 1 on", text);
    case HK_OPT_GET:
        return args->get = true;
    case HK_OPT_RESET:
        return args->reset = true;
    case HK_OPT_LIFE:
        return read_life(args, text);
    case HK_OPT_WAIT:
        return read_wait(args, text);
    case HK_OPT_RUN_TUNE:
        return add_tune(args, text, true);
    case HK_OPT_RUN_LABEL:
        return read_label(args, text);
    case HK_OPT_LIBRARY:
        args->library = text;
        return text[0] == '/' || fail(args, "--library: '%.80s' is not an absolute path", text);
    case HK_OPT_FORCE:
        return args->force = true;
    case HK_OPT_OWN_UNITS:
        return args->own_units = true;
    case HK_OPT_ROOT:
        args->root = text;
        return text[0] != '\0' || fail(args, "--root wants a directory");
    case HK_OPT_RELOAD:
        return args->reload = true;
    case HK_OPT_RUNTIME_DIR:
        return read_dir(args, text);
    case HK_OPT_JSON:
        return read_form(args, text);
    case HK_OPT_WIDTH:
        return read_width(args, text);
    case HK_OPT_NO_COLOR:
        return args->no_color = true;
    case HK_OPT_VERBOSE:
        return args->verbose = true;
    case HK_OPT_HELP:
        return args->help = true;
    case HK_OPT_VERSION:
        return args->version = true;
    case HK_OPTIONS:
        break;
    }
    return false;
}

/* The options of some groups, as getopt_long wants them. */
struct grammar {
    struct option long_options[HK_OPTIONS + 1];
    char letters[2 * HK_OPTIONS + 3];
};

static void build_grammar(struct grammar *g, unsigned groups, bool stop_at_word)
{
    unsigned n = 0, at = 0;
    memset(g, 0, sizeof *g);
    if (stop_at_word)
        g->letters[at++] = '+';
    g->letters[at++] = ':';
    for (unsigned id = 0; id < HK_OPTIONS; id++) {
        const struct hk_option *o = &hk_option_table[id];
        if (!(o->groups & groups))
            continue;
        int has = !o->argument ? no_argument : o->optional ? optional_argument : required_argument;
        g->long_options[n++] = (struct option){
            .name = o->name, .has_arg = has, .flag = NULL, .val = LONG + (int)id};
        if (o->letter)
            g->letters[at++] = o->letter; /* none of these takes an argument */
    }
}

static enum hk_option_id by_letter(int letter)
{
    unsigned id = 0;
    while (id < HK_OPTIONS && hk_option_table[id].letter != letter)
        id++;
    return (enum hk_option_id)id;
}

static bool unknown_option(struct hk_args *args, const char *word, unsigned groups)
{
    const char *names[HK_OPTIONS];
    char buf[160];
    size_t len = strcspn(word, "=") - 2;
    for (unsigned id = 0; id < HK_OPTIONS; id++)
        names[id] = hk_option_table[id].groups & groups ? hk_option_table[id].name : NULL;
    hint(word + 2, len, names, HK_COUNT_OF(names), "--", buf, sizeof buf);
    return fail(args, "no option '%.*s'%s", (int)(len + 2 < 80 ? len + 2 : 80), word, buf);
}

static bool bad_option(struct hk_args *args, int why, const char *word, unsigned groups)
{
    if (why == ':')
        return fail(args, "--%s wants %s", hk_option_table[optopt - LONG].name,
                    hk_option_table[optopt - LONG].argument);
    if (optopt >= LONG)
        return fail(args, "--%s takes no argument", hk_option_table[optopt - LONG].name);
    if (optopt != 0)
        return fail(args, "no option '-%c'", isprint(optopt) ? optopt : '?');
    return unknown_option(args, word, groups);
}

/* Reads options up to the end, or to the first word; *next is then the first word's index. */
static bool read_options(struct hk_args *args, int argc, char **argv, unsigned groups, bool stop_at_word,
                         int *next)
{
    struct grammar g;
    int got;
    build_grammar(&g, groups, stop_at_word);
    opterr = 0;
    optind = 0;
    while ((got = getopt_long(argc, argv, g.letters, g.long_options, NULL)) != -1) {
        if (got == '?' || got == ':')
            return bad_option(args, got, argv[optind - 1], groups);
        enum hk_option_id id = got >= LONG ? (enum hk_option_id)(got - LONG) : by_letter(got);
        if (!take_option(args, id, optarg))
            return false;
    }
    *next = optind;
    return true;
}

/* ---- words ---- */

static bool is_digits(const char *word)
{
    return word[0] != '\0' && word[strspn(word, "0123456789")] == '\0';
}

static bool add_unit(struct hk_args *args, const char *word)
{
    char name[HK_SERVICE_NAME_BYTES];
    if (!hk_service_name(word, name, args->error, sizeof args->error))
        return false;
    for (size_t i = 0; i < args->unit_count; i++) {
        if (strcmp(args->units[i], name) == 0)
            return true;
    }
    args->units = hk_grow(args->units, args->unit_count, &args->unit_capacity, sizeof *args->units);
    args->units[args->unit_count++] = hk_need(strdup(name));
    return true;
}

static bool takes_units(const struct hk_args *args)
{
    return args->command->words == HK_WORDS_UNITS || args->command->words == HK_WORDS_ENABLED;
}

static bool take_word(struct hk_args *args, const char *word)
{
    enum hk_words kind = args->command->words;
    if (takes_units(args))
        return add_unit(args, word);
    if (kind != HK_WORDS_NONE && is_digits(word))
        return add_pid(args, word);
    if (kind == HK_WORDS_STATS && strcmp(word, "host") == 0)
        return args->host = true;
    if (kind == HK_WORDS_TUNE && (args->get || args->reset) && strchr(word, '='))
        return fail(args, "'%.80s': %s takes names, no values", word, args->get ? "--get" : "--reset");
    if (kind == HK_WORDS_TUNE)
        return add_tune(args, word, !args->get && !args->reset);
    return fail(args, "'%.80s' is one word too many%s", word,
                kind == HK_WORDS_NONE    ? ""
                : kind == HK_WORDS_STATS ? ": neither a pid nor host"
                                         : ": not a pid");
}

static bool check_tune(struct hk_args *args)
{
    bool set = !args->get && !args->reset;
    if (args->get && args->reset)
        return fail(args, "--get and --reset exclude each other");
    if (set && args->tune_count == 0)
        return fail(args, "nothing to do: NAME=VALUE, --get or --reset is missing");
    if (args->life_s && !set)
        return fail(args, "--life goes with NAME=VALUE");
    if (args->wait_given && args->get)
        return fail(args, "--wait does not go with --get");
    return true;
}

static bool check_units(struct hk_args *args)
{
    if (args->unit_count == 0)
        return fail(args, "which units?");
    if (args->root && args->own_units)
        return fail(args, "--root and --user exclude each other");
    if (args->root && args->reload)
        return fail(args, "--root and --reload exclude each other: nothing runs there");
    return true;
}

static bool check_together(struct hk_args *args)
{
    const struct hk_command *command = args->command;
    if (args->json && !(command->groups & HK_GROUP_JSON))
        return fail(args, "--json: there is no JSON form of %s", command->name);
    if (command->words == HK_WORDS_PROGRAM && !args->program)
        return fail(args, "no program to run");
    if (args->count && !args->interval_ms)
        return fail(args, "--count goes with --interval");
    if (command->words == HK_WORDS_TUNE && !check_tune(args))
        return false;
    if (takes_units(args) && !check_units(args))
        return false;
    if (command->wants_selector && !args->get && !hk_selector_args_given(&args->selector))
        return fail(args,
                    "which processes? --pid, --comm, --exe, --unit, --uid, --label, --family, or --all");
    return true;
}

static bool find_command(struct hk_args *args, const char *word)
{
    const char *names[32];
    char buf[160];
    unsigned n = 0;
    args->command = hk_command_find(word);
    if (args->command)
        return true;
    for (; n < hk_command_count && n < HK_COUNT_OF(names); n++)
        names[n] = hk_commands[n].name;
    hint(word, strlen(word), names, n, "", buf, sizeof buf);
    return fail(args, "no command '%.80s'%s", word, buf);
}

bool hk_args_parse(struct hk_args *args, int argc, char **argv)
{
    unsigned before = HK_GROUP_GLOBAL | HK_GROUP_JSON;
    int at = 0;
    memset(args, 0, sizeof *args);
    if (!read_options(args, argc, argv, before, true, &at))
        return false;
    if (at < argc && strcmp(argv[at], "help") == 0) {
        args->help = true;
        at++;
    }
    if (at >= argc)
        return args->help || args->version || fail(args, "no command");
    if (!find_command(args, argv[at]))
        return false;

    int rest = argc - at;
    char **words = argv + at;
    bool program = args->command->words == HK_WORDS_PROGRAM;
    if (!read_options(args, rest, words, args->command->groups, program, &at))
        return false;
    if (args->help || args->version)
        return true;
    if (program)
        args->program = at < rest ? &words[at] : NULL;
    for (; !program && at < rest; at++) {
        if (!take_word(args, words[at]))
            return false;
    }
    return check_together(args);
}

void hk_args_free(struct hk_args *args)
{
    free(args->selector.pids);
    free(args->tunes);
    for (size_t i = 0; i < args->unit_count; i++)
        free(args->units[i]);
    free(args->units);
}
