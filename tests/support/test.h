/*
 * test.h - cmocka with the headers it wants before it.
 *
 * Included first by every unit test. Knows nothing of what is tested.
 */
#ifndef HAKMEM_TESTS_SUPPORT_TEST_H
#define HAKMEM_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka 2 deprecates assert_in_range() for this name, which 1.1 lacks. */
#ifndef assert_uint_in_range
#define assert_uint_in_range(value, minimum, maximum) assert_in_range(value, minimum, maximum)
#endif

#endif
