/* fuzz.h - what a fuzz target defines, for libFuzzer or for replay.c. */
#ifndef HAKMEM_TESTS_FUZZ_FUZZ_H
#define HAKMEM_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Tries one input. Returns 0; what is wrong shows as a crash, a sanitizer's report or FUZZ_CHECK. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(cond)                                                                                     \
    do {                                                                                                     \
        if (!(cond)) {                                                                                       \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond);                               \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

#endif
