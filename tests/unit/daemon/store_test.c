/* store_test.c - the names of stored descriptors: short enough for all of them to come back. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/intake/fd_store.h"

/* One string of an environment, its end included (MAX_ARG_STRLEN of Linux). */
#define STRING_MOST 131072

static void names_are_numbers(void **state)
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._";
    static bool seen[HK_STORE_ROWS + 1];
    char name[4] = "";
    size_t bytes = strlen("LISTEN_FDNAMES=hakmem:hakmem:" HK_STORE_TABLE) + 1;
    unsigned found = 0;
    (void)state;
    for (unsigned i = 0; i < 64 + 64 * 64 + 64 * 64 * 64; i++) {
        unsigned rest = i, len = i < 64 ? 1 : i < 64 + 64 * 64 ? 2 : 3;
        rest -= len == 1 ? 0 : len == 2 ? 64 : 64 + 64 * 64;
        for (unsigned at = len; at-- > 0; rest /= 64)
            name[at] = digits[rest % 64];
        name[len] = '\0';
        unsigned number = hk_store_number(name);
        if (number == 0)
            continue;
        assert_uint_in_range(number, 1, HK_STORE_ROWS);
        assert_false(seen[number]);
        seen[number] = true;
        found++;
        bytes += 3 * (len + 1);
    }
    assert_int_equal(found, HK_STORE_ROWS);
    assert_true(bytes <= STRING_MOST);
}

static void other_names_are_not(void **state)
{
    static const char *const others[] = {"",   "table", "hello", "control", "hakmem", "00",
                                         "01", "-",     "a-b",   "a b",     "___",    "zzzz"};
    (void)state;
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(hk_store_number(others[i]), 0);
}

static void claims_what_a_table_says(void **state)
{
    struct hk_store store;
    struct hk_stored row = {.pid = 42, .uid = 7, .start_ticks = 1234567}, out;
    int fd = memfd_create("test", MFD_ALLOW_SEALING), other = memfd_create("test", MFD_ALLOW_SEALING);
    (void)state;
    assert_int_equal(ftruncate(fd, HK_STORE_ROWS * (off_t)sizeof row), 0);
    assert_int_equal(pwrite(fd, &row, sizeof row, 5 * (off_t)sizeof row), sizeof row);
    hk_store_init(&store);
    assert_false(hk_store_claim(&store, 6, &out));
    assert_false(hk_store_resume(&store, other)); /* of another size */
    assert_false(hk_store_resume(&store, STDIN_FILENO));
    assert_true(hk_store_resume(&store, fd));
    assert_true(hk_store_claim(&store, 6, &out));
    assert_memory_equal(&out, &row, sizeof row);
    assert_false(hk_store_claim(&store, 6, &out)); /* it has been */
    assert_false(hk_store_claim(&store, 5, &out)); /* nothing there */
    assert_false(hk_store_claim(&store, 0, &out));
    hk_store_drop(&store, 6);
    assert_false(hk_store_claim(&store, 6, &out));
    hk_store_close(&store);
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_numbers),
        cmocka_unit_test(other_names_are_not),
        cmocka_unit_test(claims_what_a_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
