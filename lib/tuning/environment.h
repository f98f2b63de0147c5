/*
 * environment.h - what the environment and /etc/hakmem/tune say.
 *
 *   HAKMEM_TUNE       name=value,...    tunables (shm/tunables.def)
 *   HAKMEM_PUBLISH    start | work | retry | off
 *   HAKMEM_LABEL      text by which the process wants to be found
 *   HAKMEM_HARDEN     1 or modes (lib/harden/harden.h)                 read before the first block
 *   HAKMEM_TRACE      route[:CALLS] (lib/harden/trace.h)               likewise, and HAKMEM_TRACE_FILE
 *   /etc/hakmem/tune  the same as HAKMEM_TUNE, a line or a comma between; # begins a comment
 *
 * A setting that is wrong is passed over; the environment's is told on stderr, because somebody asked for it
 * in so many words, the file's is not, because it reaches every process of the host. Read once, before main.
 */
#ifndef HAKMEM_LIB_TUNING_ENVIRONMENT_H
#define HAKMEM_LIB_TUNING_ENVIRONMENT_H

#include <stdbool.h>

#include "shm/layout.h"

enum hk_publish_when {
    HK_PUBLISH_START = 0, /* before main, if a daemon listens then */
    HK_PUBLISH_WORK = 1,  /* on the first slow path after 256 KiB */
    HK_PUBLISH_RETRY = 2, /* whenever a daemon appears */
    HK_PUBLISH_OFF = 3,
};

struct hk_options {
    enum hk_publish_when publish;
    char label[HK_LABEL_BYTES];
};

/* Tells on stderr that an environment variable says something wrong, which is ignored. Allocates nothing. */
void hk_options_complain(const char *what, const char *why);

void hk_options_read(bool trust_env);
const struct hk_options *hk_options_get(void);

#endif
