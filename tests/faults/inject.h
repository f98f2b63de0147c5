/*
 * inject.h - a program whose library's system calls are asked about before they are made, and may fail.
 *
 * By a seccomp filter that tells a supervisor of each call (Linux 5.5): threads and forked children are under
 * it too, signals and waiting work as ever, and a call that is to fail never reaches the kernel. Calls are
 * the library's where they are made by code of libhakmem.so; those of the program and the C library pass.
 *
 * Not thread-safe: one program at a time in a process. What must not happen ends the caller
 * (support/check.h).
 */
#ifndef HAKMEM_TESTS_FAULTS_INJECT_H
#define HAKMEM_TESTS_FAULTS_INJECT_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <sys/types.h>

#include "shm/base.h"

#define INJECT_ERRORS 4

/* A system call that can be made to fail, and with what, the likeliest first; zeros end the list. */
struct inject_call {
    long nr;
    const char *name;
    int errors[INJECT_ERRORS];
    bool wants_memory; /* what fails when there is none */
};

/* By number; NULL for what is never asked about. */
const struct inject_call *inject_find(long nr);
const struct inject_call *inject_named(const char *name, size_t len);

/* "ENOMEM" of ENOMEM and the like, both ways; NULL and 0 for what is not known. */
const char *inject_error_name(int error);
int inject_error_number(const char *name);

struct inject_program {
    char *const *argv;   /* its path and arguments */
    const char *library; /* preloaded for it alone */
    int output;          /* its stdout and stderr; -1: the caller's */
};

/* Whether a call is to fail: 0 lets it pass, an errno makes it fail. */
typedef int inject_decide(void *arg, const struct seccomp_data *call, const struct inject_call *what);

/* Called for every call of the program's own that carries a mark: fcntl(-1, INJECT_MARK, number). */
#define INJECT_MARK 0x4861
typedef void inject_marked(void *arg, unsigned number);

/* Runs the program to its end and returns its status as waitpid() gives it. Its addresses are not random.
 * Skips the test (status 77) where such filters cannot be installed. */
int inject_run(const struct inject_program *program, inject_decide *decide, inject_marked *marked, void *arg);

#endif
