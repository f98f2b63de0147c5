/* daemon_options.c - see daemon_options.h. */
#include "daemon/daemon_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "daemon/base/systemd.h"
#include "shm/layout.h"
#include "shm/nearest.h"

enum {
    OPTION_FIRST = 255,
#define HK_DAEMON_OPTION(id, ...) OPTION_##id,
#include "daemon/daemon_options.def"
};

static const struct option known[] = {
#define HK_DAEMON_OPTION(id, name, argument, help)                                                           \
    {name, (argument) != NULL ? required_argument : no_argument, NULL, OPTION_##id},
#include "daemon/daemon_options.def"
    {NULL, 0, NULL, 0},
};

static const struct {
    const char *name, *argument, *help;
} rows[] = {
#define HK_DAEMON_OPTION(id, name, argument, help) {name, argument, help},
#include "daemon/daemon_options.def"
};

#define HELP_COLUMN 22

static int print_help(void)
{
    puts("usage: hakmemd [options]\n"
         "\n"
         "Reads the counters of every process that runs with libhakmem.so, answers questions about them and\n"
         "pushes tuning to them. Runs in the foreground and logs to stderr.\n");
    for (unsigned i = 0; i < HK_COUNT_OF(rows); i++) {
        const char *argument = rows[i].argument, *at = rows[i].help;
        char term[64];
        snprintf(term, sizeof term, "--%s%s%s", rows[i].name, argument ? " " : "", argument ? argument : "");
        printf("  %-*s", HELP_COLUMN - 2, term);
        for (size_t len; len = strcspn(at, "\n"), at[len]; at += len + 1)
            printf("%.*s\n%*s", (int)len, at, HELP_COLUMN, "");
        puts(at);
    }
    puts("\nSIGHUP reads the configuration again; SIGTERM and SIGINT end the daemon.\n"
         "The manual: hakmemd(8), hakmemd.json(5).");
    return 0;
}

static int fail(const char *what, const char *which)
{
    fprintf(stderr, "hakmemd: %s%s\nTry 'hakmemd --help'.\n", what, which);
    return 2;
}

static int unknown_option(const char *word)
{
    const char *names[sizeof known / sizeof known[0]];
    const char *near;
    unsigned n = 0;
    while (known[n].name) {
        names[n] = known[n].name;
        n++;
    }
    word += strspn(word, "-");
    if (hk_nearest(word, strcspn(word, "="), names, n, &near, 1) != 1)
        return fail("no such option: --", word);
    fprintf(stderr, "hakmemd: no such option: --%s; nearest: --%s\nTry 'hakmemd --help'.\n", word, near);
    return 2;
}

static int read_interval(struct hk_options *options, const char *text)
{
    uint32_t min, max;
    hk_config_bounds("interval_ms", &min, &max);
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || v < min || v > max) {
        fprintf(stderr, "hakmemd: --interval-ms: '%s' is not a number from %u to %u\n", text, min, max);
        return 2;
    }
    options->interval_ms = (uint32_t)v;
    return -1;
}

static int print_version(void)
{
    printf("hakmemd %s, segment ABI %d.%d, libsystemd %s\n", HAKMEM_VERSION, HK_ABI_MAJOR, HK_ABI_MINOR,
           hk_systemd_built() ? "yes" : "no");
    return 0;
}

static int take(struct hk_options *options, int option, char **argv)
{
    switch (option) {
    case OPTION_RUNTIME_DIR:
        options->runtime_dir = optarg;
        return optarg[0] != '\0' ? -1 : fail("--runtime-dir: a directory is wanted", "");
    case OPTION_INTERVAL_MS:
        return read_interval(options, optarg);
    case OPTION_CONFIG:
        options->config_file = optarg;
        return -1;
    case OPTION_CHECK_CONFIG:
        options->check_config = true;
        return -1;
    case OPTION_USER:
        options->user = true;
        return -1;
    case OPTION_LOG_LEVEL:
        options->log_level = hk_log_level_find(optarg);
        return options->log_level >= 0 ? -1 : fail("--log-level: error, warn, info or debug, not ", optarg);
    case OPTION_VERSION:
        return print_version();
    case OPTION_HELP:
        return print_help();
    case ':':
        return fail("a value is missing after ", argv[optind - 1]);
    default:
        return unknown_option(argv[optind - 1]);
    }
}

int hk_options_read(struct hk_options *options, int argc, char **argv)
{
    *options = (struct hk_options){.log_level = -1};
    opterr = 0;
    int option, status = -1;
    while (status < 0 && (option = getopt_long(argc, argv, ":", known, NULL)) != -1)
        status = take(options, option, argv);
    if (status < 0 && optind < argc)
        return fail("no arguments are taken, but here is ", argv[optind]);
    return status;
}
