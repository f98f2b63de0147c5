/*
 * help.h - what --help and --options print, from the tables of commands, options and tunables.
 */
#ifndef HAKMEM_CTL_HELP_H
#define HAKMEM_CTL_HELP_H

#include "ctl/commands.h"
#include "ctl/render/output.h"

/* Of the whole tool, or of one subcommand. */
void hk_help(const struct hk_output *out, const struct hk_command *command);

/* For completions, fields separated by tabs, one item a line:
 *   command NAME WORDS SUMMARY           WORDS: none, pids, stats, tune, program, units, enabled
 *   option  NAME OPTION LETTER KIND NEED HELP   NAME: the command, "-" before it; NEED: none, may, must
 *   tunable NAME CHOICES HELP            NAME ends in ".SIZE" where there is one for each class
 * An empty field is "-". */
void hk_help_listing(FILE *out);

#endif
