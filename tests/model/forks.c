/* forks.c - see forks.h. */
#include "tests/model/forks.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/model/calls.h"
#include "tests/model/steps.h"
#include "tests/model/threads.h"

#define CHILD_OPERATIONS  400
#define THREAD_OPERATIONS 1500

_Atomic(uint64_t) model_forks;

/* Blocks of a thread that is not here: as they were at the fork, and the child's to free. */
static void go_through(struct block *blocks, size_t count, struct dice *d)
{
    for (size_t i = 0; i < count; i++) {
        if (atomic_load(&blocks[i].state) != BLOCK_LIVE)
            continue;
        call_verify(&blocks[i]);
        if (one_in(d, 2))
            call_release(&blocks[i], d);
    }
}

static void check_inherited(const struct worker *w, struct dice *d)
{
    for (struct worker *other = workers; other < workers + WORKERS_MOST; other++) {
        if (other == w || !atomic_load(&other->in_use))
            continue;
        go_through(other->own, OWN_SLOTS, d);
        go_through(other->inbox, INBOX_SLOTS, d);
        go_through(other->leftover, LEFTOVER_MOST, d);
        atomic_store(&other->in_use, false);
    }
    check_parcels();
}

static void check_own(struct worker *w)
{
    for (size_t i = 0; i < OWN_SLOTS; i++) {
        if (atomic_load(&w->own[i].state) == BLOCK_LIVE)
            call_verify(&w->own[i]);
    }
}

/* The C library's locks are only free after fork(): no threads after _Fork(). */
static _Noreturn void in_child(struct worker *w, struct dice *d, bool raw)
{
    w->in_child = true;
    w->counts = false;
    if (one_in(d, 8))
        _exit(0);
    if (one_in(d, 2))
        check_inherited(w, d);
    check_own(w);
    w->operation++;
    for (unsigned i = 0; i < CHILD_OPERATIONS; i++)
        step(w);
    if (!raw && one_in(d, 2))
        run_children_threads(w->number, THREAD_OPERATIONS);
    if (one_in(d, 2))
        release_all(w);
    _exit(0);
}

void fork_and_check(struct worker *w, struct dice *d)
{
    bool raw = model.raw_fork && one_in(d, 4);
    pid_t pid = raw ? _Fork() : fork();
    if (pid == 0)
        in_child(w, d, raw);
    int status = 0;
    if (pid < 0)
        violation(NULL, 0, "fork failed: error %d", errno);
    while (waitpid(pid, &status, 0) != pid) {
        if (errno != EINTR)
            violation(NULL, 0, "waiting for a child failed: error %d", errno);
    }
    if (status != 0)
        violation(NULL, 0, "a %s child ended with status %#x", raw ? "_Fork()ed" : "forked",
                  (unsigned)status);
    atomic_fetch_add(&model_forks, 1);
}
