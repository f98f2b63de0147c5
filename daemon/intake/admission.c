/* admission.c - see admission.h. */
#include "daemon/intake/admission.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/daemon.h"
#include "daemon/model/family.h"
#include "daemon/model/process.h"
#include "daemon/sources/procfs.h"
#include "daemon/tuning/tuning_writer.h"

#define ANCESTORS 64

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

bool hk_daemon_has_room(const struct hk_daemon *daemon, const struct hk_user *user)
{
    unsigned total = daemon->config.limits.processes;
    if (total > daemon->process_room)
        total = daemon->process_room;
    return daemon->registry.process_count < total &&
           (user->uid == 0 || user->processes < daemon->config.limits.processes_per_user);
}

static bool is_known(const struct hk_registry *registry, const struct hk_segment *segment)
{
    const struct hk_family *family;
    TAILQ_FOREACH(family, &registry->families, link)
    {
        if (family->segment.inode == segment->inode && family->segment.device == segment->device)
            return true;
    }
    return false;
}

/* The pid it sees itself, and whether that is of a namespace other than ours. */
static pid_t inner_pid_of(const struct hk_arrival *arrival, const struct hk_segment *segment, bool *foreign)
{
    struct hk_proc_status status;
    if (!arrival->gone && hk_proc_status(arrival->pid, &status) == 0 && status.namespaces > 0) {
        *foreign = status.namespaces > 1;
        return status.inner_pid;
    }
    uint32_t said = arrival->restored ? segment->reader.header.root_pid : arrival->hello.pid;
    *foreign = said != (uint32_t)arrival->pid;
    return (pid_t)said;
}

/* The process that made the first segment of a child that has made one of its own since. It is shown as
 * the family, nothing more, so the child's word is taken unless it is known to be wrong. */
static pid_t first_of_family(const struct hk_arrival *arrival, bool foreign)
{
    pid_t wanted = (pid_t)arrival->hello.root_pid, pid = arrival->pid;
    struct hk_proc_status status;
    if (!(arrival->hello.flags & HK_HELLO_CHILD) || wanted <= 0)
        return arrival->pid;
    for (int i = 0; i < ANCESTORS && pid > 0 && hk_proc_status(pid, &status) == 0; i++) {
        if ((status.namespaces > 0 ? status.inner_pid : pid) == wanted)
            return pid;
        pid = status.ppid;
    }
    return !foreign && hk_proc_is_gone(wanted) ? wanted : arrival->pid;
}

/* What the store has no hello for: a segment that a child made names its family's first process, in the
 * pids that the family sees. */
static void recall_family(struct hk_family *family)
{
    pid_t first = (pid_t)family->segment.reader.header.root_pid;
    family->later = first > 0 && first != family->inner_pid;
    if (family->later && !family->foreign_pids)
        family->shown_pid = first;
}

static void keep_with_manager(struct hk_family *family, int pidfd)
{
    const struct hk_stored row = {.pid = family->pid, .uid = family->uid, .start_ticks = family->start_ticks};
    int fds[3] = {family->segment.counters_fd, family->segment.tuning_fd, pidfd};
    if (pidfd >= 0)
        family->stored = hk_store_keep(&family->daemon->store, &row, fds, HK_COUNT_OF(fds));
}

/* What its children will be told by. */
static void describe(struct hk_family *family, const struct hk_process *process)
{
    memcpy(family->comm, process->comm, sizeof family->comm);
    hk_strset(&family->exe, process->exe);
    hk_strset(&family->unit, process->unit);
    family->exe_claimed = process->exe_claimed;
}

/* The live process that says hello again. One that runs another program now, or whose pid has been given
 * to somebody else, has ended. */
static struct hk_process *known_process(struct hk_daemon *daemon, const struct hk_arrival *arrival)
{
    struct hk_process *process = hk_registry_find(&daemon->registry, arrival->pid);
    if (!process)
        return NULL;
    bool same = !arrival->gone && process->start_ticks == arrival->start_ticks;
    if (same && arrival->hello.flags & HK_HELLO_REPEATED)
        return process;
    hk_process_end(process, same ? HK_ENDED_EXEC : HK_ENDED_ANYHOW);
    return NULL;
}

