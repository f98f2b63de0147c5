/*
 * doctor_unseen.c - programs that should be on hakmem and that the daemon does not see: which they are, and
 * why.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/error_report.h"
#include "ctl/doctor/doctor.h"
#include "ctl/doctor/unseen_process.h"

/* A process that has just started may be in the list a moment later. */
#define YOUNG_S  3.0
#define RETRIES  4
#define RETRY_MS 250

struct hk_unseen_processes {
    struct hk_unseen_process *all;
    size_t count, capacity;
};

struct hk_unseen_processes *hk_doctor_unseen_find(struct hk_doctor *doctor)
{
    struct hk_unseen_processes *processes = hk_need(calloc(1, sizeof *processes));
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    struct hk_unseen_process s;
    while (proc && (entry = readdir(proc)) != NULL) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;
        if (pid <= 0 || pid == getpid() || !hk_doctor_is_selected(doctor, pid) ||
            !hk_unseen_process_read(pid, &s))
            continue;
        processes->all = hk_grow(processes->all, processes->count, &processes->capacity,
                                 sizeof *processes->all);
        processes->all[processes->count++] = s;
    }
    if (proc)
        closedir(proc);
    return processes;
}

/* ---- the library is not in it ---- */

static void explain_unmapped(struct hk_doctor *doctor, const struct hk_unseen_process *s)
{
    const char *path = s->preload;
    char *obstacle = hk_programs_obstacle(doctor->programs, s->pid);
    if (path[0] == '/' && !strchr(path, '$') && !hk_unseen_process_sees(s, path))
        hk_finding_add(&doctor->findings, HK_FOUND_PRELOAD_MISSING, s->pid, s->stat.comm,
                       "LD_PRELOAD names %s, which is not there", path);
    else
        hk_finding_add(&doctor->findings, HK_FOUND_PRELOAD_REFUSED, s->pid, s->stat.comm,
                       "LD_PRELOAD names %s, which was not loaded%s%s", path, obstacle ? ": " : "",
                       obstacle ? obstacle : "");
    free(obstacle);
}

/* ---- it looks elsewhere ---- */

/* Whether the daemon in a directory says that it sees the process. */
static bool is_seen_in(const char *dir, pid_t pid)
{
    struct hk_connection connection;
    struct hk_call_error error;
    cJSON *params = NULL, *result = NULL;
    if (hk_runtime_dir_check(dir, geteuid()) != 0 || hk_connection_open(&connection, dir) != 0)
        return false;
    params = hk_need(cJSON_CreateObject());
    hk_need(cJSON_AddNumberToObject(params, "pid", pid));
    enum hk_call_status call = hk_connection_call(&connection, "list", params, HK_CONNECTION_PATIENCE_MS,
                                                  &result, &error);
    if (call == HK_CALL_REFUSED)
        cJSON_Delete(error.object);
    bool seen = call == HK_CALL_OK && hk_json_count(hk_json_get_member(result, "processes")) > 0;
    if (call == HK_CALL_OK)
        cJSON_Delete(result);
    hk_connection_close(&connection);
    return seen;
}

/* A directory that is not ours to ask in: of another user's own daemon, whom that user's process would greet.
 */
static bool is_other_users(const char *dir, uid_t uid)
{
    char socket[HK_RUNTIME_DIR_MAX + 16];
    return uid != geteuid() && hk_runtime_dir_check(dir, geteuid()) != 0 &&
           hk_runtime_dir_check(dir, uid) == 0 &&
           hk_runtime_socket(dir, HK_HELLO_SOCKET, socket, sizeof socket) == 0 && access(socket, F_OK) == 0;
}

/* Whether the process has to do with another daemon than this; then it says so, of all such processes of one
 * directory in the same words: they are told as one. */
