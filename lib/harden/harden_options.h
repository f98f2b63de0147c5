/*
 * harden_options.h - the figures that HAKMEM_HARDEN may name beside its modes.
 */
#ifndef HAKMEM_LIB_HARDEN_HARDEN_OPTIONS_H
#define HAKMEM_LIB_HARDEN_HARDEN_OPTIONS_H

#include "shm/base.h"

struct hk_harden_options {
    uint64_t quarantine_bytes; /* most that wait there */
    uint64_t guard_every;      /* one small block in so many has pages of its own */
};

/* Set by hk_harden_read(), constant from then on. */
extern struct hk_harden_options hk_harden_options HK_HIDDEN;

#endif