/* The process of the hello, known before, new, or a record at once; NULL if it has ended. */
static struct hk_process *take_process(struct hk_family *family, unsigned area, struct hk_arrival *arrival,
                                       struct hk_family **before, uint64_t now_ns)
{
    struct hk_process *process = known_process(family->daemon, arrival);
    if (process) {
        *before = process->family;
        hk_process_move(process, family, area, family->inner_pid);
        hk_family_read_process(process);
    } else if (arrival->gone) {
        describe(family, hk_process_record_dead(family, area, arrival->pid));
    } else {
        struct hk_sighting seen = {.pid = arrival->pid,
                                   .inner_pid = family->inner_pid,
                                   .start_ticks = arrival->start_ticks,
                                   .pidfd = arrival->pidfd};
        arrival->pidfd = -1;
        process = hk_process_new(family, area, &seen, now_ns);
    }
    return process;
}

static void take_in(struct hk_family *family, unsigned area, struct hk_arrival *arrival, uint64_t now_ns)
{
    struct hk_family *before = NULL;
    struct hk_process *process = NULL;
    /* The maker of a family that was restored may have been counted long ago. */
    if (area != HK_NO_CELL)
        process = take_process(family, area, arrival, &before, now_ns);
    hk_tuner_take_up(family, process, before, arrival->restored || arrival->hello.flags & HK_HELLO_REPEATED,
                     now_ns);
    if (!process)
        return;
    describe(family, process);
    hk_names_get(&family->daemon->names, process->uid);
    if (!arrival->restored)
        keep_with_manager(family, process->life ? process->life->pidfd : -1);
}

static const char *arrive(struct hk_daemon *daemon, struct hk_arrival *arrival)
{
    uint64_t now_ns = hk_now_ns();
    const struct hk_user *user = hk_registry_user(&daemon->registry, arrival->uid, now_ns);
    struct hk_segment segment;
    const char *why;
    int counters_fd = arrival->counters_fd, tuning_fd = arrival->tuning_fd;
    if (!hk_daemon_has_room(daemon, user))
        return "too many processes (limits.processes, limits.processes_per_user)";
    arrival->counters_fd = arrival->tuning_fd = -1;
    if (hk_segment_open(&segment, counters_fd, tuning_fd, &why) != 0)
        return why;
    if (is_known(&daemon->registry, &segment)) {
        hk_segment_close(&segment);
        return "this segment is known already";
    }
    struct hk_family *family = hk_family_new(daemon, &segment, arrival->pid, arrival->uid, now_ns);
    family->start_ticks = arrival->start_ticks;
    family->inner_pid = inner_pid_of(arrival, &family->segment, &family->foreign_pids);
    family->shown_pid = first_of_family(arrival, family->foreign_pids);
    family->later = (arrival->hello.flags & HK_HELLO_REPEATED) != 0;
    if (arrival->restored)
        recall_family(family);
    family->exe_claimed = true;
    hk_strset(&family->exe, arrival->hello.exe[0] ? arrival->hello.exe : NULL);
    hk_family_read_directory(family);
    unsigned area = hk_family_area_of(family, family->inner_pid);
    if (area == HK_NO_CELL && !arrival->restored) {
        hk_family_free(family);
        return "no area of the process in its segment";
    }
    take_in(family, area, arrival, now_ns);
    return NULL;
}

const char *hk_arrive(struct hk_daemon *daemon, struct hk_arrival *arrival)
{
    const char *why = arrive(daemon, arrival);
    close_fd(&arrival->counters_fd);
    close_fd(&arrival->tuning_fd);
    close_fd(&arrival->pidfd);
    return why;
}

/* ---- descriptors that were kept ---- */

