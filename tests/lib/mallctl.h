/* mallctl.h - reading what mallctl() answers, for the tests: what cannot be read fails the test that asks. */
#ifndef HAKMEM_TESTS_LIB_MALLCTL_H
#define HAKMEM_TESTS_LIB_MALLCTL_H

#include "tests/support/test.h"

#include "shm/base.h"
#include "tests/support/jemalloc_api.h"

HK_INLINE int reads(const char *name, void *value, size_t bytes)
{
    size_t length = bytes;
    int error = mallctl(name, value, &length, NULL, 0);
    assert_int_equal(length, bytes);
    return error;
}

HK_INLINE size_t size_of(const char *name)
{
    size_t value = 0;
    if (reads(name, &value, sizeof value) != 0)
        fail_msg("%s cannot be read", name);
    return value;
}

HK_INLINE unsigned unsigned_of(const char *name)
{
    unsigned value = 0;
    if (reads(name, &value, sizeof value) != 0)
        fail_msg("%s cannot be read", name);
    return value;
}

HK_INLINE const char *text_of(const char *name)
{
    const char *value = NULL;
    if (reads(name, (void *)&value, sizeof value) != 0)
        fail_msg("%s cannot be read", name);
    return value;
}

HK_INLINE void refresh(void)
{
    uint64_t epoch = 1;
    assert_int_equal(mallctl("epoch", NULL, NULL, &epoch, sizeof epoch), 0);
}

#endif
