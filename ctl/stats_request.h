/*
 * stats_request.h - what stats asks the daemon for: once (cmd_stats.c), or again and again (stats_watch.c).
 */
#ifndef HAKMEM_CTL_STATS_REQUEST_H
#define HAKMEM_CTL_STATS_REQUEST_H

#include "ctl/session.h"

/* Returns a new params object for the method stats, or for subscribe before every_ms is added: the selector,
 * the scope (host: the sum of the selected processes, else each process), classes and dead as the command
 * line says. The caller owns it; hk_session_ask() takes it over. Ends the program without memory. */
cJSON *hk_stats_params(const struct hk_session *session, bool host);

/* Returns whether a table folds processes that ended alike into one line: where no process was asked for by
 * itself, and no table of size classes follows. */
bool hk_stats_folds(const struct hk_session *session);

#endif
