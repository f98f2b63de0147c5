/*
 * segment_process.c - a process with a segment, led by the hand: for tests of the daemon.
 *
 * Reads commands from stdin, one a line, and answers each with one line that begins with "ok" or "error".
 * Ends at the end of stdin, as if killed: only the command exit marks its totals as exact.
 *
 *   segment_process --dir DIR [--classes N] [--cells N] [--slots N] [--label L] [--no-hello]
 *                   [--hostile KIND] [--tick MS] [--swarm N]
 *
 * --tick runs a slow path at least that often; without it there is one only on command.
 * --swarm makes N processes instead, each with a segment of its own, that do nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/value.h"
#include "tests/tools/hostile.h"
#include "tests/tools/segment_writer.h"

static struct segment_writer w;
static struct options {
    const char *dir, *label, *hostile;
    unsigned classes, cells, slots, tick_ms, swarm;
    bool no_hello;
} options = {.label = "", .classes = 24, .cells = 64, .slots = 1};
static char **arguments;

static int say_hello(uint32_t flags, uint32_t root_pid)
{
    int fds[2] = {w.counters_fd, w.tuning_fd};
    int s = writer_hello(options.dir, &w, fds, 2, flags, root_pid, 0);
    if (s < 0)
        return -1;
    close(s);
    return 0;
}

static void start_segment(void)
{
    char comm[HK_COMM_BYTES] = "";
    prctl(PR_GET_NAME, comm);
    writer_make(&w, options.classes, options.cells);
    if (!writer_claim_area(&w, comm, options.label))
        abort();
    for (unsigned i = 0; i < options.slots; i++)
        writer_claim_slot(&w);
}

static void reply(const char *what)
{
    printf("%s\n", what);
    fflush(stdout);
}

/* As after a restart of the daemon: new memfds, with everything that was counted. */
static void renew_segment(void)
{
    struct segment_writer old = w;
    start_segment();
    w.slot_count = 0;
    writer_carry_over(&w, &old);
    writer_close(&old);
    writer_area(&w)->counters.hellos_total++;
}

/* ---- children ---- */

static volatile sig_atomic_t told_to_exit, told_to_greet;

static void on_term(int number)
{
    (void)number;
    told_to_exit = 1;
}

static void on_greet(int number)
{
    (void)number;
    told_to_greet = 1;
}

/* A forked child: claims cells in the family's segment, counts a little, says hello again when it is told
 * to (SIGUSR2), and lives until it is told to exit (SIGUSR1) or killed. */
static void be_a_child(unsigned allocs)
{
    struct sigaction action = {.sa_handler = on_term}, greet = {.sa_handler = on_greet};
    uint32_t root_pid = (uint32_t)getppid();
    char comm[HK_COMM_BYTES] = "";
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &greet, NULL);
    prctl(PR_SET_PDEATHSIG, 0);
    prctl(PR_GET_NAME, comm);
    if (!writer_claim_area(&w, comm, options.label) || !writer_claim_slot(&w))
        _exit(3);
    writer_count(&w, 0, 2, allocs, 0, 1, allocs + 10);
    while (!told_to_exit) {
        if (told_to_greet) {
            told_to_greet = 0;
            renew_segment();
            w.header->root_pid = root_pid;
            say_hello(HK_HELLO_REPEATED | HK_HELLO_CHILD, root_pid);
        }
        writer_slow_path(&w);
        poll(NULL, 0, 10);
    }
    writer_area(&w)->flags |= HK_AREA_EXITED;
    writer_touch_area(&w);
    _exit(0);
}

static void command_fork(const char *rest)
{
    unsigned allocs = 0;
    sscanf(rest, "%u", &allocs);
    pid_t pid = fork();
    if (pid == 0)
        be_a_child(allocs);
    printf("ok %d\n", (int)pid);
    fflush(stdout);
}

/* fork-as UID ALLOCS: the child becomes another user once it has claimed its area. */
static void command_fork_as(const char *rest)
{
    unsigned uid = 0, allocs = 0;
    sscanf(rest, "%u %u", &uid, &allocs);
    pid_t pid = fork();
    if (pid == 0) {
        if (setgid(uid) != 0 || setuid(uid) != 0)
            _exit(4);
        be_a_child(allocs);
    }
    printf("ok %d\n", (int)pid);
    fflush(stdout);
}

/* The child's parent dies at once, so that it is somebody else's. */
static void command_orphan(const char *rest)
{
    unsigned allocs = 0;
    int ends[2];
    pid_t pid = 0;
    sscanf(rest, "%u", &allocs);
    if (pipe2(ends, O_CLOEXEC) != 0)
        abort();
    pid_t between = fork();
    if (between == 0) {
        pid = fork();
        if (pid == 0)
            be_a_child(allocs);
        ssize_t n = write(ends[1], &pid, sizeof pid);
        _exit(n == (ssize_t)sizeof pid ? 0 : 1);
    }
    waitpid(between, NULL, 0);
    ssize_t n = read(ends[0], &pid, sizeof pid);
    close(ends[0]);
    close(ends[1]);
    printf(n == (ssize_t)sizeof pid ? "ok %d\n" : "error\n", (int)pid);
    fflush(stdout);
}

