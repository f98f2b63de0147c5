/* json_read_test.c - what the daemon sent: read whatever its type, printed without losing a digit. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/base/json_read.h"
#include "shm/base.h"

static char *print(const char *text, enum hk_json_form form)
{
    char *printed = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&printed, &size);
    cJSON *value = cJSON_Parse(text);
    assert_non_null(value);
    hk_json_print(out, value, form);
    cJSON_Delete(value);
    fclose(out);
    return printed;
}

static void keeps_every_digit(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[0]",
        "[9007199254740992,9007199254740991,9007199254740990,-9007199254740991]",
        "{\"a\":1000000000000000,\"b\":{\"c\":[1234567890123460]}}",
        "[2147483647,2147483648,4294967296,-2147483649]",
        "[0.5,1.25,3.4e-05]",
        "[true,false,null,\"text\",{},[]]",
    };
    for (unsigned i = 0; i < HK_COUNT_OF(texts); i++) {
        char *printed = print(texts[i], HK_JSON_COMPACT);
        printed[strlen(printed) - 1] = '\0';
        assert_string_equal(printed, texts[i]);
        free(printed);
    }
}

static void prints_one_line_or_many(void **state)
{
    (void)state;
    char *line = print("{\"a\":[1,2],\"b\":\"x\\ny\"}", HK_JSON_COMPACT);
    char *many = print("{\"a\":[1,2],\"b\":\"x\\ny\"}", HK_JSON_PRETTY);
    assert_string_equal(line, "{\"a\":[1,2],\"b\":\"x\\ny\"}\n");
    assert_non_null(strchr(many, '\t'));
    cJSON *again = cJSON_Parse(many), *first = cJSON_Parse(line);
    assert_true(cJSON_Compare(first, again, true));
    cJSON_Delete(first);
    cJSON_Delete(again);
    free(line);
    free(many);
}

static void reads_whatever_is_there(void **state)
{
    (void)state;
    cJSON *o = cJSON_Parse("{\"n\":1.5,\"s\":\"x\",\"t\":true,\"a\":[1,2],\"o\":{\"x\":1}}");
    assert_true(hk_json_get_number(o, "n") == 1.5);
    assert_true(isnan(hk_json_get_number(o, "s")));
    assert_true(isnan(hk_json_get_number(o, "missing")));
    assert_true(isnan(hk_json_get_number(NULL, "n")));
    assert_true(isnan(hk_json_get_number(hk_json_get_member(o, "n"), "n")));
    assert_string_equal(hk_json_get_string(o, "s"), "x");
    assert_null(hk_json_get_string(o, "n"));
    assert_null(hk_json_get_string(o, "S"));
    assert_true(hk_json_get_true(o, "t"));
    assert_false(hk_json_get_true(o, "n"));
    assert_int_equal(hk_json_count(hk_json_get_member(o, "a")), 2);
    assert_int_equal(hk_json_count(hk_json_get_member(o, "o")), 1);
    assert_int_equal(hk_json_count(hk_json_get_member(o, "n")), 0);
    assert_int_equal(hk_json_count(NULL), 0);
    cJSON_Delete(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_every_digit),
        cmocka_unit_test(prints_one_line_or_many),
        cmocka_unit_test(reads_whatever_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