/* The store keeps no order: what each is shows. */
static void sort_in(struct hk_arrival *arrival, int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);
    int *place = seals < 0 ? &arrival->pidfd
                           : (seals & F_SEAL_FUTURE_WRITE ? &arrival->counters_fd : &arrival->tuning_fd);
    close_fd(place);
    *place = fd;
}

/* Takes in the family whose descriptors have been gathered. */
static void restore(struct hk_daemon *daemon, unsigned number, struct hk_arrival *arrival)
{
    struct hk_stored row = {0};
    const char *why = "nothing is known of it";
    arrival->gone = arrival->pidfd < 0 || hk_pidfd_ended(arrival->pidfd);
    if (hk_store_claim(&daemon->store, number, &row)) {
        arrival->pid = row.pid;
        arrival->uid = row.uid;
        arrival->start_ticks = row.start_ticks;
        why = hk_arrive(daemon, arrival);
        if (!why)
            TAILQ_LAST(&daemon->registry.families, hk_family_list)->stored = number;
        else
            hk_store_drop(&daemon->store, number);
    } else {
        close_fd(&arrival->counters_fd);
        close_fd(&arrival->tuning_fd);
        close_fd(&arrival->pidfd);
        hk_store_forget(number);
    }
    if (why)
        hk_log_event(HK_LOG_WARN, HK_EVENT_SEGMENT_REFUSED,
                     &(struct hk_log_about){.pid = (pid_t)row.pid, .uid = row.uid},
                     "stored segment of process %d: %s", (int)row.pid, why);
}

/* The descriptors of one family have one name, and come in any order. */
static void restore_all(struct hk_daemon *daemon, struct hk_passed_fd *fds, unsigned count)
{
    struct hk_arrival *arrivals = NULL;
    for (unsigned i = 0; i < count; i++) {
        unsigned number = fds[i].fd >= 0 ? hk_store_number(fds[i].name) : 0;
        if (number == 0)
            continue;
        if (!arrivals)
            arrivals = hk_alloc((HK_STORE_ROWS + 1) * sizeof *arrivals);
        struct hk_arrival *arrival = &arrivals[number];
        if (!arrival->restored)
            *arrival = (struct hk_arrival){.restored = true, .pidfd = -1, .counters_fd = -1, .tuning_fd = -1};
        sort_in(arrival, fds[i].fd);
        fds[i].fd = -1;
    }
    for (unsigned number = 1; arrivals && number <= HK_STORE_ROWS; number++) {
        if (arrivals[number].restored)
            restore(daemon, number, &arrivals[number]);
    }
    free(arrivals);
}

static bool has_option(int fd, int option, int wanted)
{
    int value = 0;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 && value == wanted;
}

static bool is_listening(int fd, int type)
{
    return has_option(fd, SO_DOMAIN, AF_UNIX) && has_option(fd, SO_TYPE, type) &&
           has_option(fd, SO_ACCEPTCONN, 1);
}

void hk_arrive_passed(struct hk_daemon *daemon, struct hk_passed_fd *fds, unsigned count, int *hello,
                      int *control)
{
    *hello = *control = -1;
    for (unsigned i = 0; i < count; i++) {
        /* A socket unit gives all its sockets one name; their types tell them apart. */
        if (*hello < 0 && is_listening(fds[i].fd, SOCK_SEQPACKET))
            *hello = fds[i].fd;
        else if (*control < 0 && is_listening(fds[i].fd, SOCK_STREAM))
            *control = fds[i].fd;
        else if (strcmp(fds[i].name, HK_STORE_TABLE) != 0 || !hk_store_resume(&daemon->store, fds[i].fd))
            continue;
        fds[i].fd = -1;
    }
    restore_all(daemon, fds, count);
    for (unsigned i = 0; i < count; i++) {
        if (fds[i].fd < 0)
            continue;
        hk_log(HK_LOG_WARN, "passed descriptor '%s' is none of ours: closed", fds[i].name);
        hk_systemd_unstore(fds[i].name);
        close(fds[i].fd);
        fds[i].fd = -1;
    }
}
