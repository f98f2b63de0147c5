/*
 * daemon.h - the parts of the daemon, in one place. No logic of its own.
 */
#ifndef HAKMEM_DAEMON_DAEMON_H
#define HAKMEM_DAEMON_DAEMON_H

#include <uv.h>

#include "config/config.h"
#include "daemon/base/log.h"
#include "daemon/control/pending_replies.h"
#include "daemon/control/server.h"
#include "daemon/daemon_options.h"
#include "daemon/intake/fd_store.h"
#include "daemon/intake/hello_socket.h"
#include "daemon/model/registry.h"
#include "daemon/rundir.h"
#include "daemon/sources/pid_namespace.h"
#include "daemon/sources/user_names.h"

#define HK_REFUSALS_KEPT 16

struct hk_refusal {
    pid_t pid;
    uid_t uid;
    const char *reason; /* constant */
    uint64_t at_ns;     /* 0: none */
};

struct hk_daemon {
    uv_loop_t loop;
    struct hk_options options;
    struct hk_config config;
    uint32_t interval_ms; /* in force */
    gid_t admin_gid;
    bool has_admin_group;
    unsigned process_room; /* by descriptors */

    struct hk_rundir rundir;
    struct hk_registry registry;
    struct hk_store store;
    struct hk_pid_names pid_names;
    struct hk_names names;
    struct hk_greeter greeter;
    struct hk_server server;
    struct hk_waits waits;
    uv_timer_t sample_timer, watchdog_timer;
    uv_signal_t signals[3];

    uint64_t started_ns;
    uint32_t samples; /* number of the last sample */
    uint64_t samples_total, hellos_total, hellos_refused_total;
    struct hk_refusal refusals[HK_REFUSALS_KEPT];
    unsigned next_refusal;
    struct hk_log_limit refusal_log;
    uint64_t status_ns; /* when the service manager was last told how things are */
    bool loop_open, stopping;
};

/* Whether one more process of that user fits the limits. */
bool hk_daemon_has_room(const struct hk_daemon *daemon, const struct hk_user *user);

/* Whether more of that user's cells may be read in this sample. */
bool hk_daemon_may_read(const struct hk_daemon *daemon, const struct hk_user *user);

/* Counts, keeps and logs that a hello was turned down. */
void hk_daemon_refuse(struct hk_daemon *daemon, pid_t pid, uid_t uid, const char *reason);

#endif
