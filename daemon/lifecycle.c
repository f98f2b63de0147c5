/* lifecycle.c - see lifecycle.h. */
#include "daemon/lifecycle.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/base/systemd.h"
#include "daemon/intake/admission.h"
#include "daemon/model/family.h"
#include "daemon/model/process.h"
#include "daemon/model/sampler.h"
#include "daemon/tuning/tuning_writer.h"

#define CONFIG_SYSTEM "/etc/hakmem/hakmemd.json"
#define GROUP_BYTES   65536

/* Descriptors: three a family, one more for each child, some for clients and for ourselves. */
#define FDS_PER_PROCESS 3
#define FDS_WANTED      (1u << 20)
#define FDS_RESERVED    64

const char *hk_lifecycle_config_file(const struct hk_options *options, char *buf, size_t size)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (options->config_file)
        return options->config_file;
    if (!options->user)
        return CONFIG_SYSTEM;
    if (xdg && xdg[0] == '/')
        snprintf(buf, size, "%s/hakmem/hakmemd.json", xdg);
    else
        snprintf(buf, size, "%s/.config/hakmem/hakmemd.json", home && home[0] == '/' ? home : "");
    return buf;
}

/* ---- configuration in force ---- */

bool hk_lifecycle_find_group(const char *name, gid_t *gid)
{
    struct group record, *found = NULL;
    char *buf = hk_alloc(GROUP_BYTES);
    getgrnam_r(name, &record, buf, GROUP_BYTES, &found);
    if (found)
        *gid = found->gr_gid;
    free(buf);
    return found != NULL;
}

static void find_admin_group(struct hk_daemon *daemon)
{
    const char *name = daemon->config.admin_group;
    daemon->has_admin_group = name[0] != '\0' && hk_lifecycle_find_group(name, &daemon->admin_gid);
    if (name[0] != '\0' && !daemon->has_admin_group)
        hk_log(HK_LOG_WARN, HK_NO_ADMIN_GROUP, name);
}

static void use_config(struct hk_daemon *daemon)
{
    const struct hk_options *options = &daemon->options;
    struct hk_family *family;
    hk_log_set_level(options->log_level >= 0 ? (enum hk_log_level)options->log_level
                                             : daemon->config.log_level);
    daemon->interval_ms = options->interval_ms ? options->interval_ms : daemon->config.interval_ms;
    find_admin_group(daemon);
    TAILQ_FOREACH(family, &daemon->registry.families, link)
    {
        hk_tuner_apply_policies(family, hk_now_ns());
    }
}

static bool load_again(struct hk_daemon *daemon)
{
    char buf[4096];
    struct hk_config config;
    struct hk_problems problems = {0};
    const char *file = hk_lifecycle_config_file(&daemon->options, buf, sizeof buf);
    hk_config_load(&config, file, daemon->options.config_file != NULL, &problems);
    bool ok = problems.count == 0;
    for (unsigned i = 0; i < problems.kept; i++)
        hk_log(HK_LOG_ERROR, "%s", problems.lines[i]);
    if (ok) {
        hk_config_clear(&daemon->config);
        daemon->config = config;
        use_config(daemon);
        hk_sampler_start(daemon);
        hk_log_event(HK_LOG_INFO, HK_EVENT_RELOADED, NULL,
                     "configuration read again: files: %u, policies: %u", daemon->config.files,
                     daemon->config.policy_count);
    } else {
        hk_config_clear(&config);
        hk_log_event(HK_LOG_ERROR, HK_EVENT_CONFIG_WRONG, NULL, "configuration not changed: %u problems",
                     problems.count);
    }
    hk_problems_clear(&problems);
    return ok;
}

static void reload(struct hk_daemon *daemon)
{
    hk_systemd_notify_reloading();
    bool ok = load_again(daemon);
    hk_systemd_notify(ok ? "READY=1\nSTATUS=configuration read again"
                         : "READY=1\nSTATUS=the new configuration is wrong, the old one is in force");
    daemon->status_ns = hk_now_ns();
}

/* ---- signals, watchdog ---- */

static void on_signal(uv_signal_t *handle, int number)
{
    struct hk_daemon *daemon = handle->data;
    if (number == SIGHUP) {
        reload(daemon);
        return;
    }
    hk_log_event(HK_LOG_INFO, HK_EVENT_STOPPING, NULL, "signal %d: ending", number);
    hk_lifecycle_stop(daemon);
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    hk_systemd_notify("WATCHDOG=1");
}

static void init_handles(struct hk_daemon *daemon)
{
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT};
    uint64_t watchdog_ms = hk_systemd_watchdog_ms();
    for (unsigned i = 0; i < HK_COUNT_OF(numbers); i++) {
        uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&daemon->loop, &daemon->sample_timer);
    uv_timer_init(&daemon->loop, &daemon->watchdog_timer);
    if (watchdog_ms > 0)
        uv_timer_start(&daemon->watchdog_timer, on_watchdog, watchdog_ms / 2, watchdog_ms / 2);
    hk_waits_init(&daemon->waits, daemon);
    hk_names_init(&daemon->names, &daemon->loop);
}

