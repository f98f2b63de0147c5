/*
 * preloaded.c - keeps a test from passing on an allocator that it does not test.
 *
 * Linked into programs that ctest runs under libhakmem.so, or with libhakmem.a: before main it ends those
 * whose malloc is another's. HAKMEM_TEST_ANY_MALLOC=1 lets a developer compare with the system's.
 */
#include <stdlib.h>

#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

__attribute__((constructor)) static void refuse_others(void)
{
    if (getenv("HAKMEM_TEST_ANY_MALLOC") != NULL)
        return;
    CHECK(hakmem_version != NULL, "this program is to run under libhakmem.so: LD_PRELOAD=%s",
          getenv("HAKMEM_LIB") != NULL ? getenv("HAKMEM_LIB") : "...");
}