/* Children that claim, count and are gone before anybody looks. */
static void command_flash(const char *rest)
{
    unsigned n = 0, allocs = 0;
    sscanf(rest, "%u %u", &n, &allocs);
    for (unsigned i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (!writer_claim_area(&w, "flash", "") || !writer_claim_slot(&w))
                _exit(3);
            writer_count(&w, 0, 2, allocs, 0, 1, allocs);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    reply("ok");
}

/* ---- commands ---- */

static void command_count(const char *rest)
{
    unsigned slot = 0, size_class = 0;
    unsigned long long allocs = 0, frees = 0, refills = 0, refilled = 0;
    if (sscanf(rest, "%u %u %llu %llu %llu %llu", &slot, &size_class, &allocs, &frees, &refills, &refilled) <
            3 ||
        slot >= w.slot_count || size_class >= w.class_count) {
        reply("error count SLOT CLASS ALLOCS [FREES REFILLS REFILLED]");
        return;
    }
    writer_count(&w, slot, size_class, allocs, frees, refills, refilled);
    reply("ok");
}

/* set NAME VALUE: a counter of the process. */
static void command_set(const char *rest)
{
    char name[64];
    unsigned long long value;
    if (sscanf(rest, "%63s %llu", name, &value) == 2) {
        for (unsigned i = 0; i < HK_PROCESS_COUNTERS; i++) {
            if (strcmp(hk_process_counters[i].name, name) != 0)
                continue;
            char *row = (char *)&writer_area(&w)->counters;
            *(hk_au64 *)(void *)(row + hk_process_counters[i].offset) = value;
            writer_touch_area(&w);
            reply("ok");
            return;
        }
    }
    reply("error no such counter");
}

static void command_slow(const char *rest)
{
    (void)rest;
    writer_slow_path(&w);
    reply("ok");
}

static void command_label(const char *rest)
{
    struct hk_area *area = writer_area(&w);
    memset(area->label, 0, sizeof area->label);
    memcpy(area->label, rest, strnlen(rest, sizeof area->label - 1));
    writer_touch_area(&w);
    reply("ok");
}

static void command_comm(const char *rest)
{
    struct hk_area *area = writer_area(&w);
    memset(area->comm, 0, sizeof area->comm);
    memcpy(area->comm, rest, strnlen(rest, sizeof area->comm - 1));
    prctl(PR_SET_NAME, area->comm);
    writer_touch_area(&w);
    reply("ok");
}

static void command_hello(const char *rest)
{
    (void)rest;
    reply(say_hello(0, 0) == 0 ? "ok" : "error no daemon");
}

static void command_rehello(const char *rest)
{
    (void)rest;
    renew_segment();
    reply(say_hello(HK_HELLO_REPEATED, 0) == 0 ? "ok" : "error no daemon");
}

/* Zeroes the slots, as if their heaps were on the way to another segment. */
static void command_forget_slots(const char *rest)
{
    (void)rest;
    for (unsigned i = 0; i < w.slot_count; i++) {
        memset(writer_slot(&w, i)->rows, 0, sizeof writer_slot(&w, i)->rows);
        writer_touch_slot(&w, i);
    }
    reply("ok");
}

/* What the process has in force of a tunable, and what it says of it: value, source, generation, life,
 * verdict. */
static void command_show(const char *rest)
{
    enum hk_value_error error;
    int index = hk_value_find(rest, strlen(rest), w.classes, w.class_count, &error);
    if (index < 0) {
        reply("error no such tunable");
        return;
    }
    const struct hk_applied *a = &writer_area(&w)->applied[index];
    printf("ok %llu %s %llu %u %s\n", (unsigned long long)a->effective, hk_source_name(a->source),
           (unsigned long long)a->generation, (unsigned)a->life_s, hk_verdict_name(a->verdict));
    fflush(stdout);
}

/* What the tuning page says: flags, expiry_ms, heartbeat, generation, how many cells it calls dead, and the
 * epoch. */
static void command_page(const char *rest)
{
    const hk_au16 *dead = (const hk_au16 *)(const void *)((const char *)w.page + HK_TUNING_DEAD_OFF);
    unsigned n = 0;
    (void)rest;
    for (unsigned i = 0; i < HK_MAX_CELLS; i++)
        n += dead[i] != 0;
    printf("ok %u %u %llu %llu %u %llu\n", w.page->flags, w.page->expiry_ms,
           (unsigned long long)w.page->heartbeat, (unsigned long long)w.page->generation, n,
           (unsigned long long)w.page->epoch);
    fflush(stdout);
}

static void command_seccomp(const char *rest)
{
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = 1, .filter = &allow};
    (void)rest;
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    reply(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? "ok" : "error");
}

static void command_exec(const char *rest)
{
    (void)rest;
    reply("ok");
    execv("/proc/self/exe", arguments);
    abort();
}

/* become PROGRAM ARGUMENT: another program, that knows nothing of segments. */
static void command_become(const char *rest)
{
    char program[256], argument[256];
    if (sscanf(rest, "%255s %255s", program, argument) != 2) {
        reply("error become PROGRAM ARGUMENT");
        return;
    }
    reply("ok");
    execl(program, program, argument, (char *)NULL);
    abort();
}

