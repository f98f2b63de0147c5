/* tunable_args.c - see tunable_args.h. */
#include "ctl/tunable_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/value.h"

size_t hk_tunable_arg_name_len(const char *text)
{
    return strcspn(text, "=");
}

/* Index of the value a name means; a size behind the dot is taken to be a class, if it is a number. */
static int find(const char *name, size_t len, enum hk_value_error *error)
{
    const char *dot = memchr(name, '.', len);
    uint32_t size = dot ? (uint32_t)strtoul(dot + 1, NULL, 10) : 0;
    return hk_value_find(name, len, &size, dot ? 1 : 0, error);
}

bool hk_tunable_arg_check_name(const char *name, size_t len, char *error, size_t size)
{
    enum hk_value_error wrong;
    if (find(name, len, &wrong) >= 0)
        return true;
    hk_value_explain(wrong, name, len, "", 0, error, size);
    return false;
}

bool hk_tunable_arg_check(const char *assignment, char *error, size_t size)
{
    size_t len = hk_tunable_arg_name_len(assignment);
    const char *value = assignment + len + 1;
    enum hk_value_error wrong;
    uint64_t number;
    if (assignment[len] != '=') {
        if (hk_tunable_arg_check_name(assignment, len, error, size))
            snprintf(error, size, "'%s' lacks a value: %s=VALUE", assignment, assignment);
        return false;
    }
    int index = find(assignment, len, &wrong);
    if (index >= 0) {
        wrong = hk_value_parse(hk_value_info((unsigned)index), value, strlen(value), &number);
        if (wrong == HK_VALUE_OK)
            return true;
    }
    hk_value_explain(wrong, assignment, len, value, strlen(value), error, size);
    return false;
}
