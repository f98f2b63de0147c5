/* json_out_test.c - answers as text: nesting, numbers, and strings that are no text. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "daemon/control/json_writer.h"

static void expect(struct hk_json *json, const char *text)
{
    size_t len;
    char *got = hk_json_take(json, &len);
    assert_string_equal(got, text);
    assert_int_equal(len, strlen(text));
    free(got);
}

static void test_nesting(void **state)
{
    struct hk_json json = {0};
    (void)state;
    hk_json_object(&json, NULL);
    hk_json_array(&json, "a");
    hk_json_u64(&json, NULL, 1);
    hk_json_object(&json, NULL);
    hk_json_end_object(&json);
    hk_json_array(&json, NULL);
    hk_json_end_array(&json);
    hk_json_end_array(&json);
    hk_json_bool(&json, "b", true);
    hk_json_null(&json, "c\"");
    hk_json_raw(&json, "d", "[2]", 3);
    hk_json_string(&json, "e", NULL);
    hk_json_end_object(&json);
    expect(&json, "{\"a\":[1,{},[]],\"b\":true,\"c\\\"\":null,\"d\":[2],\"e\":null}");
    assert_null(json.text);
    hk_json_free(&json);
}

static void test_numbers(void **state)
{
    static const struct {
        double rate;
        const char *text;
    } rates[] = {{0, "0"},
                 {-5, "0"},
                 {NAN, "0"},
                 {0.04, "0"},
                 {0.05, "0.1"},
                 {1, "1"},
                 {1.25, "1.3"},
                 {99.96, "100"},
                 {123456.7, "123456.7"},
                 {1e300, "100000000000000000"}};
    static const struct {
        double v;
        const char *text;
    } doubles[] = {{1, "1"},
                   {-0.5, "-0.5"},
                   {0.1, "0.1"},
                   {1e21, "1e+21"},
                   {INFINITY, "null"},
                   {9007199254740993.0, "9007199254740992"},
                   {0.1 + 0.2, "0.30000000000000004"}};
    struct hk_json json = {0};
    (void)state;
    hk_json_u64(&json, NULL, UINT64_MAX);
    expect(&json, "18446744073709551615");
    hk_json_u64(&json, NULL, 0);
    expect(&json, "0");
    hk_json_i64(&json, NULL, INT64_MIN);
    expect(&json, "-9223372036854775808");
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        hk_json_rate(&json, NULL, rates[i].rate);
        expect(&json, rates[i].text);
    }
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        hk_json_double(&json, NULL, doubles[i].v);
        expect(&json, doubles[i].text);
    }
}

static void test_strings(void **state)
{
    static const struct {
        const char *s, *text;
    } rows[] = {
        {"", "\"\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\b\f\n\r\t\v\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u000b\\u0001\\u001f\\u007f\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xff\xfe", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"a\xc3", "\"a\xef\xbf\xbd\""},
        {"\xc3(", "\"\xef\xbf\xbd(\""},
        {"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* half of a surrogate pair */
        {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* beyond Unicode */
        {"\xe2\x82x", "\"\xef\xbf\xbd\xef\xbf\xbdx\""},
        {"\x80", "\"\xef\xbf\xbd\""},
    };
    struct hk_json json = {0};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hk_json_string(&json, NULL, rows[i].s);
        expect(&json, rows[i].text);
    }
    hk_json_string_n(&json, NULL, "a\0b", 3);
    expect(&json, "\"a\\u0000b\"");
}

/* Any bytes come out as JSON that another parser takes, and that is UTF-8. */
static void test_any_bytes(void **state)
{
    unsigned seed = 1;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct hk_json json = {0};
        char bytes[24];
        size_t len;
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)(rand_r(&seed) >> 7);
        hk_json_string_n(&json, NULL, bytes, sizeof bytes);
        char *text = hk_json_take(&json, &len);
        for (size_t i = 0; i < len;) {
            unsigned n = hk_utf8_length(text + i, len - i);
            assert_true(n > 0);
            assert_true(n > 1 || (unsigned char)text[i] >= ' ');
            i += n;
        }
        cJSON *back = cJSON_Parse(text);
        assert_non_null(back);
        cJSON_Delete(back);
        free(text);
    }
}

static void test_growth(void **state)
{
    struct hk_json json = {0};
    size_t len;
    (void)state;
    hk_json_array(&json, NULL);
    for (int i = 0; i < 100000; i++)
        hk_json_u64(&json, NULL, 12345678);
    hk_json_end_array(&json);
    char *text = hk_json_take(&json, &len);
    assert_int_equal(len, 2 + 100000 * 9 - 1);
    assert_int_equal(strlen(text), len);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nesting),   cmocka_unit_test(test_numbers), cmocka_unit_test(test_strings),
        cmocka_unit_test(test_any_bytes), cmocka_unit_test(test_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