static void command_setuid(const char *rest)
{
    reply(setuid((uid_t)atoi(rest)) == 0 ? "ok" : "error");
}

static void command_exit(const char *rest)
{
    (void)rest;
    writer_area(&w)->flags |= HK_AREA_EXITED;
    writer_touch_area(&w);
    reply("ok");
    _exit(0);
}

static const struct {
    const char *name;
    void (*run)(const char *rest);
} commands[] = {
    {"count", command_count},     {"set", command_set},       {"slow", command_slow},
    {"label", command_label},     {"comm", command_comm},     {"hello", command_hello},
    {"rehello", command_rehello}, {"show", command_show},     {"page", command_page},
    {"seccomp", command_seccomp}, {"exec", command_exec},     {"setuid", command_setuid},
    {"exit", command_exit},       {"fork", command_fork},     {"orphan", command_orphan},
    {"flash", command_flash},     {"become", command_become}, {"forget-slots", command_forget_slots},
    {"fork-as", command_fork_as},
};

static void obey(char *line)
{
    size_t word = strcspn(line, " \n");
    char *rest = line + word;
    rest += strspn(rest, " ");
    rest[strcspn(rest, "\n")] = '\0';
    for (unsigned i = 0; i < HK_COUNT_OF(commands); i++) {
        if (strlen(commands[i].name) == word && memcmp(commands[i].name, line, word) == 0) {
            commands[i].run(rest);
            return;
        }
    }
    reply("error no such command");
}

/* Commands come with waits between them, so stdin is read without stdio's buffer. */
static void serve(void)
{
    static char buf[4096];
    size_t len = 0;
    for (;;) {
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
        int ready = poll(&p, 1, options.tick_ms ? (int)options.tick_ms : -1);
        if (options.tick_ms)
            writer_slow_path(&w);
        if (ready <= 0)
            continue;
        ssize_t n = read(STDIN_FILENO, buf + len, sizeof buf - 1 - len);
        if (n <= 0)
            _exit(0);
        len += (size_t)n;
        buf[len] = '\0';
        char *newline;
        while ((newline = strchr(buf, '\n')) != NULL) {
            size_t used = (size_t)(newline - buf) + 1;
            *newline = '\0';
            obey(buf);
            memmove(buf, buf + used, len + 1 - used);
            len -= used;
        }
    }
}

/* ---- many ---- */

static void swarm(void)
{
    pid_t *pids = calloc(options.swarm, sizeof *pids);
    for (unsigned i = 0; pids && i < options.swarm; i++) {
        pids[i] = fork();
        if (pids[i] > 0)
            continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        start_segment();
        writer_count(&w, 0, i % w.class_count, 1000 + i, 500, 3, 1100 + i);
        while (say_hello(0, 0) != 0)
            poll(NULL, 0, 50);
        close(STDIN_FILENO);
        for (;;) {
            poll(NULL, 0, options.tick_ms ? (int)options.tick_ms : -1);
            writer_count(&w, 0, i % w.class_count, 100, 90, 1, 20);
        }
    }
    printf("ok %u\n", options.swarm);
    fflush(stdout);
    char c;
    while (read(STDIN_FILENO, &c, 1) > 0)
        ;
    for (unsigned i = 0; pids && i < options.swarm; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    free(pids);
    exit(0);
}

static void read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"dir", required_argument, NULL, 'd'},   {"classes", required_argument, NULL, 'c'},
        {"cells", required_argument, NULL, 'n'}, {"slots", required_argument, NULL, 's'},
        {"label", required_argument, NULL, 'l'}, {"hostile", required_argument, NULL, 'h'},
        {"tick", required_argument, NULL, 't'},  {"swarm", required_argument, NULL, 'w'},
        {"no-hello", no_argument, NULL, 'q'},    {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'd':
            options.dir = optarg;
            break;
        case 'c':
            options.classes = (unsigned)atoi(optarg);
            break;
        case 'n':
            options.cells = (unsigned)atoi(optarg);
            break;
        case 's':
            options.slots = (unsigned)atoi(optarg);
            break;
        case 'l':
            options.label = optarg;
            break;
        case 'h':
            options.hostile = optarg;
            break;
        case 't':
            options.tick_ms = (unsigned)atoi(optarg);
            break;
        case 'w':
            options.swarm = (unsigned)atoi(optarg);
            break;
        case 'q':
            options.no_hello = true;
            break;
        default:
            exit(2);
        }
    }
    if (!options.dir) {
        fprintf(stderr, "segment_process: --dir is missing\n");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    arguments = argv;
    read_options(argc, argv);
    signal(SIGCHLD, SIG_IGN);
    if (options.swarm)
        swarm();
    if (options.hostile)
        return hostile_run(options.hostile, options.dir);
    start_segment();
    int error = options.no_hello ? 0 : say_hello(0, 0);
    printf(error == 0 ? "ok %d\n" : "error %d\n", (int)getpid());
    fflush(stdout);
    serve();
}
