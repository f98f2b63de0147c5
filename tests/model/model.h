/*
 * model.h - a tester that knows what an allocator must never do: what its parts share.
 *
 * Every live block has a record (struct block) and its range is claimed in a map of all addresses (claims.h);
 * its contents follow from a seed (pattern.h). Threads make calls at random (calls.h, steps.h), each from a
 * sequence that its number and the run's seed determine, whatever other threads do. None of the tester's own
 * data is in memory of the allocator under test.
 */
#ifndef HAKMEM_TESTS_MODEL_MODEL_H
#define HAKMEM_TESTS_MODEL_MODEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/base.h"

#define OWN_SLOTS     1024
#define INBOX_SLOTS   128
#define WORKERS_MOST  64
#define PARCELS       512
#define LEFTOVER_MOST 16

/* What a block's record says may be relied on, in a forked child of another thread too. */
enum block_state { BLOCK_NONE = 0, BLOCK_BUSY = 1, BLOCK_LIVE = 2 };

struct block {
    _Atomic(unsigned) state;
    unsigned char *p;
    size_t size;   /* as asked for */
    size_t usable; /* as malloc_usable_size() said */
    size_t align;
    uint64_t seed; /* of its contents */
    bool whole;    /* all of it is filled, not samples */
};

/* A thread of the tester: its blocks, and how far it has come. */
struct worker {
    _Atomic(bool) in_use;
    uint64_t number;    /* counts up through the run */
    uint64_t operation; /* the one it is at */
    uint64_t last;      /* it ends before this one */
    size_t bytes;       /* in its own slots, as asked for */
    bool in_child;
    bool counts; /* nobody else allocates: figures must be exact */
    uint64_t other_blocks, other_bytes;
    struct block own[OWN_SLOTS];
    struct block inbox[INBOX_SLOTS];
    struct block leftover[LEFTOVER_MOST]; /* freed by the thread's destructors */
};

struct model_options {
    uint64_t seed, ops, only, fork_every;
    unsigned seconds, threads, profile;
    bool tune, trace, raw_fork;
};

extern struct model_options model;
extern struct worker *workers; /* WORKERS_MOST of them */

/* Operations done by all threads. */
extern _Atomic(uint64_t) model_operations;

/* The calling thread's, NULL in main. */
extern _Thread_local struct worker *self;

/* Ends the process with status 1 and a line that says what was seen and how to see it again. b: the block
 * concerned, or NULL. at: a byte in it. */
_Noreturn void violation(const struct block *b, size_t at, const char *format, ...) HK_PRINTF(3, 4);

/* Zeroed memory that does not come from the allocator; ends the process if there is none. */
void *own_memory(size_t bytes);

#endif
