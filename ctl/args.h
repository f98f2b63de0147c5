/*
 * args.h - the command line, read and checked.
 *
 * Options come from option_table.def, subcommands from commands.c. Whatever can be known to be wrong without
 * a daemon is found here. Prints nothing; strings point into argv.
 */
#ifndef HAKMEM_CTL_ARGS_H
#define HAKMEM_CTL_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl/base/json_read.h"
#include "ctl/client/selector_args.h"
#include "ctl/option_table.h"

struct hk_command;

struct hk_args {
    const struct hk_command *command; /* NULL: only help or version was asked for */
    bool help, version, verbose, no_color;
    enum hk_json_form json;
    unsigned width; /* --width; 0: not given */
    const char *runtime_dir;
    struct hk_selector_args selector;
    bool dead;
    bool host; /* stats host */
    bool classes;
    uint32_t interval_ms; /* 0: once */
    uint64_t count;       /* 0: until interrupted */
    bool get, reset;
    uint32_t life_s; /* 0: until reset */
    bool wait_given;
    uint32_t wait_ms;
    const char **tunes; /* NAME=VALUE of tune and run; NAME of tune --get and --reset */
    size_t tune_count, tune_capacity;
    const char *label; /* run's and enable's */
    char **units; /* of enable and disable, whole names, each HK_SERVICE_NAME_BYTES at most; to be freed */
    size_t unit_count, unit_capacity;
    bool own_units, reload, force;
    const char *root, *library;
    char **program;  /* run's CMD and its arguments, NULL at the end */
    char error[640]; /* one sentence on what is wrong, "" where nothing is */
};

/* Reads argv (whose order may change). False: args->error says why, args->command as far as known. Not
 * thread-safe (getopt_long). hk_args_free() afterwards in either case. */
bool hk_args_parse(struct hk_args *args, int argc, char **argv);
void hk_args_free(struct hk_args *args);

#endif
