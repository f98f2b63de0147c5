/*
 * hello_test.c - when a process greets a daemon, whom it trusts, and how it comes back to one that was gone.
 *
 * A hello at start is sent before main, so once a puppet answers, what has not come will not come.
 */
#include "tests/support/cmocka_check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/listener.h"
#include "tests/support/puppet.h"

#define QUIET_MS 1500 /* time in which what must not come would have come, more often than not */

static void act(struct puppet *puppet)
{
    puppet_say(puppet, "churn 500 2000 2");
}

static bool comes(struct puppet *puppet, const struct listener *listener, struct greeting *out)
{
    act(puppet);
    return listener_accept(listener, 0, out);
}

static bool stays_away(struct puppet *puppet, const struct listener *listener)
{
    struct greeting g;
    uint64_t end = check_now_ns() + QUIET_MS * UINT64_C(1000000);
    while (check_now_ns() < end) {
        if (comes(puppet, listener, &g))
            return false;
        usleep(10000);
    }
    return true;
}

static bool is_silent(const struct puppet *puppet)
{
    char errors[512];
    return puppet_errors(puppet, errors, sizeof errors)[0] == '\0';
}

/* ---- HAKMEM_PUBLISH ---- */

static void off_is_off(void **state)
{
    (void)state;
    const char *settings[] = {"HAKMEM_PUBLISH=off", NULL};
    struct listener listener;
    struct puppet puppet;
    listener_open(&listener);
    puppet_start(&puppet, listener.dir, settings);
    assert_true(stays_away(&puppet, &listener));
    puppet_say(&puppet, "alloc 0 1000 10000");
    assert_true(stays_away(&puppet, &listener));
    assert_true(is_silent(&puppet));
    assert_int_equal(puppet_end(&puppet), 0);
    listener_remove(&listener);
}

static void work_waits_for_some_work(void **state)
{
    (void)state;
    const char *settings[] = {"HAKMEM_PUBLISH=work", NULL};
    struct listener listener;
    struct puppet puppet;
    struct greeting g;
    struct hk_totals totals;
    listener_open(&listener);
    puppet_start(&puppet, listener.dir, settings);
    puppet_say(&puppet, "alloc 0 500 10");
    assert_false(listener_accept(&listener, 0, &g));
    puppet_say(&puppet, "alloc 1 1000 3000");
    CHECK(POLL_UNTIL(comes(&puppet, &listener, &g)), "no hello after 3 MB");
    assert_int_equal(g.hello.flags, 0);
    greeting_totals(&g, puppet.pid, &totals);
    assert_true(hk_totals_allocs(&totals) >= 3010); /* what came before is in it */
    puppet_end(&puppet);
    greeting_drop(&g);
    listener_remove(&listener);
}

static void retry_finds_a_daemon_that_comes_later(void **state)
{
    (void)state;
    const char *settings[] = {"HAKMEM_PUBLISH=retry", NULL};
    struct listener listener;
    struct puppet puppet;
    struct greeting g;
    struct hk_totals totals;
    listener_open(&listener);
    listener_close(&listener);
    puppet_start(&puppet, listener.dir, settings);
    puppet_say(&puppet, "start 0 2");
    puppet_say(&puppet, "on 0 2 alloc 0 500 1000");
    listener_reopen(&listener);
    CHECK(POLL_UNTIL(comes(&puppet, &listener, &g)), "no hello");
    puppet_say(&puppet, "on 0 2 churn 500 2000 2"); /* each heap takes its slot at its own slow path */
    puppet_say(&puppet, "snapshot");
    greeting_totals(&g, puppet.pid, &totals);
    assert_true(hk_totals_allocs(&totals) >= 3000);
    assert_int_equal(totals.threads, 4);
    puppet_say(&puppet, "stop 0 2");
    puppet_end(&puppet);
    greeting_drop(&g);
    listener_remove(&listener);
}

static void start_asks_once(void **state)
{
    (void)state;
    struct listener listener;
    struct puppet puppet;
    listener_open(&listener);
    listener_close(&listener);
    puppet_start(&puppet, listener.dir, NULL);
    listener_reopen(&listener);
    assert_true(stays_away(&puppet, &listener));
    puppet_end(&puppet);
    listener_remove(&listener);
}

static void a_word_that_is_none_is_told(void **state)
{
    (void)state;
    const char *settings[] = {"HAKMEM_PUBLISH=sometimes", NULL};
    struct listener listener;
    struct puppet puppet;
    struct greeting g;
    char errors[512];
    listener_open(&listener);
    puppet_start(&puppet, listener.dir, settings);
    puppet_errors(&puppet, errors, sizeof errors);
    assert_non_null(strstr(errors, "HAKMEM_PUBLISH"));
    assert_non_null(strstr(errors, "start, work, retry, off"));
    listener_expect(&listener, &g); /* as by default */
    puppet_end(&puppet);
    greeting_drop(&g);
    listener_remove(&listener);
}

