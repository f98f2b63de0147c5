/*
 * program_report.h - what was found of a program, told on stderr.
 */
#ifndef HAKMEM_CTL_PROGRAM_PROGRAM_REPORT_H
#define HAKMEM_CTL_PROGRAM_PROGRAM_REPORT_H

#include "ctl/program/program.h"

/* Says what was found, each with what can be done: what does harm as an error (with forced, as a warning),
 * what makes it useless or partly so as a warning, and the rest only with -v. who: goes before it, such as a
 * unit's name; or NULL. name: how the program was named. True unless it does harm. */
bool hk_program_report(const struct hk_program *program, const char *who, const char *name, bool forced);

#endif
