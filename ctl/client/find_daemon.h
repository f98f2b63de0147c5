/*
 * find_daemon.h - which daemon to talk to: the directories of shm/runtime_dir.h, the first that answers.
 */
#ifndef HAKMEM_CTL_CLIENT_FIND_DAEMON_H
#define HAKMEM_CTL_CLIENT_FIND_DAEMON_H

#include "ctl/client/connection.h"

#define HK_DAEMON_SEARCH_MAX 4

/* Where was looked, and why there is no daemon. */
struct hk_daemon_search {
    unsigned count;
    struct {
        char dir[HK_RUNTIME_DIR_MAX + 1];
        char reason[96];
    } tried[HK_DAEMON_SEARCH_MAX];
};

/* Connects client to the daemon in chosen (absolute), or where that is NULL in the first candidate that
 * answers. False: find says where it looked. */
bool hk_find_daemon(struct hk_daemon_search *search, const char *chosen, struct hk_connection *connection);

/* Says on stderr that no daemon answers, where it was looked for, and how to start one. */
void hk_daemon_search_report(const struct hk_daemon_search *search);

/* dir as an absolute path into buf, for the environment and for other directories to be current. 0 or an
 * errno (ENAMETOOLONG: too long for a socket's address). dir need not exist. */
int hk_absolute_dir(const char *dir, char *buf, size_t size);

#endif
