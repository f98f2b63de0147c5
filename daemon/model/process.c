/* process.c - see process.h. */
#include "daemon/model/process.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/base/log.h"
#include "daemon/daemon.h"
#include "daemon/intake/area_claims.h"
#include "daemon/model/family.h"
#include "daemon/sources/procfs.h"
#include "daemon/tuning/tuning_writer.h"

/* /proc is looked at soon after a start, when programs change their names and install filters, and then
 * ever less often. */
#define REFRESH_FIRST_NS  HK_NS_PER_S
#define REFRESH_DOUBLINGS 5

/* ---- its life ---- */

static void on_life_closed(uv_handle_t *handle)
{
    struct hk_life *life = handle->data;
    close(life->pidfd);
    free(life);
}

void hk_process_unwatch(struct hk_process *process)
{
    struct hk_life *life = process->life;
    process->life = NULL;
    if (!life)
        return;
    life->process = NULL;
    uv_close((uv_handle_t *)&life->poll, on_life_closed);
}

static void on_life(uv_poll_t *poll, int status, int events)
{
    struct hk_life *life = poll->data;
    (void)status, (void)events;
    if (life->process)
        hk_process_end(life->process, HK_ENDED_ANYHOW);
}

static void watch(struct hk_process *process, int pidfd)
{
    if (pidfd < 0)
        return;
    struct hk_life *life = hk_alloc(sizeof *life);
    life->pidfd = pidfd;
    life->process = process;
    life->poll.data = life;
    if (uv_poll_init(&process->family->daemon->loop, &life->poll, pidfd) != 0) {
        close(pidfd);
        free(life);
        return;
    }
    process->life = life;
    uv_poll_start(&life->poll, UV_READABLE, on_life);
}

bool hk_process_has_ended(const struct hk_process *process)
{
    uint64_t ticks;
    if (hk_proc_start_ticks(process->pid, &ticks) == 0)
        return ticks != process->start_ticks;
    return hk_proc_is_gone(process->pid);
}

/* ---- who it is ---- */

static void set_exe(struct hk_process *process)
{
    char exe[HK_EXE_BYTES];
    process->exe_claimed = hk_proc_exe(process->pid, exe, sizeof exe, &process->exe_id) != 0;
    hk_strset(&process->exe, process->exe_claimed ? process->family->exe : exe);
    /* A path that the process itself claims leads nowhere that the daemon would look. */
    bool found = !process->exe_claimed && hk_proc_program(process->pid, process->exe, exe, sizeof exe);
    hk_strset(&process->program, found ? exe : NULL);
}

static void set_unit(struct hk_process *process)
{
    char unit[HK_UNIT_BYTES_MAX];
    if (hk_proc_unit(process->pid, unit) == 0)
        process->family->stale_policy |= hk_strset(&process->unit, unit) != 0;
}

static void set_status(struct hk_process *process)
{
    struct hk_proc_status status;
    if (hk_proc_status(process->pid, &status) != 0)
        return;
    bool changed = process->uid != status.uid || strcmp(process->comm, status.comm) != 0;
    process->ppid = status.ppid;
    process->uid = status.uid;
    process->seccomp = status.seccomp;
    memcpy(process->comm, status.comm, sizeof process->comm);
    process->family->stale_policy |= changed;
}

/* What a process says of itself, for want of the kernel's word. */
static void set_claimed(struct hk_process *process)
{
    memcpy(process->comm, process->view.comm, sizeof process->comm);
    hk_strset(&process->exe, process->family->exe);
    process->exe_claimed = true;
}

/* Whether it runs another program than it did. A program that was only renamed is the same. */
static bool has_execed(struct hk_process *process)
{
    char exe[HK_EXE_BYTES];
    struct hk_file_id id;
    if (process->exe_claimed || hk_proc_exe(process->pid, exe, sizeof exe, &id) != 0)
        return false;
    if (id.device != process->exe_id.device || id.inode != process->exe_id.inode)
        return true;
    process->family->stale_policy |= hk_strset(&process->exe, exe) != 0;
    return false;
}

bool hk_process_refresh(struct hk_process *process, bool now, uint64_t now_ns)
{
    if (!now && now_ns < process->refresh_ns)
        return true;
    uint64_t wait = REFRESH_FIRST_NS << (process->refreshes < REFRESH_DOUBLINGS ? process->refreshes
                                                                                : REFRESH_DOUBLINGS);
    /* Spread, so that a thousand started together are not looked at together. */
    process->refresh_ns = now_ns + wait + wait / 64 * (process->id % 16);
    process->refreshes++;
    int seccomp = process->seccomp;
    set_status(process);
    set_unit(process);
    if (seccomp != process->seccomp)
        hk_tuner_update_flags(process->family);
    if (!has_execed(process))
        return true;
    /* That exec brought no hello: the new program has no hakmem, or is too young to have said it. */
    hk_process_end(process, HK_ENDED_EXEC);
    return false;
}

bool hk_process_rss(struct hk_process *process, uint64_t max_age_ns, uint64_t now_ns, uint64_t *bytes)
{
    if (!process->ended && (process->rss_ns == 0 || now_ns - process->rss_ns >= max_age_ns)) {
        process->rss_known = hk_proc_rss_bytes(process->pid, &process->rss_bytes) == 0;
        process->rss_ns = now_ns;
    }
    *bytes = process->rss_bytes;
    return process->rss_known && !process->ended;
}

