/*
 * steps.h - one operation after another, as a thread's dice say; and blocks that go from thread to thread.
 */
#ifndef HAKMEM_TESTS_MODEL_STEPS_H
#define HAKMEM_TESTS_MODEL_STEPS_H

#include "tests/model/model.h"
#include "tests/model/random.h"

/* The calling thread's next operation. */
void step(struct worker *w);

/* Puts a block among those that any thread may take, or frees it where there is no place. */
void hand_over(struct block *b, struct dice *d);

/* Takes one of them; false where the place looked at had none. */
bool take_over(struct block *b, struct dice *d);

/* Frees what nobody took. No other thread may run. */
void release_parcels(void);

/* In a forked child: what other threads were just putting or taking stays theirs. Checks the rest. */
void check_parcels(void);

#endif
