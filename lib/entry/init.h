/*
 * init.h - the order in which the library comes to life.
 *
 * The first malloc may come before any constructor has run, in any thread: what it needs is made on demand
 * (hk_init_ready). What needs the environment or makes system calls that a program may later forbid is done
 * by a constructor, before main.
 */
#ifndef HAKMEM_LIB_ENTRY_INIT_H
#define HAKMEM_LIB_ENTRY_INIT_H

#include <stdatomic.h>
#include <stdbool.h>

/* The arena is there and parameters are set. false: no memory even for that; to be asked again. Or the
 * calls are another allocator's (hk_divert_stands_back()). */
bool hk_init_ready(void);

/* hk_divert_init() (lib/harden/intercept.h), where hk_init_ready() came before there was an environment. */
bool hk_init_divert(bool at_last);

/*
 * Runs a step at most once in the process, beside no other such step and no other initialisation.
 *
 * @param done  says whether the step has succeeded; false at first
 * @param step  returns false if it is to be tried again at the next call. A fork may cut it anywhere: the
 *              child then runs it from the beginning.
 * Any thread, before the constructor too. Returns when the step is done or has failed.
 */
void hk_init_once(_Atomic(bool) *done, bool (*step)(void));

/* In a forked child: lock free again. */
void hk_init_after_fork(void);

#endif
