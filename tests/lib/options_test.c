/*
 * options_test.c - HAKMEM_TUNE and /etc/hakmem/tune: what is right is in force, what is wrong is passed over.
 *
 * The environment's mistakes are told on stderr, the file's are not.
 */
#include "tests/support/cmocka_check.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/listener.h"
#include "tests/support/puppet.h"

struct stage {
    struct listener listener;
    struct puppet puppet;
    struct greeting greeting;
    char errors[4096];
};

static struct stage begin(const char *tune)
{
    struct stage s;
    char setting[1024];
    const char *settings[] = {setting, NULL};
    memset(&s, 0, sizeof s);
    snprintf(setting, sizeof setting, "HAKMEM_TUNE=%s", tune);
    listener_open(&s.listener);
    puppet_start(&s.puppet, s.listener.dir, tune != NULL ? settings : NULL);
    listener_expect(&s.listener, &s.greeting);
    puppet_errors(&s.puppet, s.errors, sizeof s.errors);
    return s;
}

static void finish(struct stage *s)
{
    puppet_end(&s->puppet);
    greeting_drop(&s->greeting);
    listener_remove(&s->listener);
}

static void check_value(const struct stage *s, unsigned index, uint64_t value, unsigned source)
{
    struct hk_applied_view a = greeting_applied(&s->greeting, s->puppet.pid, index);
    CHECK(a.value == value && a.effective == value && a.source == source, "%s: %llu (in force %llu) from %s",
          hk_value_info(index)->name, (unsigned long long)a.value, (unsigned long long)a.effective,
          hk_source_name(a.source));
}

static void settings_are_in_force(void **state)
{
    (void)state;
    struct stage s = begin("retain_bytes=64MiB, bin_cap = 100 ,purge_delay_ms=2s,thp=madvise,"
                           "retain_percent=7%,refill_batch.512=9");
    assert_string_equal(s.errors, "");
    check_value(&s, HK_TUNE_retain_bytes, 64 << 20, HK_SOURCE_ENVIRONMENT);
    check_value(&s, HK_TUNE_bin_cap, 100, HK_SOURCE_ENVIRONMENT);
    check_value(&s, HK_TUNE_purge_delay_ms, 2000, HK_SOURCE_ENVIRONMENT);
    check_value(&s, HK_TUNE_thp, 1, HK_SOURCE_ENVIRONMENT);
    check_value(&s, HK_TUNE_retain_percent, 7, HK_SOURCE_ENVIRONMENT);
    check_value(&s, hk_class_value_index(HK_TUNE_CLASS_refill_batch, greeting_class(&s.greeting, 512)), 9,
                HK_SOURCE_ENVIRONMENT);
    check_value(&s, HK_TUNE_heap_cache_bytes, hk_tunables[HK_TUNE_heap_cache_bytes].dflt, HK_SOURCE_DEFAULT);
    finish(&s);
}

static void nothing_is_no_mistake(void **state)
{
    (void)state;
    static const char *const empty[] = {"", " ", ",", ", ,,", "# a comment, retain_bytes=x"};
    for (unsigned i = 0; i < HK_COUNT_OF(empty); i++) {
        struct stage s = begin(empty[i]);
        assert_string_equal(s.errors, "");
        finish(&s);
    }
}