static bool is_elsewhere(struct hk_doctor *doctor, const struct hk_unseen_process *s)
{
    const char *dir = doctor->connection->dir;
    char other[PATH_MAX + 16], first[sizeof other] = "";
    bool ours = false;
    for (unsigned i = 0; hk_unseen_process_dir(s, i, other, sizeof other); i++) {
        if (hk_unseen_process_sees_dir(s, other, dir)) {
            ours = true;
        } else if (is_seen_in(other, s->pid)) {
            hk_finding_add(&doctor->findings, HK_FOUND_OTHER_DIRECTORY, s->pid, s->stat.comm,
                           "seen by the daemon in %s", other);
            return true;
        } else if (is_other_users(other, s->uid)) {
            hk_finding_add(&doctor->findings, HK_FOUND_OTHER_DIRECTORY, s->pid, s->stat.comm,
                           "of a user who has a daemon in %s, which is not asked", other);
            return true;
        }
        if (i == 0)
            memcpy(first, other, sizeof first);
    }
    if (!ours)
        hk_finding_add(&doctor->findings, HK_FOUND_OTHER_DIRECTORY, s->pid, s->stat.comm,
                       s->runtime_dir[0]
                           ? "started with HAKMEM_RUNTIME_DIR=%s, and this daemon's directory is %s"
                           : "looking for a daemon in %s first, and never in %s",
                       first, dir);
    return !ours;
}

/* ---- the library is in it ---- */

/* The daemon's reason for turning the process away; NULL where it did not. */
static const char *refusal(const struct hk_doctor *doctor, pid_t pid)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, hk_json_get_member(doctor->info, "last_refusals"))
    {
        if (hk_json_get_number(entry, "pid") == pid)
            return hk_json_get_string(entry, "reason");
    }
    return NULL;
}

static bool before_daemon(const struct hk_doctor *doctor, const struct hk_unseen_process *s)
{
    struct hk_proc_stat stat;
    double daemon = hk_json_get_number(doctor->info, "pid");
    return daemon > 0 && hk_proc_stat((pid_t)daemon, &stat) && s->stat.start_ticks < stat.start_ticks;
}

/* Whether it was forked off a process that is seen, and has had no reason to say so yet. */
static bool is_quiet_child(const struct hk_doctor *doctor, const struct hk_unseen_process *s)
{
    const cJSON *process;
    if (hk_doctor_listed(doctor, s->stat.parent) && hk_unseen_process_forked_with(s, s->stat.parent))
        return true;
    cJSON_ArrayForEach(process, doctor->listed)
    {
        double pid = hk_json_get_number(process, "pid");
        if (pid > 0 && hk_unseen_process_forked_with(s, (pid_t)pid))
            return true;
    }
    return false;
}

static void explain_unseen(struct hk_doctor *doctor, const struct hk_unseen_process *s)
{
    double age_s = hk_unseen_process_age_s(s);
    if (age_s < YOUNG_S)
        hk_finding_add(&doctor->findings, HK_FOUND_JUST_STARTED, s->pid, s->stat.comm,
                       "it began %.1f s ago, and has not greeted the daemon yet", age_s > 0 ? age_s : 0);
    else
        hk_finding_add(&doctor->findings, HK_FOUND_UNSEEN, s->pid, s->stat.comm,
                       "it has the library, and did not greet the daemon");
}

static void explain_mapped(struct hk_doctor *doctor, const struct hk_unseen_process *s)
{
    const char *dir = doctor->connection->dir, *why = refusal(doctor, s->pid);
    bool retries = strcmp(s->publish, "retry") == 0;
    char socket[HK_RUNTIME_DIR_MAX + 16];
    snprintf(socket, sizeof socket, "%s/%s", dir, HK_HELLO_SOCKET);
    if (strcmp(s->publish, "off") == 0)
        hk_finding_add(&doctor->findings, HK_FOUND_PUBLISH_OFF, s->pid, s->stat.comm,
                       "it was started with HAKMEM_PUBLISH=off");
    else if (is_elsewhere(doctor, s))
        return;
    else if (why)
        hk_finding_add(&doctor->findings, HK_FOUND_HELLO_REFUSED, s->pid, s->stat.comm,
                       "the daemon turned it away: %s", why);
    else if (is_quiet_child(doctor, s))
        hk_finding_add(&doctor->findings, HK_FOUND_QUIET_CHILD, s->pid, s->stat.comm,
                       "it was forked off a process that is seen, and has not allocated since");
    else if (!hk_unseen_process_sees(s, socket))
        hk_finding_add(&doctor->findings, HK_FOUND_HIDDEN_SOCKET, s->pid, s->stat.comm,
                       "%s is not there in its root directory", socket);
    else if (strcmp(s->publish, "work") == 0)
        hk_finding_add(&doctor->findings, HK_FOUND_PUBLISH_LATER, s->pid, s->stat.comm,
                       "it was started with HAKMEM_PUBLISH=work, and has not used 256 KiB yet");
    else if (!before_daemon(doctor, s))
        explain_unseen(doctor, s);
    else if (retries)
        hk_finding_add(&doctor->findings, HK_FOUND_PUBLISH_LATER, s->pid, s->stat.comm,
                       "it was started with HAKMEM_PUBLISH=retry, before the daemon");
    else
        hk_finding_add(&doctor->findings, HK_FOUND_BEFORE_DAEMON, s->pid, s->stat.comm,
                       "it is older than the daemon");
}

