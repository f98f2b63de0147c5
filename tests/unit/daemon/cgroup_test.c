/* cgroup_test.c - units and containers out of /proc/PID/cgroup. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "daemon/sources/cgroup.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_units(void **state)
{
    static const struct {
        const char *text, *unit; /* NULL: none */
    } rows[] = {
        {"0::/system.slice/nginx.service\n", "nginx.service"},
        {"0::/system.slice/nginx.service/workers\n", "nginx.service"},
        {"0::/user.slice/user-1000.slice/user@1000.service/app.slice/foo.scope\n", "foo.scope"},
        {"0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope"},
        {"0::/init.scope\n", "init.scope"},
        {"0::/\n", NULL},
        {"0::/user.slice\n", NULL},
        {"0::/docker/" ID "\n", ID},
        {"0::/system.slice/docker-" ID ".scope\n", "docker-" ID ".scope"},
        {"0::/kubepods/besteffort/pod1/" ID "/nested\n", ID},
        {"0::/docker/" ID "0\n", NULL},
        {"0::/docker/ABC" ID "\n", NULL},
        {"12:cpu,cpuacct:/system.slice/a.service\n1:name=systemd:/system.slice/b.service\n0::/\n",
         "b.service"},
        {"4:memory:/system.slice/a.service\n3:pids:/x.scope\n", "a.service"},
        {"0::/system.slice/a.service", "a.service"},
        {"0::/../../other.service\n", "other.service"},
        {"0::/.service\n", NULL},
        {"", NULL},
        {"nonsense\n:\n::\n0::\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char unit[HK_UNIT_BYTES_MAX] = "";
        bool found = hk_cgroup_unit(rows[i].text, unit);
        if (found != (rows[i].unit != NULL) || (found && strcmp(unit, rows[i].unit) != 0))
            fail_msg("%s: '%s'", rows[i].text, unit);
    }
}

static void test_long_names_are_passed_over(void **state)
{
    char text[1024] = "0::/outer.service/";
    char unit[HK_UNIT_BYTES_MAX];
    (void)state;
    memset(text + strlen(text), 'x', 400);
    strncat(text, ".service\n", sizeof text - strlen(text) - 1);
    assert_true(hk_cgroup_unit(text, unit));
    assert_string_equal(unit, "outer.service");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_long_names_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
