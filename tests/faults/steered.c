/*
 * steered.c - processes whose control plane fails them: at one system call or another of greeting a daemon,
 * of doing what it says, of noticing that it is gone, and of greeting the next.
 *
 * usage: steered [--sample N] [--seed S] [--jobs N] WORK
 *
 * The daemon's part is played here (support/listener.h): each run has two in turn. Whatever fails, the
 * process is greeted with in the end, obeys both, and ends as it should with no descriptor left.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/faults/plan.h"
#include "tests/support/check.h"
#include "tests/support/listener.h"

#define MOST_CALLS 4000
#define EXPIRY_MS  1000
#define POLL_MS    50

/* Of all jobs, and of the program's supervisors. */
static struct {
    const struct inject_call *seen[MOST_CALLS];
    _Atomic(unsigned) next, runs, faults, untouched;
    unsigned calls, usual_fds;
} * shared;

static char *work_argv[] = {NULL, (char *)(uintptr_t) "steered", NULL};
static const char *library;

static int decide(void *arg, const struct seccomp_data *data, const struct inject_call *call)
{
    (void)data;
    return plan_next(arg, call, shared->seen, MOST_CALLS);
}

/* ---- the process ---- */

struct process {
    pid_t supervisor;
    int input; /* closing it lets the program do the rest and end */
    int output;
};

static void supervise(const struct plan *plan, int output)
{
    struct plan_run run = {.plan = *plan};
    struct inject_program program = {.argv = work_argv, .library = library, .output = output};
    int status = inject_run(&program, decide, plan_marked, &run);
    if (plan->what == PLAN_NONE)
        shared->calls = run.calls;
    atomic_fetch_add(&shared->faults, run.failed);
    atomic_fetch_add(&shared->untouched, run.failed == 0);
    if (status != 0)
        dprintf(output, "ended with status %#x; %u of %u calls failed\n", (unsigned)status, run.failed,
                run.calls);
    _exit(status != 0);
}

static struct process begin(const struct plan *plan)
{
    struct process p = {.output = memfd_create("output", MFD_CLOEXEC)};
    int ends[2];
    CHECK(p.output >= 0 && pipe2(ends, O_CLOEXEC) == 0, "a pipe: %s", strerror(errno));
    p.input = ends[1];
    fflush(NULL);
    p.supervisor = fork();
    CHECK(p.supervisor >= 0, "fork: %s", strerror(errno));
    if (p.supervisor == 0) {
        CHECK(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO, "dup2");
        close(ends[1]);
        supervise(plan, p.output);
    }
    close(ends[0]);
    return p;
}

