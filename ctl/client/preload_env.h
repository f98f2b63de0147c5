/*
 * preload_env.h - what stands in the environment of a program that is run on hakmem.
 */
#ifndef HAKMEM_CTL_CLIENT_PRELOAD_ENV_H
#define HAKMEM_CTL_CLIENT_PRELOAD_ENV_H

#include <stddef.h>

/* Sets LD_PRELOAD so that the library comes first, once. */
void hk_preload_library(const char *library);

/* Sets HAKMEM_TUNE to what it says already and these after it: of two values for a name the later counts. */
void hk_preload_tunes(const char *const *tunes, size_t count);

#endif
