/* install_paths_test.c - programs found as a shell finds them, and what goes into a program's environment. */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/base/install_paths.h"
#include "ctl/client/preload_env.h"
#include "shm/base.h"

static char dir[] = "/tmp/hakmem-places-XXXXXX";
static char file[64], program[64];

static void make(char *path, size_t size, const char *name, mode_t mode)
{
    snprintf(path, size, "%s/%s", dir, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "#!/bin/sh\n", 10), 10);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    make(file, sizeof file, "file", 0644);
    make(program, sizeof program, "program", 0755);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(file);
    unlink(program);
    return rmdir(dir);
}

static void set_path(const char *first, const char *second)
{
    char path[128];
    snprintf(path, sizeof path, "%s%s%s", first, second ? ":" : "", second ? second : "");
    setenv("PATH", path, 1);
}

static void finds_programs_as_a_shell_does(void **state)
{
    (void)state;
    char found[PATH_MAX];
    set_path("/nonexistent", dir);
    assert_int_equal(hk_install_path_search("program", found, sizeof found), 0);
    assert_string_equal(found, program);
    assert_int_equal(hk_install_path_search("file", found, sizeof found), EACCES);
    assert_int_equal(hk_install_path_search("no-such-program", found, sizeof found), ENOENT);
    assert_int_equal(hk_install_path_search("", found, sizeof found), ENOENT);
    assert_int_equal(hk_install_path_search(program, found, sizeof found), 0);
    assert_int_equal(hk_install_path_search(file, found, sizeof found), EACCES);
    assert_int_equal(hk_install_path_search(dir, found, sizeof found), EACCES);
    assert_int_equal(hk_install_path_search("/nonexistent/x", found, sizeof found), ENOENT);
    set_path("", NULL); /* an empty entry is the current directory */
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(hk_install_path_search("program", found, sizeof found), 0);
    assert_int_equal(chdir("/"), 0);
    unsetenv("PATH");
    assert_int_equal(hk_install_path_search("sh", found, sizeof found), 0);
}

static void a_folder_that_may_not_be_looked_into_has_no_programs(void **state)
{
    (void)state;
    char found[PATH_MAX], inside[96];
    uid_t before = geteuid();
    assert_int_equal(chmod(dir, 0755), 0);
    char closed[] = "/tmp/hakmem-closed-XXXXXX";
    assert_non_null(mkdtemp(closed));
    assert_int_equal(chmod(closed, 0), 0);
    snprintf(inside, sizeof inside, "%s/program", closed);
    set_path(closed, dir);
    /* Root may look anywhere. */
    assert_true(before != 0 || seteuid(65534) == 0);
    assert_int_equal(hk_install_path_search("no-such-program", found, sizeof found), ENOENT);
    assert_int_equal(hk_install_path_search("program", found, sizeof found), 0);
    assert_string_equal(found, program);
    assert_int_equal(hk_install_path_search("file", found, sizeof found), EACCES);
    assert_int_equal(hk_install_path_search(inside, found, sizeof found), EACCES);
    assert_int_equal(seteuid(before), 0);
    assert_int_equal(rmdir(closed), 0);
}

static void takes_the_library_that_is_named(void **state)
{
    (void)state;
    char found[PATH_MAX], error[512];
    setenv("HAKMEM_LIBRARY", file, 1);
    assert_true(hk_install_path_library(found, sizeof found, error, sizeof error));
    assert_string_equal(found, file);
    setenv("HAKMEM_LIBRARY", "/nonexistent/libhakmem.so", 1);
    assert_false(hk_install_path_library(found, sizeof found, error, sizeof error));
    assert_non_null(strstr(error, "HAKMEM_LIBRARY: '/nonexistent/libhakmem.so': No such file"));
    unsetenv("HAKMEM_LIBRARY");
}

static void refuses_a_path_that_cannot_be_preloaded(void **state)
{
    (void)state;
    char found[PATH_MAX], error[512], path[96];
    make(path, sizeof path, "with blank.so", 0644);
    setenv("HAKMEM_LIBRARY", path, 1);
    assert_false(hk_install_path_library(found, sizeof found, error, sizeof error));
    assert_non_null(strstr(error, "LD_PRELOAD cannot hold"));
    unlink(path);
    unsetenv("HAKMEM_LIBRARY");
}

static void expect_preload(const char *before, const char *after)
{
    before ? setenv("LD_PRELOAD", before, 1) : unsetenv("LD_PRELOAD");
    hk_preload_library("/lib/libhakmem.so");
    assert_string_equal(getenv("LD_PRELOAD"), after);
    unsetenv("LD_PRELOAD");
}

static void comes_first_and_once(void **state)
{
    (void)state;
    expect_preload(NULL, "/lib/libhakmem.so");
    expect_preload("", "/lib/libhakmem.so");
    expect_preload("/a.so", "/lib/libhakmem.so:/a.so");
    expect_preload("/a.so /b.so", "/lib/libhakmem.so:/a.so /b.so");
    expect_preload("/lib/libhakmem.so", "/lib/libhakmem.so");
    expect_preload("/a.so:/lib/libhakmem.so", "/a.so:/lib/libhakmem.so");
    expect_preload("/lib/libhakmem.so.1", "/lib/libhakmem.so:/lib/libhakmem.so.1");
}

static void values_come_after_those_there_are(void **state)
{
    (void)state;
    static const char *const tunes[] = {"refill_batch=200", "retain_bytes=1m"};
    unsetenv("HAKMEM_TUNE");
    hk_preload_tunes(tunes, 0);
    assert_null(getenv("HAKMEM_TUNE"));
    hk_preload_tunes(tunes, 2);
    assert_string_equal(getenv("HAKMEM_TUNE"), "refill_batch=200,retain_bytes=1m");
    setenv("HAKMEM_TUNE", "bin_cap=8", 1);
    hk_preload_tunes(tunes, 1);
    assert_string_equal(getenv("HAKMEM_TUNE"), "bin_cap=8,refill_batch=200");
    setenv("HAKMEM_TUNE", "bin_cap=8 # said why", 1);
    hk_preload_tunes(tunes, 2);
    assert_string_equal(getenv("HAKMEM_TUNE"), "bin_cap=8 # said why\nrefill_batch=200\nretain_bytes=1m");
    unsetenv("HAKMEM_TUNE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_programs_as_a_shell_does),
        cmocka_unit_test(a_folder_that_may_not_be_looked_into_has_no_programs),
        cmocka_unit_test(takes_the_library_that_is_named),
        cmocka_unit_test(refuses_a_path_that_cannot_be_preloaded),
        cmocka_unit_test(comes_first_and_once),
        cmocka_unit_test(values_come_after_those_there_are),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
