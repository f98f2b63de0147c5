/*
 * quiet_test.c - a program does not notice the library: no descriptor, no thread, no word, no system call.
 *
 * Seen from outside through /proc; system calls by tracing a program between two marks (steady.c).
 */
#include "tests/support/cmocka_check.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/listener.h"
#include "tests/support/puppet.h"

static unsigned entries(pid_t pid, const char *what)
{
    char path[64];
    unsigned n = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, what);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *d; (d = readdir(dir)) != NULL;)
        n += d->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void check_unnoticed(struct puppet *puppet, unsigned threads)
{
    char errors[512];
    assert_int_equal(entries(puppet->pid, "fd"), 3);
    assert_int_equal(entries(puppet->pid, "task"), threads);
    assert_string_equal(puppet_errors(puppet, errors, sizeof errors), "");
}

static void live_a_little(struct puppet *puppet)
{
    check_unnoticed(puppet, 1);
    puppet_say(puppet, "churn 500 2000 10");
    puppet_say(puppet, "alloc 0 100000 50");
    puppet_say(puppet, "alloc 1 5000000 5");
    puppet_say(puppet, "free 0");
    puppet_say(puppet, "free 1");
    puppet_say(puppet, "start 0 3");
    puppet_say(puppet, "on 0 3 churn 500 2000 10");
    check_unnoticed(puppet, 5);
    puppet_say(puppet, "stop 0 3");
    puppet_say(puppet, "trim 0");
    check_unnoticed(puppet, 1);
}

static void without_a_daemon_nothing_shows(void **state)
{
    (void)state;
    struct puppet puppet;
    puppet_start(&puppet, NULL, NULL);
    live_a_little(&puppet);
    assert_int_equal(puppet_end(&puppet), 0);
}

static void with_a_daemon_nothing_shows(void **state)
{
    (void)state;
    struct listener listener;
    struct puppet puppet;
    struct greeting g;
    listener_open(&listener);
    puppet_start(&puppet, listener.dir, NULL);
    live_a_little(&puppet);
    listener_expect(&listener, &g);
    greeting_set(&g, HK_TUNE_bin_cap, 64, 0);
    greeting_publish(&g);
    live_a_little(&puppet);
    assert_int_equal(puppet_end(&puppet), 0);
    greeting_drop(&g);
    listener_remove(&listener);
}

/* The library handles no signal and leaves none blocked. */
static void signals_are_left_alone(void **state)
{
    (void)state;
    struct puppet puppet;
    char path[64];
    puppet_start(&puppet, NULL, NULL);
    puppet_say(&puppet, "churn 500 2000 10");
    snprintf(path, sizeof path, "/proc/%d/status", (int)puppet.pid);
    assert_int_equal(check_proc_field(path, "SigCgt"), 0);
    assert_int_equal(check_proc_field(path, "SigBlk"), 0);
    puppet_end(&puppet);
}

/* ---- system calls ---- */

static pid_t start_steady(const char *dir, const char *threads)
{
    char path[512], preload[512], runtime[128], build[512];
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    check_instead = NULL;
    snprintf(path, sizeof path, "%s/tests/lib/steady", getenv("HAKMEM_BUILD"));
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", getenv("HAKMEM_LIB"));
    snprintf(runtime, sizeof runtime, "HAKMEM_RUNTIME_DIR=%s", dir);
    snprintf(build, sizeof build, "HAKMEM_LIB=%s", getenv("HAKMEM_LIB"));
    char *argv[] = {path, strdup(threads), NULL}, *envp[] = {preload, runtime, build, NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    execve(path, argv, envp);
    _exit(127);
}

/* Runs the program to its end; names of what it called between the first and the second getppid(). */
static unsigned calls_between_marks(pid_t pid, unsigned marks_wanted, long *first_nr)
{
    unsigned marks = 0, calls = 0;
    int status;
    *first_nr = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status));
    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    int deliver = 0;
    for (;;) {
        struct __ptrace_syscall_info info;
        assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, deliver), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFSTOPPED(status))
            break;
        deliver = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
        if (deliver != 0 || ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) < 0 ||
            info.op != PTRACE_SYSCALL_INFO_ENTRY)
            continue;
        if (info.entry.nr == SYS_getppid) {
            marks++;
        } else if (marks == 1) {
            *first_nr = calls++ == 0 ? (long)info.entry.nr : *first_nr;
        }
    }
    assert_int_equal(status, 0);
    assert_int_equal(marks, marks_wanted);
    return calls;
}

static void check_steady(const char *dir)
{
    long first;
    pid_t pid = start_steady(dir, "1");
    unsigned calls = calls_between_marks(pid, 2, &first);
    if (calls != 0)
        fail_msg("%u system calls in a steady loop, the first is number %ld", calls, first);
}

static void a_steady_loop_makes_no_system_call(void **state)
{
    (void)state;
    check_steady("/nonexistent/hakmem");
}

static void nor_with_a_daemon(void **state)
{
    (void)state;
    struct listener listener;
    struct greeting g;
    listener_open(&listener);
    check_steady(listener.dir);
    listener_expect(&listener, &g); /* it was published while it ran */
    greeting_drop(&g);
    listener_remove(&listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_daemon_nothing_shows),
        cmocka_unit_test(with_a_daemon_nothing_shows),
        cmocka_unit_test(signals_are_left_alone),
        cmocka_unit_test(a_steady_loop_makes_no_system_call),
        cmocka_unit_test(nor_with_a_daemon),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
