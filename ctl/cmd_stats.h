/*
 * cmd_stats.h - what stats once and stats again and again share.
 */
#ifndef HAKMEM_CTL_CMD_STATS_H
#define HAKMEM_CTL_CMD_STATS_H

#include "ctl/session.h"

/* Parameters of stats, and of subscribe but for the time. */
cJSON *hk_stats_params(const struct hk_session *session, bool host);

/* Several processes, a line each, and their size classes where they are there. */
void hk_stats_show_block(struct hk_session *session, const cJSON *result);

/* stats --interval. Returns the exit status; SIGINT ends it with HK_EXIT_OK. */
int hk_stats_watch(struct hk_session *session);

#endif
