/*
 * faults.c - runs a program again and again, each time with other system calls of its allocator failing.
 *
 * usage: faults [OPTION...] PROGRAM [ARGUMENT...]
 *
 *   --sample N      so many of all the plans there are (plan.h), by a seed that is printed; else all
 *   --seed S        that seed; HAKMEM_TEST_SEED as well
 *   --jobs N        so many at a time (2)
 *   --rule RULE     besides, in every run; may be given again
 *   --only PLAN     this run alone, with the caller's input and output; its status is the program's
 *
 * A run without failures counts the library's calls, and shows what the program is to have left at its end
 * (the line of figures that it prints). Every other run must end as well, and with no more.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/faults/plan.h"
#include "tests/support/check.h"

#define MOST_CALLS 20000
#define MOST_RULES 8
#define SHOWN      40 /* failures that are told in full */

/* What may be left more than without failures, in KiB but for the first. Where munmap() and madvise() both
 * fail at once, addresses that nothing can be learnt of are given up with their pages, at most what was
 * mapped then: where all calls fail for a while, and where a rule refuses one of the two for good.
 */
static const struct bounds {
    unsigned long long mappings, mapped, uncounted, rss;
} usual_bounds = {24, 16 * 1024, 4 * 1024, 4 * 1024}, burst_bounds = {24, 16 * 1024, 16 * 1024, 4 * 1024},
  total_bounds = {24, 32 * 1024, 48 * 1024, 16 * 1024}, ruled_bounds = {24, 32 * 1024, 112 * 1024, 16 * 1024};

struct figures {
    unsigned refused, fds, mappings;
    unsigned long long live, mapped, window, rss;
};

/* One run. */
struct run {
    struct plan_run by;
    struct figures figures;
};

static struct rule rules[MOST_RULES];
static unsigned rule_count;
static struct inject_program program;
static const struct inject_call *seen[MOST_CALLS]; /* by the run without failures */

/* Of all jobs. */
static struct {
    _Atomic(unsigned) next, runs, faults, untouched, refused, wrong;
    _Atomic(long long) mappings, mapped, uncounted, rss; /* most that was left more than usual */
} * shared;

/* ---- one run ---- */

static int decide(void *arg, const struct seccomp_data *data, const struct inject_call *call)
{
    struct run *run = arg;
    for (unsigned i = 0; i < rule_count; i++) {
        int error = rule_error(&rules[i], data);
        if (error != 0) {
            run->by.failed += run->by.plan.what == PLAN_NONE;
            return error;
        }
    }
    return plan_next(&run->by, call, seen, MOST_CALLS);
}

