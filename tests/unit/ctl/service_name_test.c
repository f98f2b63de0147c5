/* service_name_test.c - what an operator types, and the whole name of the unit that comes of it. */
#include "tests/support/test.h"

#include <string.h>

#include "ctl/service/service_name.h"

#define LONGEST (HK_SERVICE_NAME_BYTES - 1) /* characters, without the end */

/* "aaa...a" of len characters, with the suffix at its end. */
static const char *name_of(size_t len, const char *suffix)
{
    static char buf[2 * HK_SERVICE_NAME_BYTES];
    assert_true(len < sizeof buf && len >= strlen(suffix));
    memset(buf, 'a', len);
    buf[len] = '\0';
    memcpy(buf + len - strlen(suffix), suffix, strlen(suffix));
    return buf;
}

static void the_suffix_is_added_where_there_is_none(void **state)
{
    (void)state;
    char name[HK_SERVICE_NAME_BYTES], error[128];
    assert_true(hk_service_name("redis-server", name, error, sizeof error));
    assert_string_equal(name, "redis-server.service");
    assert_true(hk_service_name("redis-server.service", name, error, sizeof error));
    assert_string_equal(name, "redis-server.service");
    assert_true(hk_service_name("php8.2-fpm", name, error, sizeof error));
    assert_string_equal(name, "php8.2-fpm.service");
}

static void the_longest_names_come_out_whole(void **state)
{
    (void)state;
    char name[HK_SERVICE_NAME_BYTES], error[128];
    const char *typed = name_of(LONGEST, ".service");
    assert_true(hk_service_name(typed, name, error, sizeof error));
    assert_string_equal(name, typed);
    typed = name_of(LONGEST - strlen(".service"), "");
    assert_true(hk_service_name(typed, name, error, sizeof error));
    assert_int_equal(strlen(name), LONGEST);
    assert_memory_equal(name, typed, strlen(typed));
    assert_string_equal(name + strlen(typed), ".service");
}

static void one_character_more_is_refused(void **state)
{
    (void)state;
    char name[HK_SERVICE_NAME_BYTES], error[128];
    for (size_t len = LONGEST + 1; len < LONGEST + 20; len++) {
        assert_false(hk_service_name(name_of(len, ".service"), name, error, sizeof error));
        assert_non_null(strstr(error, "longer than a unit's name may be"));
        assert_false(hk_service_name(name_of(len - strlen(".service"), ""), name, error, sizeof error));
        assert_non_null(strstr(error, "longer than a unit's name may be"));
    }
}

static void the_template_of_the_longest_instance_comes_out_whole(void **state)
{
    (void)state;
    char name[HK_SERVICE_NAME_BYTES], template[HK_SERVICE_NAME_BYTES], error[128];
    const char *typed = name_of(LONGEST, "@x.service");
    assert_true(hk_service_name(typed, name, error, sizeof error));
    assert_true(hk_service_template(name, template));
    assert_int_equal(strlen(template), LONGEST - 1);
    assert_string_equal(template + LONGEST - 1 - strlen("@.service"), "@.service");
    assert_true(hk_service_is_template(template));
    assert_false(hk_service_is_template(name));
}

static void what_is_no_service_is_named(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "@x.service", ".service", ".hidden", "a/b", "a b", "b.socket"};
    char name[HK_SERVICE_NAME_BYTES], error[128];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(hk_service_name(wrong[i], name, error, sizeof error));
        assert_non_null(strstr(error, wrong[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_suffix_is_added_where_there_is_none),
        cmocka_unit_test(the_longest_names_come_out_whole),
        cmocka_unit_test(one_character_more_is_refused),
        cmocka_unit_test(the_template_of_the_longest_instance_comes_out_whole),
        cmocka_unit_test(what_is_no_service_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
