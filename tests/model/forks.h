/*
 * forks.h - children that check what they inherited and go on with it.
 */
#ifndef HAKMEM_TESTS_MODEL_FORKS_H
#define HAKMEM_TESTS_MODEL_FORKS_H

#include "tests/model/model.h"
#include "tests/model/random.h"

/* Forks and waits for the child, which checks every block of every thread, frees some of them, goes on with
 * the calling thread's operations, starts threads and exits. violation() unless it ends well. */
void fork_and_check(struct worker *w, struct dice *d);

/* Children so far. */
extern _Atomic(uint64_t) model_forks;

#endif
