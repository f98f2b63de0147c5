/*
 * plan.h - which of a program's system calls are to fail in one run, and what they fail with.
 *
 * A plan has a text, by which a run can be repeated: WHAT:FIRST[:ERROR[:LENGTH]]
 *
 *   one      the FIRST call (from 1), with the ERRORth of its errors (from 0)
 *   memory   from the FIRST on all that want memory, with ENOMEM, LENGTH calls long
 *   all      from the FIRST on all there are, each with the ERRORth of its errors, LENGTH calls long
 *
 * LENGTH 0, the default: until the program says that memory is back.
 *
 * A rule makes one kind of call fail for ever, as an old kernel or a filter does: NAME[/ARG=V|/ARG&V]:ERRNO,
 * such as mremap:ENOSYS, madvise/2=8:EINVAL (whose argument 2 is 8), memfd_create/1&8:EINVAL (has that bit).
 */
#ifndef HAKMEM_TESTS_FAULTS_PLAN_H
#define HAKMEM_TESTS_FAULTS_PLAN_H

#include "tests/faults/inject.h"

enum plan_what { PLAN_NONE, PLAN_ONE, PLAN_MEMORY, PLAN_ALL };

struct plan {
    enum plan_what what;
    unsigned first, error, length;
};

/* false: not a plan. */
bool plan_parse(const char *text, struct plan *plan);
void plan_print(const struct plan *plan, char *text, size_t size);

/* What the number-th call (from 1) fails with; 0: it passes. */
int plan_error(const struct plan *plan, unsigned number, const struct inject_call *call);

/* How far a run by a plan has come. */
struct plan_run {
    struct plan plan;
    unsigned calls, failed; /* so far */
    bool back;              /* memory is */
};

/* What the next call fails with; 0: it passes. Without a plan the first most calls are noted in seen. */
int plan_next(struct plan_run *run, const struct inject_call *call, const struct inject_call **seen,
              unsigned most);

/* For inject_run(), with a struct plan_run in front of arg: the program says that memory is back. */
void plan_marked(void *arg, unsigned number);

/* All plans for a program that makes these calls, in order; *count says how many. Never freed. */
struct plan *plan_all(const struct inject_call *const *calls, unsigned n, unsigned *count);

struct rule {
    const struct inject_call *call;
    int error;
    int arg; /* -1: whatever its arguments */
    bool has_bit;
    uint64_t value;
};

bool rule_parse(const char *text, struct rule *rule);

/* What a call fails with by a rule; 0: it passes. */
int rule_error(const struct rule *rule, const struct seccomp_data *data);

#endif
