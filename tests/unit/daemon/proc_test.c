/* proc_test.c - what the kernel says of processes: the parsers, and this process itself. */
#include "tests/support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/sources/pid_namespace.h"
#include "daemon/sources/procfs.h"

static void test_status(void **state)
{
    struct hk_proc_status s;
    (void)state;
    assert_true(hk_proc_parse_status("Name:\tworker\nUmask:\t0022\nState:\tS\nTgid:\t12\nPid:\t12\nPPid:\t7\n"
                                     "Uid:\t33\t0\t33\t33\nGid:\t33\nNSpid:\t12\t5\t1\nSeccomp:\t2\n",
                                     &s));
    assert_string_equal(s.comm, "worker");
    assert_int_equal(s.ppid, 7);
    assert_int_equal(s.uid, 33);
    assert_int_equal(s.seccomp, 2);
    assert_int_equal(s.namespaces, 3);
    assert_int_equal(s.inner_pid, 1);
    assert_true(hk_proc_parse_status("Name:\ta\\nb\\\\c\\d\nPPid:\t1\nUid:\t0\n", &s));
    assert_string_equal(s.comm, "a\nb\\c\\d");
    assert_int_equal(s.seccomp, -1);
    assert_int_equal(s.namespaces, 0);
    assert_true(hk_proc_parse_status("Name:\t0123456789abcdefghij\nPPid:\t1\nUid:\t0\n", &s));
    assert_string_equal(s.comm, "0123456789abcde");
    assert_false(hk_proc_parse_status("", &s));
    assert_false(hk_proc_parse_status("Name:\tx\nPPid:\t1\n", &s));
    /* A name cannot pass for another line: the kernel escapes its newlines. */
    assert_true(hk_proc_parse_status("Name:\tx\\nUid:\\t0\nPPid:\t1\nUid:\t7\n", &s));
    assert_int_equal(s.uid, 7);
}

static void test_start(void **state)
{
    uint64_t ticks = 0;
    (void)state;
    assert_true(hk_proc_parse_start("5 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20\n", &ticks));
    assert_int_equal(ticks, 777);
    assert_true(
        hk_proc_parse_start("5 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 778 20\n", &ticks));
    assert_int_equal(ticks, 778);
    assert_false(hk_proc_parse_start("5 (a) S 1 2 3", &ticks));
    assert_false(hk_proc_parse_start("", &ticks));
    assert_false(hk_proc_parse_start("5 a S 1", &ticks));
}

static void test_myself(void **state)
{
    struct hk_proc_status status;
    struct hk_file_id id;
    uint64_t ticks, rss;
    char exe[512];
    (void)state;
    prctl(PR_SET_NAME, "my own\nname");
    assert_int_equal(hk_proc_status(getpid(), &status), 0);
    assert_string_equal(status.comm, "my own\nname");
    assert_int_equal(status.ppid, getppid());
    assert_int_equal(status.uid, getuid());
    assert_int_equal(hk_proc_start_ticks(getpid(), &ticks), 0);
    assert_true(hk_ticks_to_ns(ticks) <= hk_boot_ns());
    assert_int_equal(hk_proc_exe(getpid(), exe, sizeof exe, &id), 0);
    assert_non_null(strstr(exe, "daemon.proc"));
    assert_int_equal(hk_proc_rss_bytes(getpid(), &rss), 0);
    assert_true(rss > 4096 && rss < (uint64_t)1 << 44);
    assert_false(hk_proc_is_gone(getpid()));
}

static void test_one_that_is_gone(void **state)
{
    struct hk_proc_status status;
    uint64_t ticks;
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    int fd = hk_pidfd_open(pid);
    assert_true(fd >= 0);
    assert_int_equal(hk_pidfd_pid(fd), pid);
    waitpid(pid, NULL, 0);
    assert_true(hk_pidfd_ended(fd));
    assert_int_equal(hk_pidfd_pid(fd), -1);
    close(fd);
    assert_true(hk_proc_is_gone(pid));
    assert_int_not_equal(hk_proc_status(pid, &status), 0);
    assert_int_not_equal(hk_proc_start_ticks(pid, &ticks), 0);
    assert_int_equal(hk_pidfd_open(pid), -1);
    assert_int_equal(errno, ESRCH);
}

static void test_peer(void **state)
{
    int ends[2];
    bool exact;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    int fd = hk_pidfd_of_peer(ends[0], getpid(), &exact);
    assert_true(fd >= 0);
    assert_int_equal(hk_pidfd_pid(fd), getpid());
    assert_false(hk_pidfd_ended(fd));
    close(fd);
    close(ends[0]);
    close(ends[1]);
}

static void test_children(void **state)
{
    pid_t found[16];
    int ends[2];
    char c;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        _exit(read(ends[0], &c, 1) == 0 ? 0 : 1);
    }
    close(ends[0]);
    unsigned n = hk_proc_children(getpid(), found, 16);
    close(ends[1]);
    waitpid(pid, NULL, 0);
    assert_true(n == 0 || (n == 1 && found[0] == pid)); /* 0: a kernel that does not list them */
}

static bool count(pid_t pid, void *arg)
{
    unsigned *seen = arg;
    *seen += pid == getpid();
    return false;
}

static void test_all(void **state)
{
    unsigned seen = 0;
    (void)state;
    hk_proc_each(count, &seen);
    assert_int_equal(seen, 1);
}

static void test_pid_names(void **state)
{
    struct hk_pid_name known[] = {{1, 40}, {1, 50}, {2, 41}, {7, 60}};
    struct hk_pid_names names = {.known = known, .known_count = 4};
    (void)state;
    assert_int_equal(hk_pid_names_next(&names, 1, 0), 40);
    assert_int_equal(hk_pid_names_next(&names, 1, 40), 50);
    assert_int_equal(hk_pid_names_next(&names, 1, 50), 0);
    assert_int_equal(hk_pid_names_next(&names, 2, 0), 41);
    assert_int_equal(hk_pid_names_next(&names, 3, 0), 0);
    assert_int_equal(hk_pid_names_next(&names, 7, 59), 60);
    assert_int_equal(hk_pid_names_next(&names, 8, 0), 0);
    /* A pass goes over all there is, a bit at a time, and only when asked for. */
    struct hk_pid_names fresh = {0};
    hk_pid_names_step(&fresh, 10 * HK_NS_PER_S);
    assert_int_equal(fresh.passes, 0);
    hk_pid_names_want(&fresh);
    for (int i = 0; i < 10000 && fresh.passes == 0; i++)
        hk_pid_names_step(&fresh, 10 * HK_NS_PER_S);
    assert_int_equal(fresh.passes, 1);
    hk_pid_names_want(&fresh);
    hk_pid_names_step(&fresh, 11 * HK_NS_PER_S);
    assert_null(fresh.todo); /* not so soon again */
    hk_pid_names_clear(&fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status), cmocka_unit_test(test_start),
        cmocka_unit_test(test_myself), cmocka_unit_test(test_one_that_is_gone),
        cmocka_unit_test(test_peer),   cmocka_unit_test(test_children),
        cmocka_unit_test(test_all),    cmocka_unit_test(test_pid_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