/* What the program printed, so far as it fits. */
static const char *printed(int fd)
{
    static char text[4096];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static bool read_figures(const char *text, struct figures *f)
{
    const char *line = strstr(text, "figures ");
    return line != NULL &&
           sscanf(line, "figures refused=%u fds=%u mappings=%u live=%llu mapped=%llu window=%llu rss=%llu",
                  &f->refused, &f->fds, &f->mappings, &f->live, &f->mapped, &f->window, &f->rss) == 7;
}

static const char *judge_left(const struct figures *now, const struct figures *usual,
                              const struct bounds *more)
{
    if (now->fds != usual->fds)
        return "descriptors were left open";
    if (now->live != usual->live)
        return "blocks are counted that are not there, or not counted";
    if (now->mappings > usual->mappings + more->mappings)
        return "mappings were left";
    if (now->mapped > usual->mapped + more->mapped)
        return "memory was left mapped";
    if (now->window + usual->mapped > now->mapped + usual->window + more->uncounted)
        return "more is mapped than is counted";
    return now->rss > usual->rss + more->rss ? "pages were left" : NULL;
}

static const struct bounds *bounds_of(const struct plan *plan)
{
    const struct seccomp_data purge = {.nr = SYS_madvise, .args[2] = MADV_DONTNEED},
                              unmap = {.nr = SYS_munmap};
    for (unsigned i = 0; i < rule_count; i++) {
        if (rule_error(&rules[i], &purge) != 0 || rule_error(&rules[i], &unmap) != 0)
            return &ruled_bounds;
    }
    if (plan->what != PLAN_ALL)
        return &usual_bounds;
    return plan->length == 0 ? &total_bounds : &burst_bounds;
}

/* What is wrong with how a run ended; NULL: nothing. */
static const char *judge(int status, const char *text, struct run *run, const struct figures *usual)
{
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGALRM ? "it hung" : strsignal(WTERMSIG(status));
    if (status != 0)
        return "it failed";
    if (!read_figures(text, &run->figures))
        return "it said nothing of what it left";
    return usual != NULL ? judge_left(&run->figures, usual, bounds_of(&run->by.plan)) : NULL;
}

static void note_most(_Atomic(long long) *most, long long value)
{
    long long now = atomic_load(most);
    while (value > now && !atomic_compare_exchange_weak(most, &now, value))
        ;
}

static void note_left(const struct figures *now, const struct figures *usual)
{
    note_most(&shared->mappings, (long long)now->mappings - usual->mappings);
    note_most(&shared->mapped, (long long)(now->mapped - usual->mapped));
    note_most(&shared->uncounted, (long long)(now->window - now->mapped - usual->window + usual->mapped));
    note_most(&shared->rss, (long long)(now->rss - usual->rss));
}

/* Runs the program by its plan. Whether all was well. */
static bool run_once(struct run *run, const struct figures *usual)
{
    program.output = memfd_create("output", MFD_CLOEXEC);
    CHECK(program.output >= 0, "memfd_create: %s", strerror(errno));
    int status = inject_run(&program, decide, plan_marked, run);
    const char *text = printed(program.output), *wrong = judge(status, text, run, usual);
    if (wrong != NULL && atomic_fetch_add(&shared->wrong, 1) < SHOWN) {
        char plan[64];
        plan_print(&run->by.plan, plan, sizeof plan);
        printf("--only %s: %s (status %#x, %u of %u calls failed)\n%s", plan, wrong, (unsigned)status,
               run->by.failed, run->by.calls, text);
    }
    if (usual != NULL && run->figures.fds != 0)
        note_left(&run->figures, usual);
    close(program.output);
    return wrong == NULL;
}

/* ---- all of them ---- */

static void do_job(const struct plan *plans, unsigned count, const struct figures *usual)
{
    unsigned at;
    while ((at = atomic_fetch_add(&shared->next, 1)) < count) {
        struct run run = {.by.plan = plans[at]};
        (void)run_once(&run, usual);
        atomic_fetch_add(&shared->runs, 1);
        atomic_fetch_add(&shared->faults, run.by.failed);
        atomic_fetch_add(&shared->untouched, run.by.failed == 0);
        atomic_fetch_add(&shared->refused, run.figures.refused);
    }
    fflush(stdout);
}

static void do_jobs(unsigned jobs, const struct plan *plans, unsigned count, const struct figures *usual)
{
    int status;
    fflush(stdout);
    for (unsigned i = 0; i < jobs; i++) {
        pid_t pid = fork();
        CHECK(pid >= 0, "fork: %s", strerror(errno));
        if (pid == 0) {
            do_job(plans, count, usual);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < jobs; i++)
        CHECK(wait(&status) > 0 && status == 0, "a job ended with status %#x", (unsigned)status);
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

static void print_calls(unsigned n)
{
    printf("%u calls of the library:", n);
    for (unsigned i = 0; i < n; i++) {
        unsigned same = 0;
        for (unsigned j = 0; j < n; j++) {
            if (seen[j] == seen[i] && j < i)
                break;
            same += seen[j] == seen[i];
        }
        if (same != 0 && i == 0)
            printf(" %s %u", seen[i]->name, same);
        else if (same != 0)
            printf(", %s %u", seen[i]->name, same);
    }
    printf("\n");
}

static int run_all(unsigned sample, uint64_t seed, unsigned jobs)
{
    struct run first = {.by.plan = {.what = PLAN_NONE}};
    if (!run_once(&first, NULL))
        return 1;
    CHECK(first.by.calls <= MOST_CALLS, "%u calls", first.by.calls);
    CHECK(first.figures.refused == 0, "memory was refused where nothing failed");
    print_calls(first.by.calls);
    unsigned count;
    struct plan *plans = plan_all(seen, first.by.calls, &count);
    if (sample != 0 && sample < count) {
        printf("%u of %u plans, --seed %llu\n", sample, count, (unsigned long long)seed);
        shuffle(plans, count, seed);
        count = sample;
    }
    do_jobs(jobs, plans, count, &first.figures);
    printf("%u runs, %u calls failed, %u allocations refused; %u runs had nothing to fail; %u went wrong\n",
           atomic_load(&shared->runs), atomic_load(&shared->faults), atomic_load(&shared->refused),
           atomic_load(&shared->untouched), atomic_load(&shared->wrong));
    printf(
        "left at most: %lld mappings, %lld KiB mapped, %lld KiB mapped and not counted, %lld KiB resident\n",
        atomic_load(&shared->mappings), atomic_load(&shared->mapped), atomic_load(&shared->uncounted),
        atomic_load(&shared->rss));
    printf("counted: faults %u\n", atomic_load(&shared->faults));
    CHECK(atomic_load(&shared->faults) > 0, "nothing failed");
    return atomic_load(&shared->wrong) != 0;
}

static int run_only(const char *text)
{
    struct run run = {.by.calls = 0};
    CHECK(plan_parse(text, &run.by.plan), "no plan: %s", text);
    program.output = -1;
    int status = inject_run(&program, decide, plan_marked, &run);
    fprintf(stderr, "%u of %u calls failed\n", run.by.failed, run.by.calls);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"sample", required_argument, NULL, 'n'}, {"seed", required_argument, NULL, 's'},
        {"jobs", required_argument, NULL, 'j'},   {"rule", required_argument, NULL, 'r'},
        {"only", required_argument, NULL, 'o'},   {NULL, 0, NULL, 0}};
    const char *only = NULL, *given = getenv("HAKMEM_TEST_SEED");
    unsigned sample = 0, jobs = 2;
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : check_now_ns();
    for (int o; (o = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
        switch (o) {
        case 'n':
            sample = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 's':
            seed = strtoull(optarg, NULL, 0);
            break;
        case 'j':
            jobs = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'o':
            only = optarg;
            break;
        case 'r':
            CHECK(rule_count < MOST_RULES && rule_parse(optarg, &rules[rule_count++]), "no rule: %s", optarg);
            break;
        default:
            return 2;
        }
    }
    CHECK(optind < argc, "faults: what program?");
    program.library = realpath(getenv("HAKMEM_LIB") != NULL ? getenv("HAKMEM_LIB") : "", NULL);
    CHECK(program.library != NULL, "HAKMEM_LIB");
    program.argv = argv + optind;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED, "mmap: %s", strerror(errno));
    return only != NULL ? run_only(only) : run_all(sample, seed, jobs);
}
