/*
 * stats_watch.h - stats --interval: shows the values again and again.
 */
#ifndef HAKMEM_CTL_STATS_WATCH_H
#define HAKMEM_CTL_STATS_WATCH_H

#include "ctl/session.h"

/* Asks once, then subscribes, and shows each answer until --count is reached, SIGINT comes, what is watched
 * has ended or the daemon is lost. Returns the exit status (SIGINT: HK_EXIT_OK); errors are on stderr.
 * Changes the process's handling of SIGINT, so that only the main thread may call it. */
int hk_stats_watch(struct hk_session *session);

#endif
