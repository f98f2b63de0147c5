/*
 * puppet.h - a program under libhakmem.so that does as it is told, a line at a time.
 *
 * It makes no allocation but those it is told to, so what its counters should say is known exactly; and
 * between commands it does nothing at all. Commands (puppet_main.c); SET is a number below 2048, W a
 * worker's below 1024, SIZE in bytes:
 *
 *   alloc SET SIZE COUNT       adds COUNT blocks, each with a pattern in it
 *   calloc SET SIZE COUNT      the same by calloc, which must be zero
 *   touch SET                  writes every page of every block
 *   free SET [COUNT] [ORDER]   checks and frees COUNT (0: all); ORDER: last (default), first, random
 *   realloc SET SIZE           every block
 *   churn SIZE COUNT TIMES     TIMES: COUNT blocks allocated, then freed
 *   snapshot                   -> allocs frees live_blocks live_bytes bin partial retained mapped
 *   tune NAME VALUE            -> what hakmem_tune() returns
 *   label TEXT, trim KEEP (-> bytes), malloc_trim PAD (-> 0 or 1), mallopt PARAM VALUE (-> 0 or 1)
 *   start W [W2]               workers W to W2 (a range in all of these): threads that do as they are told
 *   on W [W2] COMMAND          each of them does it, all at once; SET and then SET + 1, ... for the next
 *   stop W [W2]                they end
 *   fork COMMAND               -> pid of a child that has done it and then sleeps till it is killed
 *   leave STATUS               exit(STATUS), without a reply
 *
 * All functions end the test program on what must not happen.
 */
#ifndef HAKMEM_TESTS_SUPPORT_PUPPET_H
#define HAKMEM_TESTS_SUPPORT_PUPPET_H

#include <sys/types.h>

#include "shm/base.h"

struct puppet {
    pid_t pid;
    int to, from;  /* commands and replies */
    int errors_fd; /* what it wrote to stderr */
    char reply[512];
};

/* Starts it with HAKMEM_RUNTIME_DIR=dir (NULL: none that exists) and "A=b" settings, a list ended by NULL
 * (or NULL). */
void puppet_start(struct puppet *puppet, const char *dir, const char *const *settings);

/* Sends a command and waits for the reply: its text, good until the next. "!why" ends the test. */
const char *puppet_say(struct puppet *puppet, const char *format, ...) HK_PRINTF(2, 3);

/* The same for a reply of numbers: the index-th of them. */
uint64_t puppet_number(const char *reply, unsigned index);

/* Sends without waiting, and waits. */
void puppet_send(struct puppet *puppet, const char *format, ...) HK_PRINTF(2, 3);
const char *puppet_wait(struct puppet *puppet);

/* What it has written to stderr so far, into buf; returns buf. */
const char *puppet_errors(const struct puppet *puppet, char *buf, size_t size);

/* Lets it run to its normal end, or kills it; returns its wait status. */
int puppet_end(struct puppet *puppet);
int puppet_kill(struct puppet *puppet);

#endif
