/*
 * main.c - the model tester's options, its threads one after another, and what it says in the end.
 *
 * usage: model [OPTION]...: see --help. Ends with status 0 and a line of figures, or with 1 and a line that
 * names the first violation and how to repeat it.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/model/claims.h"
#include "tests/model/forks.h"
#include "tests/model/model.h"
#include "tests/model/sizes.h"
#include "tests/model/steps.h"
#include "tests/model/threads.h"

struct model_options model = {.seconds = 3, .threads = 4, .fork_every = 20000, .raw_fork = true};
struct worker *workers;
_Atomic(uint64_t) model_operations;

/* ---- what is said ---- */

static void put(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

static int add(char *line, size_t size, int at, const char *format, ...) HK_PRINTF(4, 5);
static int add(char *line, size_t size, int at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line + at, size - (size_t)at, format, args);
    va_end(args);
    int end = at + (n > 0 ? n : 0);
    return end < (int)size ? end : (int)size - 1;
}

void violation(const struct block *b, size_t at, const char *format, ...)
{
    char line[1024];
    va_list args;
    int len = add(line, sizeof line, 0, "model: VIOLATION: ");
    va_start(args, format);
    len += vsnprintf(line + len, sizeof line - (size_t)len, format, args);
    va_end(args);
    len = len < (int)sizeof line ? len : (int)sizeof line - 1;
    if (b != NULL)
        len = add(line, sizeof line, len, ": block %p of %zu bytes (usable %zu), at byte %zu",
                  (const void *)b->p, b->size, b->usable, at);
    if (self != NULL)
        len = add(line, sizeof line, len,
                  "; thread %" PRIu64 ", operation %" PRIu64 "%s; its calls alone: --seed %" PRIu64
                  " --sizes %s --only %" PRIu64 " --ops %" PRIu64,
                  self->number, self->operation, self->in_child ? ", in a child" : "", model.seed,
                  profile_name(model.profile), self->number, self->operation + 1);
    len = add(line, sizeof line, len, "; seed %" PRIu64 "\n", model.seed);
    put(line, (size_t)len);
    _exit(1);
}

void *own_memory(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        violation(NULL, 0, "the tester has no memory of its own for %zu bytes: error %d", bytes, errno);
    return p;
}

static const char usage[] =
    "usage: model [OPTION]...\n"
    "\n"
    "Calls every entry point of the allocator at random and checks what it gives.\n"
    "\n"
    "  --seed N       what everything follows from (HAKMEM_TEST_SEED, or a new one)\n"
    "  --seconds N    how long to go on (3)\n"
    "  --ops N        in place of that: about how many operations in all\n"
    "  --threads N    how many at a time, 1 to 32 (4); with 1, figures are compared too\n"
    "  --sizes NAME   mixed, tiny, small, big, huge or edges (mixed)\n"
    "  --fork N       one operation in N forks (20000); 0: none\n"
    "  --no-raw-fork  no _Fork(), whose child has no handlers run\n"
    "  --tune         sets the process's own values, valid and invalid ones\n"
    "  --only N       only thread N's own operations, --ops of them, with no other thread\n"
    "  --trace        a line for each operation\n"
    "  --help         this text\n";

/* ---- options ---- */

enum { SEED = 1, SECONDS, OPS, THREADS, SIZES, FORK, NO_RAW_FORK, TUNE, ONLY, TRACE, HELP };

static const struct option options[] = {
    {"seed", required_argument, NULL, SEED},
    {"seconds", required_argument, NULL, SECONDS},
    {"ops", required_argument, NULL, OPS},
    {"threads", required_argument, NULL, THREADS},
    {"sizes", required_argument, NULL, SIZES},
    {"fork", required_argument, NULL, FORK},
    {"no-raw-fork", no_argument, NULL, NO_RAW_FORK},
    {"tune", no_argument, NULL, TUNE},
    {"only", required_argument, NULL, ONLY},
    {"trace", no_argument, NULL, TRACE},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static _Noreturn void misused(const char *why, const char *what)
{
    fprintf(stderr, "model: %s '%s'; --help lists the options\n", why, what);
    exit(2);
}

static uint64_t number(const char *text, uint64_t most)
{
    char *end;
    errno = 0;
    uint64_t v = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || v > most || text[0] == '-')
        misused("not a number that is good here:", text);
    return v;
}

static unsigned profile(const char *name)
{
    for (unsigned i = 0; profile_name(i) != NULL; i++) {
        if (strcmp(name, profile_name(i)) == 0)
            return i;
    }
    misused("no such profile of sizes:", name);
}

static void set_option(int option, const char *value)
{
    switch (option) {
    case SEED:
        model.seed = number(value, UINT64_MAX);
        return;
    case SECONDS:
        model.seconds = (unsigned)number(value, 10000000);
        return;
    case OPS:
        model.ops = number(value, UINT64_MAX);
        return;
    case THREADS:
        model.threads = (unsigned)number(value, WORKERS_MOST / 2);
        return;
    case SIZES:
        model.profile = profile(value);
        return;
    case FORK:
        model.fork_every = number(value, UINT32_MAX);
        return;
    case NO_RAW_FORK:
        model.raw_fork = false;
        return;
    case TUNE:
        model.tune = true;
        return;
    case ONLY:
        model.only = number(value, UINT64_MAX);
        return;
    case TRACE:
        model.trace = true;
        return;
    case HELP:
        fputs(usage, stdout);
        exit(0);
    default:
        exit(2);
    }
}

static void read_options(int argc, char **argv)
{
    const char *seed = getenv("HAKMEM_TEST_SEED");
    int option;
    model.seed = seed != NULL ? number(seed, UINT64_MAX)
                              : (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        set_option(option, optarg);
    if (optind < argc)
        misused("not an option:", argv[optind]);
    if (model.threads == 0 || (model.only != 0 && model.ops == 0))
        misused("there is nothing to do:", model.threads == 0 ? "--threads 0" : "--only without --ops");
}

/* ---- running ---- */

static bool is_enough(void)
{
    return model.ops != 0 ? atomic_load(&model_operations) >= model.ops : time_is_up();
}

static uint64_t run_many(void)
{
    pthread_t running[WORKERS_MOST];
    uint64_t next = 1;
    if (model.ops == 0)
        set_time(model.seconds);
    for (unsigned i = 0; i < model.threads; i++)
        running[i] = start_thread(next++, 0, false);
    for (unsigned i = 0; !is_enough(); i = (i + 1) % model.threads) {
        pthread_join(running[i], NULL);
        running[i] = start_thread(next++, 0, false);
    }
    atomic_store(&stop_threads, true);
    for (unsigned i = 0; i < model.threads; i++)
        pthread_join(running[i], NULL);
    return next - 1;
}

static uint64_t run_one(void)
{
    model.threads = 1;
    pthread_join(start_thread(model.only, model.ops, false), NULL);
    return 1;
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    printf("seed %" PRIu64 ", sizes %s, %u threads\n", model.seed, profile_name(model.profile),
           model.threads);
    fflush(stdout);
    workers = own_memory(WORKERS_MOST * sizeof *workers);
    claims_init();
    threads_init();
    uint64_t threads = model.only != 0 ? run_one() : run_many();
    release_parcels();
    if (atomic_load(&claimed_blocks) != 0)
        violation(NULL, 0, "%" PRIu64 " blocks are left", atomic_load(&claimed_blocks));
    printf("%" PRIu64 " operations by %" PRIu64 " threads, %" PRIu64 " forks, no violation\n",
           atomic_load(&model_operations), threads, atomic_load(&model_forks));
    return 0;
}
