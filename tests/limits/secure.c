/*
 * secure.c - what secure_test.py makes a set-user-id program of: linked with libhakmem.a, it says whether
 * the kernel calls it secure, and allocates.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "tests/support/check.h"

int main(void)
{
    for (size_t size = 1; size < 10000000; size *= 2) {
        void *p = malloc(size);
        CHECK(p != NULL, "no memory");
        free(p);
    }
    printf("secure %lu\n", getauxval(AT_SECURE));
    return 0;
}
