/*
 * daemon_options.h - hakmemd's command line.
 */
#ifndef HAKMEM_DAEMON_DAEMON_OPTIONS_H
#define HAKMEM_DAEMON_DAEMON_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct hk_options {
    const char *runtime_dir; /* NULL: not given */
    const char *config_file; /* NULL: the usual place */
    uint32_t interval_ms;    /* 0: as configured */
    int log_level;           /* enum hk_log_level; -1: as configured */
    bool user;
    bool check_config;
};

/* Reads the command line. Returns -1 to go on, else the exit status: 0 after --help or --version, 2 with
 * a message on stderr for what it does not understand. */
int hk_options_read(struct hk_options *options, int argc, char **argv);

#endif
