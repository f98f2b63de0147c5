/* value_fuzz.c - tunables as somebody wrote them: "name=value", in any bytes. */
#include <string.h>

#include "shm/value.h"
#include "tests/fuzz/fuzz.h"

static const uint32_t classes[] = {16, 32, 256, 32768};

/* Whatever is said of a mistake ends within its buffer, and no value in range comes out of one. */
static void check_explanations(enum hk_value_error error, const char *name, size_t name_len,
                               const char *value, size_t value_len)
{
    static const size_t sizes[] = {1, 2, 16, 200, 512};
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        char *buf = malloc(sizes[i]);
        FUZZ_CHECK(buf);
        memset(buf, 'x', sizes[i]);
        FUZZ_CHECK(hk_value_explain(error, name, name_len, value, value_len, buf, sizes[i]) == buf);
        FUZZ_CHECK(memchr(buf, '\0', sizes[i]));
        FUZZ_CHECK(sizes[i] == 1 || (buf[0] != '\0') == (error != HK_VALUE_OK));
        free(buf);
    }
}

static void try_value(unsigned index, const char *text, size_t len)
{
    const struct hk_tunable_info *info = hk_value_info(index);
    char word[HK_CHOICES_BYTES];
    uint64_t v;
    enum hk_value_error error = hk_value_parse(info, text, len, &v);
    if (error == HK_VALUE_OK) {
        FUZZ_CHECK(v >= info->min && v <= info->max);
        FUZZ_CHECK((info->type == HK_TYPE_CHOICE) == (hk_value_choice(info, v, word, sizeof word) != NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    if (size == 0)
        return 0;
    const char *equals = memchr(text, '=', size);
    size_t name_len = equals ? (size_t)(equals - text) : size;
    const char *value = equals ? equals + 1 : text;
    size_t value_len = equals ? size - name_len - 1 : size;

    enum hk_value_error error;
    const char *near[4];
    int index = hk_value_find(text, name_len, classes, HK_COUNT_OF(classes), &error);
    FUZZ_CHECK((index >= 0) == (error == HK_VALUE_OK) && index < (int)HK_VALUES);
    FUZZ_CHECK(hk_value_nearest(text, name_len, near, HK_COUNT_OF(near)) <= HK_COUNT_OF(near));
    if (index >= 0) {
        char name[HK_NAME_BYTES + 24];
        hk_value_name((unsigned)index, classes, HK_COUNT_OF(classes), name, sizeof name);
        FUZZ_CHECK(hk_value_find(name, strlen(name), classes, HK_COUNT_OF(classes), &error) == index);
        uint64_t v;
        error = hk_value_parse(hk_value_info((unsigned)index), value, value_len, &v);
    }
    check_explanations(error, text, name_len, value, value_len);
    for (unsigned i = 0; i < HK_VALUES; i++)
        try_value(i, value, value_len);
    return 0;
}
