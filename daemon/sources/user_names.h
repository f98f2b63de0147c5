/*
 * user_names.h - names of users, without waiting for whoever knows them.
 *
 * A name may have to be asked of a directory server, so a thread of libuv's pool asks, and until it is
 * known there is none. Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_SOURCES_USER_NAMES_H
#define HAKMEM_DAEMON_SOURCES_USER_NAMES_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

struct hk_name;

struct hk_names {
    uv_loop_t *loop;
    struct hk_name **all; /* by uid */
    unsigned count;
};

void hk_names_init(struct hk_names *names, uv_loop_t *loop);

/* The user's name, NULL while or where it is not known. Valid until the loop comes round. */
const char *hk_names_get(struct hk_names *names, uid_t uid);

/* Cancels what can be cancelled; the loop must run until it is done before the rest may go. */
void hk_names_stop(struct hk_names *names);
void hk_names_clear(struct hk_names *names);

#endif