/* ---- from first to last ---- */

static struct hk_process *make(struct hk_family *family, unsigned area, pid_t pid, pid_t inner_pid)
{
    struct hk_process *process = hk_alloc(sizeof *process);
    process->pid = pid;
    process->inner_pid = inner_pid;
    process->family = family;
    process->family_pid = family->shown_pid;
    process->user = family->user;
    process->uid = family->uid;
    process->area = area;
    process->seccomp = -1;
    memcpy(process->version, family->segment.reader.header.version, sizeof process->version - 1);
    return process;
}

static void join(struct hk_process *process, struct hk_family *family)
{
    TAILQ_INSERT_TAIL(&family->processes, process, link);
    family->process_count++;
    family->empty_ns = 0;
    hk_claims_bind(family, process->area, process);
}

static void part(struct hk_process *process)
{
    struct hk_family *family = process->family;
    TAILQ_REMOVE(&family->processes, process, link);
    family->stale_policy = true; /* somebody else may stand for the family now */
    if (--family->process_count == 0)
        family->empty_ns = hk_now_ns();
}

struct hk_process *hk_process_new(struct hk_family *family, unsigned area, const struct hk_sighting *seen,
                                  uint64_t now_ns)
{
    struct hk_process *process = make(family, area, seen->pid, seen->inner_pid);
    process->start_ticks = seen->start_ticks;
    process->history = hk_alloc(sizeof *process->history);
    hk_registry_insert(&family->daemon->registry, process);
    process->user->processes++;
    join(process, family);
    watch(process, seen->pidfd);
    hk_family_read_process(process);
    set_claimed(process);
    set_exe(process);
    hk_history_add(process->history, &process->figures, true, now_ns);
    family->stale_policy = true;
    if (!hk_process_refresh(process, true, now_ns))
        return NULL;
    hk_log_event(HK_LOG_DEBUG, HK_EVENT_PROCESS_CAME,
                 &(struct hk_log_about){
                     .pid = process->pid, .uid = process->uid, .comm = process->comm, .unit = process->unit},
                 "process %d (%s) of family %d", (int)process->pid, process->comm, (int)process->family_pid);
    return process;
}

void hk_process_move(struct hk_process *process, struct hk_family *family, unsigned area, pid_t inner_pid)
{
    hk_claims_leave(process->family, process->area, process);
    part(process);
    process->user->processes--;
    process->family = family;
    process->family_pid = family->shown_pid;
    process->user = family->user;
    process->user->processes++;
    process->area = area;
    process->inner_pid = inner_pid;
    process->moved = true;
    process->lost = false;
    process->refreshes = 0;
    join(process, family);
    hk_tuner_update_flags(family);
    family->stale_policy = true;
}

/* Puts it among the dead with all that is known now. */
static void bury(struct hk_process *process, enum hk_ended how)
{
    struct hk_daemon *daemon = process->family->daemon;
    if (how == HK_ENDED_ANYHOW && process->view.flags & HK_AREA_EXITED)
        how = HK_ENDED_EXIT;
    process->ended = how;
    process->ended_boot_ns = hk_boot_ns();
    hk_log_event(HK_LOG_DEBUG, HK_EVENT_PROCESS_ENDED,
                 &(struct hk_log_about){
                     .pid = process->pid, .uid = process->uid, .comm = process->comm, .unit = process->unit},
                 "process %d (%s) of family %d: %s", (int)process->pid, process->comm,
                 (int)process->family_pid, hk_ended_name(how));
    hk_registry_bury(&daemon->registry, process, daemon->config.limits.dead);
}

void hk_process_end(struct hk_process *process, enum hk_ended how)
{
    struct hk_family *family = process->family;
    hk_family_read_directory(family);
    if (!process->lost) {
        hk_family_read_process(process);
        hk_claims_mark_dead(family, process->area);
    }
    part(process);
    process->user->processes--;
    hk_process_unwatch(process);
    hk_registry_remove(&family->daemon->registry, process);
    bury(process, how);
}

/* About when a process began that was never seen alive: when its allocator took its area. A time that cannot
 * be is unknown, 0. */
static uint64_t claimed_ticks(const struct hk_process *process)
{
    uint64_t claimed_ns = process->view.claimed_ns, now_ns = hk_now_ns();
    return claimed_ns > 0 && claimed_ns <= now_ns ? hk_ns_to_ticks(claimed_ns + (hk_boot_ns() - now_ns)) : 0;
}

struct hk_process *hk_process_record_dead(struct hk_family *family, unsigned area, pid_t pid)
{
    struct hk_process *process = make(family, area, pid, pid);
    hk_family_read_process(process);
    set_claimed(process);
    process->ppid = (pid_t)process->view.parent_pid;
    process->start_ticks = claimed_ticks(process);
    hk_strset(&process->unit, family->unit);
    hk_claims_mark_dead(family, area);
    process->id = ++family->daemon->registry.next_id;
    bury(process, HK_ENDED_ANYHOW);
    return process;
}

const char *hk_ended_name(enum hk_ended how)
{
    static const char *const names[] = {NULL, "exited", "ended", "exec"};
    return names[how];
}
