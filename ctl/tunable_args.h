/*
 * tunable_args.h - what somebody typed for a tunable, checked before anybody is asked.
 *
 * Whether a process has a size class (refill_batch.SIZE) only the daemon knows; the value is checked all
 * the same. Pure.
 */
#ifndef HAKMEM_CTL_TUNABLE_ARGS_H
#define HAKMEM_CTL_TUNABLE_ARGS_H

#include <stdbool.h>
#include <stddef.h>

/* Checks the first len bytes of name, "name" or "name.SIZE". False: error says why, naming the nearest. */
bool hk_tunable_arg_check_name(const char *name, size_t len, char *error, size_t size);

/* Checks NAME=VALUE. False: error says why, naming the range. */
bool hk_tunable_arg_check(const char *assignment, char *error, size_t size);

/* Length of the name in NAME=VALUE or NAME. */
size_t hk_tunable_arg_name_len(const char *text);

#endif
