/*
 * sizes.h - how long blocks are, by profile.
 */
#ifndef HAKMEM_TESTS_MODEL_SIZES_H
#define HAKMEM_TESTS_MODEL_SIZES_H

#include "tests/model/random.h"

/* The names of profiles; NULL beyond the last. */
const char *profile_name(unsigned profile);

/* A size of the profile, at most `most` bytes. */
size_t random_size(unsigned profile, size_t most, struct dice *d);

#endif
