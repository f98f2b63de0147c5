/* sampler.c - see sampler.h. */
#include "daemon/model/sampler.h"

#include <stdio.h>

#include "daemon/base/systemd.h"
#include "daemon/model/family.h"
#include "daemon/tuning/tuning_writer.h"

/* A family whose last process has ended may still have a child that has not allocated since its fork,
 * and so has claimed nothing yet: it is waited for, longer while few are. */
#define LINGER_NS      (10 * HK_NS_PER_S)
#define LINGER_MANY_NS HK_NS_PER_S
#define LINGER_MANY    256

#define STATUS_EVERY_NS (10 * HK_NS_PER_S)

bool hk_daemon_may_read(const struct hk_daemon *daemon, const struct hk_user *user)
{
    return user->uid == 0 || user->cells_read < daemon->config.limits.cells_per_user;
}

static bool is_over(const struct hk_family *family, unsigned lingering, uint64_t now_ns)
{
    uint64_t linger = lingering > LINGER_MANY ? LINGER_MANY_NS : LINGER_NS;
    return family->process_count == 0 && family->new_claims == 0 && now_ns - family->empty_ns >= linger;
}

static void say_over_cells(const struct hk_daemon *daemon, struct hk_user *user)
{
    if (!user->over_cells)
        hk_log_event(HK_LOG_WARN, HK_EVENT_LIMIT_HIT, NULL,
                     "user %u: more than %u cells in a sample (limits.cells_per_user); the rest follow later",
                     (unsigned)user->uid, daemon->config.limits.cells_per_user);
    user->over_cells = true;
}

static void sample_families(struct hk_daemon *daemon, uint64_t now_ns)
{
    struct hk_family_list *families = &daemon->registry.families;
    struct hk_family *family, *next;
    unsigned lingering = 0;
    TAILQ_FOREACH(family, families, link)
    lingering += family->process_count == 0;
    for (family = TAILQ_FIRST(families); family; family = next) {
        next = TAILQ_NEXT(family, link);
        hk_tuner_beat(family, now_ns);
        if (hk_daemon_may_read(daemon, family->user)) {
            hk_family_sample(family, daemon->samples, now_ns);
        } else {
            /* It comes first in the next sample. */
            TAILQ_REMOVE(families, family, link);
            TAILQ_INSERT_HEAD(families, family, link);
            say_over_cells(daemon, family->user);
        }
        if (is_over(family, lingering, now_ns))
            hk_family_free(family);
    }
}

static void tell_status(struct hk_daemon *daemon, uint64_t now_ns)
{
    char status[128];
    if (daemon->status_ns != 0 && now_ns - daemon->status_ns < STATUS_EVERY_NS)
        return;
    daemon->status_ns = now_ns;
    snprintf(status, sizeof status, "STATUS=%u processes in %u families, %u clients",
             daemon->registry.process_count, daemon->registry.family_count, daemon->server.client_count);
    hk_systemd_notify(status);
}

static void on_sample(uv_timer_t *timer)
{
    struct hk_daemon *daemon = timer->data;
    struct hk_registry *registry = &daemon->registry;
    uint64_t now_ns = hk_now_ns();
    daemon->samples++;
    daemon->samples_total++;
    for (unsigned i = 0; i < registry->user_count; i++)
        registry->users[i]->cells_read = 0;
    hk_pid_names_step(&daemon->pid_names, now_ns);
    sample_families(daemon, now_ns);
    hk_registry_trim_dead(registry, daemon->config.dead_keep_s * HK_NS_PER_S, daemon->config.limits.dead,
                          hk_boot_ns());
    hk_registry_prune_users(registry, now_ns);
    hk_server_on_sample(&daemon->server, now_ns);
    tell_status(daemon, now_ns);
}

void hk_sampler_start(struct hk_daemon *daemon)
{
    struct hk_family *family;
    daemon->sample_timer.data = daemon;
    TAILQ_FOREACH(family, &daemon->registry.families, link)
    {
        hk_tuner_set_expiry(family, daemon->interval_ms);
    }
    uv_timer_start(&daemon->sample_timer, on_sample, daemon->interval_ms, daemon->interval_ms);
}