/* Ends the test with what the program printed. */
static _Noreturn void tell(const struct process *p, const struct plan *plan, const char *what)
{
    char text[4096], name[64];
    ssize_t n = pread(p->output, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    plan_print(plan, name, sizeof name);
    printf("--only %s: %s\n%s", name, what, text);
    fflush(stdout);
    kill(p->supervisor, SIGKILL); /* and with it the program */
    _exit(1);
}

static unsigned descriptors_left(const struct process *p)
{
    char text[4096];
    unsigned fds = 0;
    ssize_t n = pread(p->output, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    const char *at = strstr(text, "fds=");
    return at != NULL && sscanf(at, "fds=%u", &fds) == 1 ? fds : 0;
}

/* ---- the daemons ---- */

static bool obeys(const struct greeting *g, uint64_t value)
{
    struct hk_area_view area;
    return greeting_area(g, (pid_t)g->hello.pid, &area, NULL) &&
           area.applied[HK_TUNE_bin_cap].effective == value;
}

/* A daemon that is greeted with, or has been, and says what bin_cap is to be until it is. */
static void steer(const struct listener *l, struct greeting *g, uint64_t value, const struct process *p,
                  const struct plan *plan)
{
    uint64_t start = check_now_ns();
    bool greeted = false;
    for (;;) {
        struct greeting next;
        if (listener_accept(l, POLL_MS, &next)) {
            next.tuning.generation = g->tuning.generation; /* as a daemon learns from the process */
            greeting_drop(g);
            *g = next;
            greeted = true;
            greeting_set(g, HK_TUNE_bin_cap, value, 0);
            greeting_beat(g, EXPIRY_MS, true); /* first: whoever sees a beat sees that it may greet again */
            greeting_publish(g);
        }
        if (greeted)
            greeting_beat(g, EXPIRY_MS, true);
        if (greeted && obeys(g, value))
            return;
        if (waitpid(p->supervisor, NULL, WNOHANG) != 0)
            tell(p, plan, "it ended early");
        if (check_now_ns() - start > UINT64_C(120000000000))
            tell(p, plan, greeted ? "it does not obey" : "it greets nobody");
    }
}

static void run_once(const struct plan *plan)
{
    struct listener l;
    static struct greeting g;
    int status = -1;
    memset(&g, 0, sizeof g);
    listener_open(&l);
    setenv("HAKMEM_RUNTIME_DIR", l.dir, 1);
    struct process p = begin(plan);
    steer(&l, &g, 64, &p, plan);
    /* It is silent from here on; its successor listens in the same place. */
    steer(&l, &g, 32, &p, plan);
    close(p.input);
    CHECK(waitpid(p.supervisor, &status, 0) == p.supervisor, "waitpid");
    unsigned fds = descriptors_left(&p);
    if (status != 0 || fds == 0)
        tell(&p, plan, "it ended badly");
    if (plan->what == PLAN_NONE)
        shared->usual_fds = fds;
    if (fds != shared->usual_fds)
        tell(&p, plan, "descriptors were left open");
    close(p.output);
    greeting_drop(&g);
    listener_remove(&l);
    atomic_fetch_add(&shared->runs, 1);
}

/* ---- all of them ---- */

static unsigned do_jobs(unsigned jobs, const struct plan *plans, unsigned count)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < jobs; i++) {
        fflush(stdout);
        pid_t pid = fork();
        CHECK(pid >= 0, "fork: %s", strerror(errno));
        if (pid == 0) {
            for (unsigned at; (at = atomic_fetch_add(&shared->next, 1)) < count;)
                run_once(&plans[at]);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < jobs; i++) {
        int status = -1;
        CHECK(wait(&status) > 0, "wait");
        wrong += status != 0;
    }
    return wrong;
}

static void shuffle(struct plan *plans, unsigned count, uint64_t seed)
{
    for (unsigned i = count; i > 1; i--) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        unsigned j = (unsigned)((seed >> 33) % i);
        struct plan p = plans[j];
        plans[j] = plans[i - 1];
        plans[i - 1] = p;
    }
}

/* Without those that last until memory is back: nobody greets without a system call. */
static unsigned drop_endless(struct plan *plans, unsigned count)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        if (plans[i].what == PLAN_ONE || plans[i].length != 0)
            plans[kept++] = plans[i];
    }
    return kept;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"sample", required_argument, NULL, 'n'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"jobs", required_argument, NULL, 'j'},
                                            {NULL, 0, NULL, 0}};
    const char *given = getenv("HAKMEM_TEST_SEED");
    unsigned sample = 0, jobs = 16, count;
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : check_now_ns();
    for (int o; (o = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
        if (o == '?')
            return 2;
        unsigned long long value = strtoull(optarg, NULL, 0);
        sample = o == 'n' ? (unsigned)value : sample;
        seed = o == 's' ? value : seed;
        jobs = o == 'j' ? (unsigned)value : jobs;
    }
    CHECK(optind + 1 == argc, "usage: steered [OPTION...] WORK");
    work_argv[0] = argv[optind];
    library = realpath(getenv("HAKMEM_LIB") != NULL ? getenv("HAKMEM_LIB") : "", NULL);
    CHECK(library != NULL, "HAKMEM_LIB");
    setenv("HAKMEM_PUBLISH", "retry", 1);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED, "mmap: %s", strerror(errno));
    run_once(&(struct plan){.what = PLAN_NONE});
    struct plan *plans = plan_all(shared->seen, shared->calls < MOST_CALLS ? shared->calls : MOST_CALLS,
                                  &count);
    count = drop_endless(plans, count);
    printf("%u calls of the library, %u plans, --seed %llu; %u descriptors\n", shared->calls, count,
           (unsigned long long)seed, shared->usual_fds);
    shuffle(plans, count, seed);
    if (sample != 0 && sample < count)
        count = sample;
    atomic_store(&shared->runs, 0);
    atomic_store(&shared->untouched, 0);
    unsigned wrong = do_jobs(jobs < count ? jobs : count, plans, count);
    printf("%u runs were well, %u calls failed, %u runs had nothing to fail\n", atomic_load(&shared->runs),
           atomic_load(&shared->faults), atomic_load(&shared->untouched));
    return wrong != 0 || atomic_load(&shared->faults) == 0;
}