/* ---- start ---- */

static void raise_descriptor_limit(struct hk_daemon *daemon)
{
    struct rlimit limit;
    rlim_t fds = 1024;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        fds = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max < FDS_WANTED ? limit.rlim_max : FDS_WANTED;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
            fds = limit.rlim_cur;
    }
    unsigned n = fds > FDS_WANTED ? FDS_WANTED : (unsigned)fds;
    unsigned spare = FDS_RESERVED + n / 8; /* of that, clients, guests, and families that linger */
    daemon->process_room = n > spare ? (n - spare) / FDS_PER_PROCESS : 1;
}

static int start_sockets(struct hk_daemon *daemon, int hello, int control)
{
    if (hello < 0)
        hello = hk_rundir_listen(&daemon->rundir, HK_HELLO_SOCKET, SOCK_SEQPACKET);
    if (hello < 0)
        return EIO;
    int error = hk_greeter_start(&daemon->greeter, daemon, hello);
    if (error) {
        hk_log(HK_LOG_ERROR, "hello socket: %s", uv_strerror(error));
        return EIO;
    }
    /* Last, since who finds it takes the daemon to be ready. */
    if (control < 0)
        control = hk_rundir_listen(&daemon->rundir, HK_CONTROL_SOCKET, SOCK_STREAM);
    if (control < 0)
        return EIO;
    error = hk_server_start(&daemon->server, daemon, control);
    if (error)
        hk_log(HK_LOG_ERROR, "control socket: %s", uv_strerror(error));
    return error ? EIO : 0;
}

int hk_lifecycle_start(struct hk_daemon *daemon)
{
    struct hk_passed_fd *fds;
    int hello, control;
    signal(SIGPIPE, SIG_IGN);
    hk_log_find_journal();
    daemon->started_ns = hk_now_ns();
    hk_registry_init(&daemon->registry);
    hk_store_init(&daemon->store);
    raise_descriptor_limit(daemon);
    int error = hk_rundir_choose(&daemon->rundir, daemon->options.runtime_dir, daemon->options.user);
    if (!error)
        error = hk_rundir_open(&daemon->rundir);
    if (error)
        return error;
    if (uv_loop_init(&daemon->loop) != 0) {
        hk_log(HK_LOG_ERROR, "no event loop: %s", strerror(errno));
        return EIO;
    }
    daemon->loop_open = true;
    init_handles(daemon);
    use_config(daemon);
    unsigned count = hk_systemd_passed_fds(&fds);
    hk_arrive_passed(daemon, fds, count, &hello, &control);
    free(fds);
    error = start_sockets(daemon, hello, control);
    if (error)
        return error;
    hk_sampler_start(daemon);
    hk_log_event(HK_LOG_INFO, HK_EVENT_STARTED, NULL,
                 "hakmemd %s serves %s, %u ms between samples, %u policies", HAKMEM_VERSION,
                 daemon->rundir.path, daemon->interval_ms, daemon->config.policy_count);
    hk_systemd_notify("READY=1");
    return 0;
}

/* ---- stop ---- */

static void close_handles(struct hk_daemon *daemon)
{
    hk_greeter_stop(&daemon->greeter);
    hk_server_stop(&daemon->server);
    hk_waits_stop(&daemon->waits);
    hk_names_stop(&daemon->names);
    for (unsigned i = 0; i < HK_COUNT_OF(daemon->signals); i++)
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    uv_close((uv_handle_t *)&daemon->sample_timer, NULL);
    uv_close((uv_handle_t *)&daemon->watchdog_timer, NULL);
    for (unsigned i = 0; i < daemon->registry.process_count; i++)
        hk_process_unwatch(daemon->registry.processes[i]);
}

void hk_lifecycle_stop(struct hk_daemon *daemon)
{
    struct hk_family *family;
    if (daemon->stopping || !daemon->loop_open)
        return;
    daemon->stopping = true;
    hk_systemd_notify("STOPPING=1");
    TAILQ_FOREACH(family, &daemon->registry.families, link)
    {
        hk_tuner_leave(family, hk_now_ns());
    }
    close_handles(daemon);
}

void hk_lifecycle_finish(struct hk_daemon *daemon)
{
    struct hk_family *family;
    while ((family = TAILQ_FIRST(&daemon->registry.families)) != NULL) {
        /* What the service manager keeps is for the next daemon. */
        family->stored = 0;
        hk_family_free(family);
    }
    hk_registry_clear(&daemon->registry);
    hk_pid_names_clear(&daemon->pid_names);
    hk_names_clear(&daemon->names);
    hk_store_close(&daemon->store);
    hk_rundir_close(&daemon->rundir);
    if (daemon->loop_open)
        uv_loop_close(&daemon->loop);
    hk_config_clear(&daemon->config);
}
