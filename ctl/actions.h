/*
 * actions.h - requests that change processes: sent, waited for, and told one process a line.
 */
#ifndef HAKMEM_CTL_ACTIONS_H
#define HAKMEM_CTL_ACTIONS_H

#include "ctl/session.h"

/* Sends tune.set, tune.reset, trim or flush (params is taken over; the time to wait is added) and shows the
 * results. Returns the exit status: HK_EXIT_OK only if each process selected has applied it. */
int hk_action_send(struct hk_session *session, const char *method, cJSON *params);

#endif