/* ---- daemons that are not there, or not to be trusted ---- */

static void a_stale_socket_is_passed_over(void **state)
{
    (void)state;
    struct listener listener;
    struct puppet puppet;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    listener_open(&listener);
    close(listener.fd); /* the file stays, nobody listens */
    listener.fd = -1;
    puppet_start(&puppet, listener.dir, NULL);
    act(&puppet);
    assert_true(is_silent(&puppet));
    assert_int_equal(puppet_end(&puppet), 0);
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/%s", listener.dir, HK_HELLO_SOCKET);
    unlink(addr.sun_path);
    listener_remove(&listener);
}

/* A daemon that does not accept holds nobody up. */
static void a_full_backlog_is_passed_over(void **state)
{
    (void)state;
    enum { CLIENTS = 200 };
    struct listener listener;
    struct puppet puppet;
    int fds[CLIENTS];
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    listener_open(&listener);
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/%s", listener.dir, HK_HELLO_SOCKET);
    int refused = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        fds[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        refused += connect(fds[i], (const struct sockaddr *)&addr, sizeof addr) != 0;
    }
    assert_true(refused > 0);
    puppet_start(&puppet, listener.dir, NULL);
    act(&puppet);
    assert_int_equal(puppet_end(&puppet), 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        close(fds[i]);
    listener_remove(&listener);
}

static void a_socket_of_another_kind_is_passed_over(void **state)
{
    (void)state;
    struct listener listener;
    struct puppet puppet;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    listener_open(&listener);
    listener_close(&listener);
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/%s", listener.dir, HK_HELLO_SOCKET);
    listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener.fd, (const struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(listener.fd, 5), 0);
    puppet_start(&puppet, listener.dir, NULL);
    act(&puppet);
    assert_true(is_silent(&puppet));
    assert_int_equal(puppet_end(&puppet), 0);
    listener_remove(&listener);
}

#define NOBODY 65534

/* Plays a daemon run by another user; exits with 1 if a hello arrives. */
static void listen_as_nobody(struct listener *listener, int ready)
{
    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        _exit(2);
    listener_reopen(listener);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    char byte = 'r', buf[2048];
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/%s", listener->dir, HK_HELLO_SOCKET);
    if (chmod(addr.sun_path, 0777) != 0 || write(ready, &byte, 1) != 1)
        _exit(2);
    int fd = accept(listener->fd, NULL, NULL);
    _exit(fd >= 0 && recv(fd, buf, sizeof buf, 0) > 0 ? 1 : 0);
}

static void another_users_daemon_is_not_greeted(void **state)
{
    (void)state;
    struct listener listener;
    struct puppet puppet;
    int ready[2], status = -1;
    char byte;
    if (geteuid() != 0)
        skip();
    listener_open(&listener);
    listener_close(&listener);
    assert_int_equal(chown(listener.dir, NOBODY, NOBODY), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t impostor = fork();
    if (impostor == 0) {
        check_instead = NULL;
        listen_as_nobody(&listener, ready[1]);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    puppet_start(&puppet, listener.dir, NULL);
    act(&puppet);
    puppet_end(&puppet);
    assert_int_equal(waitpid(impostor, &status, 0), impostor);
    assert_int_equal(status, 0);
    close(ready[0]);
    close(ready[1]);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/%s", listener.dir, HK_HELLO_SOCKET);
    unlink(addr.sun_path);
    listener_remove(&listener);
}

/* ---- a daemon that was gone ---- */

struct stage {
    struct listener listener;
    struct puppet puppet;
    struct greeting first, second;
};

static struct stage with_silent_daemon(bool may_hello)
{
    struct stage s;
    memset(&s, 0, sizeof s);
    listener_open(&s.listener);
    puppet_start(&s.puppet, s.listener.dir, NULL);
    listener_expect(&s.listener, &s.first);
    greeting_beat(&s.first, 1000, may_hello);
    act(&s.puppet);
    listener_close(&s.listener);
    return s;
}

static void finish(struct stage *s)
{
    puppet_end(&s->puppet);
    greeting_drop(&s->first);
    greeting_drop(&s->second);
    listener_remove(&s->listener);
}

static void a_new_daemon_is_greeted_with_new_descriptors(void **state)
{
    (void)state;
    struct stage s = with_silent_daemon(true);
    struct hk_totals before, after;
    struct stat old_file, new_file;
    puppet_say(&s.puppet, "start 0 2");
    puppet_say(&s.puppet, "on 0 2 alloc 0 500 10000");
    puppet_say(&s.puppet, "alloc 9 100000 5");
    act(&s.puppet);
    puppet_say(&s.puppet, "snapshot");
    greeting_totals(&s.first, s.puppet.pid, &before);
    listener_reopen(&s.listener);
    CHECK(POLL_UNTIL(comes(&s.puppet, &s.listener, &s.second)), "no second hello");
    assert_int_equal(s.second.hello.flags, HK_HELLO_REPEATED);
    assert_int_equal(s.second.hello.pid, s.puppet.pid);
    assert_int_equal(fstat(s.first.counters_fd, &old_file), 0);
    assert_int_equal(fstat(s.second.counters_fd, &new_file), 0);
    assert_int_not_equal(old_file.st_ino, new_file.st_ino);

    /* Nothing is lost, of threads that sleep neither. */
    greeting_totals(&s.second, s.puppet.pid, &after);
    assert_int_equal(after.threads, 4);
    assert_int_equal(after.heaps_published, before.heaps_published);
    assert_true(hk_totals_allocs(&after) >= hk_totals_allocs(&before));
    assert_true(hk_totals_frees(&after) >= hk_totals_frees(&before));
    for (unsigned c = 0; c < after.class_count; c++) {
        for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++) {
            if (hk_class_counters[i].kind == HK_KIND_COUNTER)
                assert_true(after.classes[c].counters[i] >= before.classes[c].counters[i]);
        }
    }
    for (unsigned i = 0; i < HK_PROCESS_COUNTERS; i++) {
        if (hk_process_counters[i].kind == HK_KIND_COUNTER)
            assert_true(after.process[i] >= before.process[i]);
    }
    assert_int_equal(greeting_counter(&s.second, s.puppet.pid, HK_PROCESS_AT(hellos_total)), 2);
    finish(&s);
}

static void after_that_only_the_new_segment_moves(void **state)
{
    (void)state;
    struct stage s = with_silent_daemon(true);
    struct hk_totals old_before, old_after, new_before, new_after;
    listener_reopen(&s.listener);
    CHECK(POLL_UNTIL(comes(&s.puppet, &s.listener, &s.second)), "no second hello");
    greeting_beat(&s.second, 3600000, true);
    act(&s.puppet);
    greeting_totals(&s.first, s.puppet.pid, &old_before);
    greeting_totals(&s.second, s.puppet.pid, &new_before);
    puppet_say(&s.puppet, "alloc 0 500 10000");
    puppet_say(&s.puppet, "start 0 9");
    puppet_say(&s.puppet, "on 0 9 churn 500 1000 3");
    puppet_say(&s.puppet, "snapshot");
    greeting_totals(&s.first, s.puppet.pid, &old_after);
    greeting_totals(&s.second, s.puppet.pid, &new_after);
    assert_int_equal(hk_totals_allocs(&old_after), hk_totals_allocs(&old_before));
    assert_true(hk_totals_allocs(&new_after) >= hk_totals_allocs(&new_before) + 10000);
    assert_int_equal(new_after.threads, 11);

    /* The new page steers. */
    greeting_set(&s.second, HK_TUNE_bin_cap, 64, 0);
    uint64_t generation = greeting_publish(&s.second);
    act(&s.puppet);
    assert_int_equal(greeting_counter(&s.second, s.puppet.pid, HK_PROCESS_AT(generation_applied)),
                     generation);
    assert_int_equal(greeting_applied(&s.second, s.puppet.pid, HK_TUNE_bin_cap).effective, 64);
    puppet_say(&s.puppet, "stop 0 9");
    finish(&s);
}

/* What the last daemon had set can be read from the segment by the next. */
static void tuning_survives_in_the_applied_values(void **state)
{
    (void)state;
    struct stage s;
    memset(&s, 0, sizeof s);
    listener_open(&s.listener);
    puppet_start(&s.puppet, s.listener.dir, NULL);
    listener_expect(&s.listener, &s.first);
    greeting_set(&s.first, HK_TUNE_bin_cap, 64, 600);
    uint64_t generation = greeting_publish(&s.first);
    greeting_beat(&s.first, 1000, true);
    act(&s.puppet);
    listener_close(&s.listener);
    listener_reopen(&s.listener);
    CHECK(POLL_UNTIL(comes(&s.puppet, &s.listener, &s.second)), "no second hello");
    struct hk_applied_view a = greeting_applied(&s.second, s.puppet.pid, HK_TUNE_bin_cap);
    assert_int_equal(a.value, 64);
    assert_int_equal(a.source, HK_SOURCE_OPERATOR);
    assert_int_equal(a.generation, generation);
    assert_int_equal(a.life_s, 600);
    finish(&s);
}

/* A hello at the end of a command that has no slow path after it. */
static bool comes_last(struct stage *s, unsigned *turn)
{
    puppet_say(&s->puppet, (*turn)++ % 2 == 0 ? "alloc 7 100000 1" : "free 7");
    return listener_accept(&s->listener, 0, &s->second);
}

static bool has_applied(struct stage *s, uint64_t generation)
{
    act(&s->puppet);
    return greeting_counter(&s->second, s->puppet.pid, HK_PROCESS_AT(generation_applied)) == generation;
}

/* What a new daemon publishes before the process looks again may bring the new page to the very epoch that
 * the old one had. */
static void the_new_daemons_first_word_is_heard(void **state)
{
    (void)state;
    struct stage s;
    unsigned turn = 0;
    memset(&s, 0, sizeof s);
    listener_open(&s.listener);
    puppet_start(&s.puppet, s.listener.dir, NULL);
    listener_expect(&s.listener, &s.first);
    greeting_set(&s.first, HK_TUNE_bin_cap, 64, 0);
    greeting_publish(&s.first);
    greeting_beat(&s.first, 1000, true);
    act(&s.puppet);
    listener_close(&s.listener);
    listener_reopen(&s.listener);
    CHECK(POLL_UNTIL(comes_last(&s, &turn)), "no second hello");
    s.second.tuning.generation = s.first.tuning.generation;
    greeting_set(&s.second, HK_TUNE_bin_cap, 32, 0);
    uint64_t generation = greeting_publish(&s.second);
    assert_int_equal(atomic_load(&s.second.page->epoch), atomic_load(&s.first.page->epoch));
    CHECK(POLL_UNTIL(has_applied(&s, generation)), "the new daemon's first generation is not applied");
    assert_int_equal(greeting_applied(&s.second, s.puppet.pid, HK_TUNE_bin_cap).value, 32);
    finish(&s);
}

static void hellos_repeat_as_often_as_daemons_come(void **state)
{
    (void)state;
    struct stage s = with_silent_daemon(true);
    for (unsigned i = 0; i < 3; i++) {
        listener_reopen(&s.listener);
        CHECK(POLL_UNTIL(comes(&s.puppet, &s.listener, &s.second)), "no hello number %u", i + 2);
        greeting_beat(&s.second, 1000, true);
        listener_close(&s.listener);
        act(&s.puppet);
        greeting_drop(&s.first);
        s.first = s.second;
        memset(&s.second, 0, sizeof s.second);
    }
    finish(&s);
}

/* The last daemon did not say that the process may: a filter may forbid it. */
static void without_leave_it_does_not_come_back(void **state)
{
    (void)state;
    struct stage s = with_silent_daemon(false);
    listener_reopen(&s.listener);
    for (unsigned i = 0; i < 3; i++)
        assert_true(stays_away(&s.puppet, &s.listener));
    finish(&s);
}

static void a_living_daemon_is_not_greeted_twice(void **state)
{
    (void)state;
    struct stage s = with_silent_daemon(true);
    greeting_beat(&s.first, 3600000, true);
    act(&s.puppet);
    listener_reopen(&s.listener);
    for (unsigned i = 0; i < 2; i++)
        assert_true(stays_away(&s.puppet, &s.listener));
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(off_is_off),
        cmocka_unit_test(work_waits_for_some_work),
        cmocka_unit_test(retry_finds_a_daemon_that_comes_later),
        cmocka_unit_test(start_asks_once),
        cmocka_unit_test(a_word_that_is_none_is_told),
        cmocka_unit_test(a_stale_socket_is_passed_over),
        cmocka_unit_test(a_full_backlog_is_passed_over),
        cmocka_unit_test(a_socket_of_another_kind_is_passed_over),
        cmocka_unit_test(another_users_daemon_is_not_greeted),
        cmocka_unit_test(a_new_daemon_is_greeted_with_new_descriptors),
        cmocka_unit_test(after_that_only_the_new_segment_moves),
        cmocka_unit_test(tuning_survives_in_the_applied_values),
        cmocka_unit_test(the_new_daemons_first_word_is_heard),
        cmocka_unit_test(hellos_repeat_as_often_as_daemons_come),
        cmocka_unit_test(without_leave_it_does_not_come_back),
        cmocka_unit_test(a_living_daemon_is_not_greeted_twice),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
