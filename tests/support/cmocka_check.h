/*
 * cmocka_check.h - for cmocka programs that use what ends a program on failure: it fails only the test.
 */
#ifndef HAKMEM_TESTS_SUPPORT_CMOCKA_CHECK_H
#define HAKMEM_TESTS_SUPPORT_CMOCKA_CHECK_H

#include "tests/support/check.h"
#include "tests/support/test.h"

static inline void check_fails_the_test(const char *line)
{
    fail_msg("%s", line);
}

/* To be called by main() before the tests; a forked child sets check_instead to NULL. */
static inline void check_by_cmocka(void)
{
    check_instead = check_fails_the_test;
}

#endif
