/* text_test.c - messages in fixed buffers: never past the end, always terminated. */
#include "tests/support/test.h"

#include <string.h>

#include "shm/text.h"

static void builds_up(void **state)
{
    (void)state;
    char buf[64];
    struct hk_text t = hk_text_in(buf, sizeof buf);
    assert_string_equal(buf, "");
    hk_text_add(&t, "free(");
    hk_text_add_hex(&t, 0xdeadbeef);
    hk_text_add(&t, "): ");
    hk_text_add_u64(&t, 0);
    hk_text_add_n(&t, " blocksXXX", 7);
    assert_string_equal(buf, "free(0xdeadbeef): 0 blocks");
    assert_int_equal(t.len, strlen(buf));
}

static void writes_the_largest_numbers(void **state)
{
    (void)state;
    char buf[64];
    struct hk_text t = hk_text_in(buf, sizeof buf);
    hk_text_add_u64(&t, UINT64_MAX);
    hk_text_add(&t, " ");
    hk_text_add_hex(&t, UINT64_MAX);
    assert_string_equal(buf, "18446744073709551615 0xffffffffffffffff");
}

static void cuts_what_does_not_fit(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 16; size++) {
        char buf[17];
        memset(buf, '#', sizeof buf);
        struct hk_text t = hk_text_in(buf, size);
        hk_text_add(&t, "12345");
        hk_text_add_u64(&t, 6789012345);
        hk_text_add(&t, "6789");
        assert_int_equal(t.len, size - 1);
        assert_memory_equal(buf, "1234567890123456789", size - 1);
        assert_int_equal(buf[size - 1], '\0');
        assert_int_equal(buf[size], '#');
    }
}

static void fills_fields(void **state)
{
    (void)state;
    char field[8];
    memset(field, '#', sizeof field);
    hk_text_field(field, sizeof field, "nginx", 5);
    assert_memory_equal(field, "nginx\0\0\0", 8);
    hk_text_field(field, sizeof field, "postgresql", 10);
    assert_memory_equal(field, "postgre\0", 8);
    hk_text_field(field, sizeof field, "", 0);
    assert_memory_equal(field, "\0\0\0\0\0\0\0\0", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_up),
        cmocka_unit_test(writes_the_largest_numbers),
        cmocka_unit_test(cuts_what_does_not_fit),
        cmocka_unit_test(fills_fields),
    };
    return cmocka_run_group_tests_name("shm.text", tests, NULL, NULL);
}
