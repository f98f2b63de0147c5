/*
 * hello_test.c - what making and sending a segment meets in a process that may not: files of no size, no
 * descriptors left, descriptors that are not its own, system calls that kill.
 *
 * A process greets no daemon then, and nothing else happens to it.
 */
#include "tests/support/cmocka_check.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/listener.h"
#include "tests/support/puppet.h"

#define MOST_WORDS 16

struct program {
    pid_t pid;
    int to, from; /* its input and output */
};

static void become(char **argv, int in, int out)
{
    check_instead = NULL;
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(126);
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    execv(argv[0], argv);
    _exit(127);
}

/* Starts `under --set HAKMEM_RUNTIME_DIR=... WORDS...`; the last of WORDS, which is a program of this folder,
 * is followed by NULL. */
static struct program start_under(const struct listener *listener, const char *const *words)
{
    static const char runtime[] = "HAKMEM_RUNTIME_DIR=";
    const char *folder = getenv("HAKMEM_BUILD");
    char under[512], last[512], setting[sizeof runtime + sizeof listener->dir];
    char *argv[MOST_WORDS] = {under, (char *)(uintptr_t) "--set", setting};
    unsigned n = 3;
    int in[2], out[2];
    CHECK(folder != NULL, "HAKMEM_BUILD is not set: run this by ctest");
    snprintf(under, sizeof under, "%s/tests/limits/under", folder);
    snprintf(setting, sizeof setting, "%s%s", runtime, listener->dir);
    for (; *words != NULL && n < MOST_WORDS - 1; words++)
        argv[n++] = (char *)(uintptr_t)*words;
    snprintf(last, sizeof last, "%s/tests/limits/%s", folder, argv[n - 1]);
    argv[n - 1] = last;
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    struct program p = {.pid = fork(), .to = in[1], .from = out[0]};
    if (p.pid == 0)
        become(argv, in[0], out[1]);
    assert_true(p.pid > 0);
    close(in[0]);
    close(out[1]);
    return p;
}

/* Its wait status, after the end of its input. */
static int end_of(struct program *p)
{
    int status = -1;
    close(p->to);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    close(p->from);
    return status;
}

static void check_run(const char *const *words, bool greets)
{
    struct listener listener;
    struct greeting g;
    listener_open(&listener);
    struct program p = start_under(&listener, words);
    int status = end_of(&p);
    if (status != 0)
        fail_msg("%s ... ended with status %#x", words[0], (unsigned)status);
    bool came = listener_accept(&listener, 0, &g);
    if (came)
        greeting_drop(&g);
    if (came != greets)
        fail_msg("%s ...: %s", words[0], came ? "a hello came" : "no hello came");
    listener_remove(&listener);
}

/* So that the others prove something. */
static void without_a_limit_it_greets(void **state)
{
    (void)state;
    check_run((const char *const[]){"limits_alive", NULL}, true);
    check_run((const char *const[]){"--fsize", "unlimited", "limits_alive", NULL}, true);
}

static void files_of_no_size_are_no_signal(void **state)
{
    (void)state;
    check_run((const char *const[]){"--fsize", "0", "limits_alive", NULL}, false);
    check_run((const char *const[]){"--fsize", "1", "limits_alive", NULL}, false);
    check_run((const char *const[]){"--fsize", "65536", "limits_alive", NULL}, false);
}

static void without_descriptors_it_does_without(void **state)
{
    (void)state;
    check_run((const char *const[]){"--nofile", "4", "limits_alive", NULL}, false);
    check_run((const char *const[]){"--nofile", "5", "limits_alive", NULL}, false);
}

static void a_filter_after_start_is_never_met(void **state)
{
    (void)state;
    check_run((const char *const[]){"limits_filtered", NULL}, true);
    check_run((const char *const[]){"--set", "HAKMEM_TUNE=retain_bytes=0", "limits_filtered", NULL}, true);
}