/* ---- all of them ---- */

static bool is_among(const struct hk_unseen_processes *processes, uint32_t pid)
{
    for (size_t i = 0; i < processes->count; i++) {
        if ((uint32_t)processes->all[i].pid == pid)
            return true;
    }
    return false;
}

/* Processes that were asked for by name and have nothing of the library about them. */
static void check_without_library(struct hk_doctor *doctor, const struct hk_unseen_processes *processes)
{
    const struct hk_selector_args *selector = doctor->selector;
    for (size_t i = 0; i < selector->pid_count; i++) {
        uint32_t pid = selector->pids[i];
        struct hk_proc_text maps;
        struct hk_proc_stat stat;
        if (hk_doctor_listed(doctor, pid) || is_among(processes, pid))
            continue;
        if (!hk_proc_stat((pid_t)pid, &stat)) {
            hk_error("process %u: there is none", pid);
            doctor->failed = true;
        } else if (!hk_proc_read((pid_t)pid, "maps", &maps)) {
            hk_error("process %u (%s): you may not look into it", pid, stat.comm);
            doctor->failed = true;
        } else {
            free(maps.text);
            doctor->checked++;
            if (!hk_doctor_preload_is_useless(doctor, pid, stat.comm))
                hk_finding_add(&doctor->findings, HK_FOUND_NOT_PRELOADED, pid, stat.comm,
                               "it has no " HK_LIBRARY_NAME ", and was started without one in LD_PRELOAD");
        }
    }
}

/* Leaves out those that have ended, or become another program, since they were looked at. */
static void read_again(struct hk_unseen_processes *processes)
{
    size_t kept = 0;
    for (size_t i = 0; i < processes->count; i++) {
        struct hk_unseen_process *s = &processes->all[i];
        if (hk_unseen_process_read_again(s))
            processes->all[kept++] = *s;
    }
    processes->count = kept;
}

/* Whether one that is not listed may be so in a moment. */
static bool has_young(const struct hk_doctor *doctor, const struct hk_unseen_processes *processes)
{
    for (size_t i = 0; i < processes->count; i++) {
        const struct hk_unseen_process *s = &processes->all[i];
        bool waits = !s->mapped || (doctor->info && strcmp(s->publish, "off") != 0);
        if (waits && !hk_doctor_listed(doctor, s->pid) && hk_unseen_process_age_s(s) < YOUNG_S &&
            !(s->mapped && hk_programs_keeps_sanitizer(doctor->programs, s->pid)))
            return true;
    }
    return false;
}

static void wait_for_young(struct hk_doctor *doctor, struct hk_unseen_processes *processes)
{
    const struct timespec wait = {.tv_nsec = RETRY_MS * 1000000L};
    for (unsigned i = 0; i < RETRIES && has_young(doctor, processes); i++) {
        nanosleep(&wait, NULL);
        read_again(processes);
        hk_doctor_ask_list(doctor);
    }
}

void hk_doctor_unseen_check(struct hk_doctor *doctor, struct hk_unseen_processes *processes)
{
    check_without_library(doctor, processes);
    wait_for_young(doctor, processes);
    for (size_t i = 0; i < processes->count; i++) {
        struct hk_unseen_process *s = &processes->all[i];
        bool mapped = s->mapped;
        doctor->checked += !hk_doctor_listed(doctor, s->pid);
        if (hk_doctor_listed(doctor, s->pid) || !hk_unseen_process_read_again(s) || s->mapped != mapped)
            continue;
        if (!s->mapped)
            explain_unmapped(doctor, s);
        else if (hk_programs_keeps_sanitizer(doctor->programs, s->pid))
            hk_doctor_process_program(doctor, s->pid, s->stat.comm);
        else if (doctor->info)
            explain_mapped(doctor, s);
    }
    free(processes->all);
    free(processes);
}
