/*
 * init.h - the order in which the library comes to life.
 *
 * The first malloc may come before any constructor has run, in any thread: what it needs is made on demand
 * (hk_init_ready). What needs the environment or makes system calls that a program may later forbid is done
 * by a constructor, before main.
 */
#ifndef HAKMEM_LIB_INIT_H
#define HAKMEM_LIB_INIT_H

#include <stdbool.h>

/* The arena is there and parameters are set. false: no memory even for that; to be asked again. */
bool hk_init_ready(void);

/* hk_divert_init() (lib/divert.h), where hk_init_ready() came before there was an environment. */
bool hk_init_divert(bool at_last);

/* In a forked child: lock free again. */
void hk_init_after_fork(void);

#endif
