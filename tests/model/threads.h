/*
 * threads.h - threads that come, work, leave blocks behind and go.
 */
#ifndef HAKMEM_TESTS_MODEL_THREADS_H
#define HAKMEM_TESTS_MODEL_THREADS_H

#include <pthread.h>

#include "tests/model/model.h"

/* Called once, by main. */
void threads_init(void);

/* Starts a thread that does so many operations as number says, or `operations` of them if that is not 0. */
pthread_t start_thread(uint64_t number, uint64_t operations, bool in_child);

/* In a forked child: two threads, one after the other and at once. */
void run_children_threads(uint64_t number, uint64_t operations);

/* Frees what the worker has. */
void release_all(struct worker *w);

/* No thread is to begin another operation; threads see to it themselves once time is up. */
extern _Atomic(bool) stop_threads;

/* Lets time be up in so many seconds; without it, it never is. */
void set_time(unsigned seconds);
bool time_is_up(void);

#endif