static void children_past_the_c_library_run_with_a_segment(void **state)
{
    (void)state;
    check_run((const char *const[]){"limits_rawfork", NULL}, true);
}

/* ---- limits that come while it runs, when its daemon is replaced ---- */

static bool comes(struct puppet *puppet, const struct listener *listener, struct greeting *out)
{
    puppet_say(puppet, "churn 500 2000 2");
    return listener_accept(listener, 0, out);
}

static bool tries(struct puppet *puppet, const struct greeting *first, uint64_t calls)
{
    puppet_say(puppet, "churn 500 2000 2");
    return greeting_counter(first, puppet->pid, HK_PROCESS_AT(sys_other_total)) > calls;
}

static void set_soft(const struct puppet *puppet, int resource, rlim_t soft, struct rlimit *old)
{
    assert_int_equal(prlimit(puppet->pid, resource, NULL, old), 0);
    struct rlimit limit = {soft, old->rlim_max};
    assert_int_equal(prlimit(puppet->pid, resource, &limit, NULL), 0);
}

/* Under the limit it tries, fails and lives on; without it, it succeeds. */
static void check_replaced(int resource, rlim_t soft)
{
    struct listener listener;
    struct puppet puppet;
    struct greeting first, second;
    struct rlimit old;
    listener_open(&listener);
    puppet_start(&puppet, listener.dir, NULL);
    listener_expect(&listener, &first);
    greeting_beat(&first, 1000, true);
    puppet_say(&puppet, "churn 500 2000 2");
    set_soft(&puppet, resource, soft, &old);
    listener_close(&listener);
    listener_reopen(&listener);
    uint64_t calls = greeting_counter(&first, puppet.pid, HK_PROCESS_AT(sys_other_total));
    CHECK(POLL_UNTIL(tries(&puppet, &first, calls)), "it never tried to greet");
    assert_false(listener_accept(&listener, 0, &second));
    assert_int_equal(prlimit(puppet.pid, resource, &old, NULL), 0);
    CHECK(POLL_UNTIL(comes(&puppet, &listener, &second)), "no hello after the limit was lifted");
    assert_int_equal(puppet_end(&puppet), 0);
    greeting_drop(&first);
    greeting_drop(&second);
    listener_remove(&listener);
}

static void a_limit_of_files_sizes_that_comes_later(void **state)
{
    (void)state;
    check_replaced(RLIMIT_FSIZE, 0);
}

static void a_limit_of_descriptors_that_comes_later(void **state)
{
    (void)state;
    check_replaced(RLIMIT_NOFILE, 5); /* for the socket and one of the two files */
}

/* ---- a program that closes all, and opens its own ---- */

static void descriptors_of_the_programs_are_left_alone(void **state)
{
    (void)state;
    struct listener listener;
    struct greeting first, again;
    char line[6];
    listener_open(&listener);
    struct program p = start_under(&listener, (const char *const[]){"limits_descriptors", NULL});
    assert_int_equal(read(p.from, line, sizeof line), sizeof line);
    listener_expect(&listener, &first);
    for (unsigned i = 0; i < 2; i++) {
        greeting_beat(&first, 500, true);
        listener_close(&listener);
        listener_reopen(&listener);
        listener_expect(&listener, &again);
        greeting_drop(&first);
        first = again;
    }
    assert_int_equal(end_of(&p), 0);
    greeting_drop(&first);
    listener_remove(&listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_it_greets),
        cmocka_unit_test(files_of_no_size_are_no_signal),
        cmocka_unit_test(without_descriptors_it_does_without),
        cmocka_unit_test(a_filter_after_start_is_never_met),
        cmocka_unit_test(children_past_the_c_library_run_with_a_segment),
        cmocka_unit_test(a_limit_of_files_sizes_that_comes_later),
        cmocka_unit_test(a_limit_of_descriptors_that_comes_later),
        cmocka_unit_test(descriptors_of_the_programs_are_left_alone),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