static void mistakes_are_told_and_the_rest_holds(void **state)
{
    (void)state;
    static const struct {
        const char *tune;
        const char *told[3];
    } rows[] = {
        {"retain_byte=1MiB,bin_cap=50", {"HAKMEM_TUNE", "retain_byte", "retain_bytes"}},
        {"bin_cap=50,nonsense", {"HAKMEM_TUNE", "nonsense", "ignored"}},
        {"refill_batch=0,bin_cap=50", {"refill_batch", "1", "1000"}},
        {"refill_batch=much,bin_cap=50", {"refill_batch", "much", "ignored"}},
        {"refill_batch.100=4,bin_cap=50", {"refill_batch.100", "class", "ignored"}},
        {"thp=always,bin_cap=50", {"thp", "always", "madvise"}},
        {"retain_bytes=,bin_cap=50", {"retain_bytes", "HAKMEM_TUNE", "ignored"}},
        {"=5,bin_cap=50", {"HAKMEM_TUNE", "ignored", "ignored"}},
    };
    for (unsigned i = 0; i < HK_COUNT_OF(rows); i++) {
        struct stage s = begin(rows[i].tune);
        for (unsigned k = 0; k < HK_COUNT_OF(rows[i].told); k++) {
            if (strstr(s.errors, rows[i].told[k]) == NULL)
                fail_msg("HAKMEM_TUNE=%s does not name '%s': %s", rows[i].tune, rows[i].told[k], s.errors);
        }
        assert_memory_equal(s.errors, "hakmem: ", 8);
        assert_ptr_equal(strchr(s.errors, '\n'), s.errors + strlen(s.errors) - 1); /* one line */
        check_value(&s, HK_TUNE_bin_cap, 50, HK_SOURCE_ENVIRONMENT);
        finish(&s);
    }
}

static void every_mistake_has_its_line(void **state)
{
    (void)state;
    struct stage s = begin("a=1,b=2,bin_cap=50,c=3");
    unsigned lines = 0;
    for (const char *at = s.errors; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 3);
    check_value(&s, HK_TUNE_bin_cap, 50, HK_SOURCE_ENVIRONMENT);
    finish(&s);
}

static void what_is_endless_is_cut_and_told(void **state)
{
    (void)state;
    char tune[900];
    memset(tune, 'x', sizeof tune - 1);
    tune[sizeof tune - 1] = '\0';
    struct stage s = begin(tune);
    assert_memory_equal(s.errors, "hakmem: HAKMEM_TUNE", 19);
    assert_true(strlen(s.errors) < 400);
    assert_int_equal(s.errors[strlen(s.errors) - 1], '\n');
    finish(&s);
}

/* ---- the host's file; in a mount namespace of a child ---- */

static void write_tune_file(const char *text)
{
    CHECK(mount("none", "/etc", "tmpfs", 0, NULL) == 0, "mount: %s", strerror(errno));
    CHECK(mkdir("/etc/hakmem", 0755) == 0, "mkdir: %s", strerror(errno));
    int fd = open("/etc/hakmem/tune", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "/etc/hakmem/tune");
    close(fd);
}

static void with_a_file(void)
{
    write_tune_file(
        "# a host's settings\nretain_bytes=3MiB # more\nno_such_thing=1\n\nbin_cap=50,retain_percent=3\n"
        "refill_batch=notanumber");
    struct stage s = begin("bin_cap=60");
    CHECK(s.errors[0] == '\0', "said on stderr: %s", s.errors);
    check_value(&s, HK_TUNE_retain_bytes, 3 << 20, HK_SOURCE_FILE);
    check_value(&s, HK_TUNE_retain_percent, 3, HK_SOURCE_FILE);
    check_value(&s, HK_TUNE_bin_cap, 60, HK_SOURCE_ENVIRONMENT);
    check_value(&s, HK_TUNE_refill_batch, 100, HK_SOURCE_DEFAULT);
    finish(&s);
}

static void the_hosts_file_is_read_before_the_environment(void **state)
{
    (void)state;
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        check_instead = NULL;
        if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
            _exit(77);
        with_a_file();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("no mount namespace of one's own: not tested\n");
        skip();
    }
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_in_force),
        cmocka_unit_test(nothing_is_no_mistake),
        cmocka_unit_test(mistakes_are_told_and_the_rest_holds),
        cmocka_unit_test(every_mistake_has_its_line),
        cmocka_unit_test(what_is_endless_is_cut_and_told),
        cmocka_unit_test(the_hosts_file_is_read_before_the_environment),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
