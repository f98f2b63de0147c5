/* runtime_dir_test.c - where the sockets are, and whose directory is trusted. */
#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/runtime_dir.h"

#define UID 1234

static void set_env(const char *chosen, const char *xdg)
{
    chosen ? setenv(HK_RUNTIME_DIR_ENV, chosen, 1) : unsetenv(HK_RUNTIME_DIR_ENV);
    xdg ? setenv("XDG_RUNTIME_DIR", xdg, 1) : unsetenv("XDG_RUNTIME_DIR");
}

static void expect_candidate(unsigned index, bool trust_env, const char *expected)
{
    char buf[HK_RUNTIME_DIR_MAX];
    int err = hk_runtime_dir_candidate(index, trust_env, UID, buf, sizeof buf);
    if (expected) {
        assert_int_equal(err, 0);
        assert_string_equal(buf, expected);
    } else {
        assert_int_equal(err, ENOENT);
    }
}

static void the_variable_stands_alone(void **state)
{
    (void)state;
    set_env("/srv/hakmem", "/run/user/1234");
    expect_candidate(0, true, "/srv/hakmem");
    expect_candidate(1, true, NULL);
    expect_candidate(2, true, NULL);
}

static void a_relative_one_is_refused_and_stands_alone_too(void **state)
{
    char buf[HK_RUNTIME_DIR_MAX];
    (void)state;
    set_env("run/hakmem", NULL);
    assert_int_equal(hk_runtime_dir_candidate(0, true, UID, buf, sizeof buf), EINVAL);
    assert_string_equal(buf, "run/hakmem");
    expect_candidate(1, true, NULL);
    set_env(NULL, "user");
    expect_candidate(0, true, "/run/hakmem");
    assert_int_equal(hk_runtime_dir_candidate(1, true, UID, buf, sizeof buf), EINVAL);
    expect_candidate(2, true, "/tmp/hakmem-1234");
}

static void the_host_comes_before_the_user(void **state)
{
    (void)state;
    set_env(NULL, "/run/user/1234");
    expect_candidate(0, true, "/run/hakmem");
    expect_candidate(1, true, "/run/user/1234/hakmem");
    expect_candidate(2, true, "/tmp/hakmem-1234");
    expect_candidate(3, true, NULL);
    set_env(NULL, NULL);
    expect_candidate(0, true, "/run/hakmem");
    expect_candidate(1, true, "/tmp/hakmem-1234");
    expect_candidate(2, true, NULL);
    set_env("", "");
    expect_candidate(0, true, "/run/hakmem");
    expect_candidate(1, true, "/tmp/hakmem-1234");
}

static void a_privileged_program_trusts_no_variable(void **state)
{
    (void)state;
    set_env("/srv/evil", "/srv/evil");
    expect_candidate(0, false, "/run/hakmem");
    expect_candidate(1, false, NULL);
    expect_candidate(2, false, NULL);
}

static void a_path_that_does_not_fit_is_said(void **state)
{
    (void)state;
    char buf[3 * HK_RUNTIME_DIR_MAX], dir[2 * HK_RUNTIME_DIR_MAX];
    memset(dir, 'd', sizeof dir);
    dir[0] = '/';
    dir[sizeof dir - 1] = '\0';
    set_env(dir, NULL);
    assert_int_equal(hk_runtime_dir_candidate(0, true, UID, buf, sizeof buf), ENAMETOOLONG);
    expect_candidate(1, true, NULL);
    set_env(NULL, dir);
    assert_int_equal(hk_runtime_dir_candidate(1, true, UID, buf, sizeof buf), ENAMETOOLONG);
    expect_candidate(2, true, "/tmp/hakmem-1234");
    assert_int_equal(hk_runtime_dir_user(UID, buf, sizeof buf), ENAMETOOLONG);
    /* The longest that is accepted leaves room for a socket's name. */
    dir[HK_RUNTIME_DIR_MAX - 2] = '\0';
    set_env(dir, NULL);
    expect_candidate(0, true, dir);
    char path[108];
    assert_int_equal(hk_runtime_socket(dir, "control", path, sizeof path), 0);
    assert_int_equal(strlen(path), HK_RUNTIME_DIR_MAX - 2 + sizeof "/control" - 1);
}

static void a_user_has_a_directory_of_its_own(void **state)
{
    (void)state;
    char buf[HK_RUNTIME_DIR_MAX];
    set_env("/srv/hakmem", "/run/user/1234");
    assert_int_equal(hk_runtime_dir_user(UID, buf, sizeof buf), 0);
    assert_string_equal(buf, "/run/user/1234/hakmem");
    set_env(NULL, NULL);
    assert_int_equal(hk_runtime_dir_user((uid_t)-2, buf, sizeof buf), 0);
    assert_string_equal(buf, "/tmp/hakmem-4294967294");
}

static void sockets_have_names(void **state)
{
    (void)state;
    char path[32];
    assert_int_equal(hk_runtime_socket("/run/hakmem", "hello", path, sizeof path), 0);
    assert_string_equal(path, "/run/hakmem/hello");
    for (size_t size = 1; size <= 17; size++)
        assert_int_equal(hk_runtime_socket("/run/hakmem", "hello", path, size), ENAMETOOLONG);
}

static void trusts_directories_that_others_cannot_write(void **state)
{
    (void)state;
    char dir[] = "/tmp/hakmem-test-XXXXXX", path[64], link[64];
    assert_non_null(mkdtemp(dir));
    uid_t uid = getuid();
    static const struct {
        mode_t mode;
        int err;
    } cases[] = {{0700, 0}, {0755, 0}, {0711, 0}, {0775, EPERM}, {0757, EPERM}, {01777, EPERM}};
    for (unsigned i = 0; i < HK_COUNT_OF(cases); i++) {
        assert_int_equal(chmod(dir, cases[i].mode), 0);
        assert_int_equal(hk_runtime_dir_check(dir, uid), cases[i].err);
    }
    assert_int_equal(chmod(dir, 0700), 0);
    /* Another's directory: root's is trusted by all, anybody else's by its owner alone. */
    if (uid == 0)
        assert_int_equal(chown(dir, UID, (gid_t)-1), 0);
    assert_int_equal(hk_runtime_dir_check(dir, UID + 1), EPERM);
    assert_int_equal(hk_runtime_dir_check("/", UID + 1), 0);

    snprintf(path, sizeof path, "%s/file", dir);
    snprintf(link, sizeof link, "%s/link", dir);
    assert_int_equal(hk_runtime_dir_check(path, uid), ENOENT);
    assert_int_equal(symlink("/", link), 0);
    assert_int_equal(hk_runtime_dir_check(link, uid), ENOTDIR);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(hk_runtime_dir_check(path, uid), ENOTDIR);
    unlink(path);
    unlink(link);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_variable_stands_alone),
        cmocka_unit_test(a_relative_one_is_refused_and_stands_alone_too),
        cmocka_unit_test(the_host_comes_before_the_user),
        cmocka_unit_test(a_privileged_program_trusts_no_variable),
        cmocka_unit_test(a_path_that_does_not_fit_is_said),
        cmocka_unit_test(a_user_has_a_directory_of_its_own),
        cmocka_unit_test(sockets_have_names),
        cmocka_unit_test(trusts_directories_that_others_cannot_write),
    };
    return cmocka_run_group_tests_name("shm.runtime_dir", tests, NULL, NULL);
}
