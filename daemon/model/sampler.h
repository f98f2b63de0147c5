/*
 * sampler.h - the interval: every family read, every heartbeat counted, old records dropped.
 */
#ifndef HAKMEM_DAEMON_MODEL_SAMPLER_H
#define HAKMEM_DAEMON_MODEL_SAMPLER_H

#include "daemon/daemon.h"

/* Starts sampling every daemon->interval_ms, or goes over to a changed interval. */
void hk_sampler_start(struct hk_daemon *daemon);

#endif
