/*
 * doctor_host.c - what doctor sees without a daemon: the kernel, the library, and programs in /proc that
 * should be on hakmem and are not seen.
 */
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ctl/doctor.h"
#include "ctl/memory.h"
#include "ctl/places.h"
#include "ctl/preload.h"
#include "ctl/proc.h"
#include "shm/layout.h"

#define LIBRARY "libhakmem.so"

void hk_doctor_host(struct hk_doctor *doctor)
{
    char path[PATH_MAX], error[PATH_MAX + 128];
    struct utsname host;
    unsigned major, minor;
    if (!hk_place_library(path, sizeof path, error, sizeof error))
        hk_doctor_find(doctor, HK_FOUND_NO_LIBRARY, 0, NULL, "%s", error);
    if (uname(&host) == 0 && sscanf(host.release, "%u.%u", &major, &minor) == 2 &&
        (major < 5 || (major == 5 && minor < 14)))
        hk_doctor_find(doctor, HK_FOUND_OLD_KERNEL, 0, NULL, "Linux %s", host.release);
}

/* ---- programs that should be on hakmem ---- */

struct suspect {
    pid_t pid;
    bool mapped; /* the library is in it */
    unsigned long long started;
    char comm[HK_COMM_BYTES];
    char publish[16], runtime_dir[PATH_MAX], preload[PATH_MAX]; /* as it was started with; "": without */
};

struct hk_suspects {
    struct suspect *all;
    size_t count, capacity;
};

/* The value of a variable a process was started with; "" where it has none. */
static void variable(const struct hk_proc_text *environ_, const char *name, char *buf, size_t size)
{
    size_t len = strlen(name);
    buf[0] = '\0';
    for (size_t at = 0; at < environ_->len; at += strlen(environ_->text + at) + 1) {
        const char *word = environ_->text + at;
        if (strncmp(word, name, len) == 0 && word[len] == '=')
            snprintf(buf, size, "%s", word + len + 1);
    }
}

/* The path in LD_PRELOAD that names the library; "" where none does. */
static void preloaded(const char *list, char *buf, size_t size)
{
    size_t len;
    buf[0] = '\0';
    for (const char *at = list; *at; at += len) {
        at += strspn(at, " :");
        len = strcspn(at, " :");
        const char *slash = memrchr(at, '/', len), *name = slash ? slash + 1 : at;
        if (strncmp(name, LIBRARY, strlen(LIBRARY)) == 0) {
            snprintf(buf, size, "%.*s", (int)len, at);
            return;
        }
    }
}

/* Whether the process has, or was to have, the library. What may not be looked at is none of the caller's. */
static bool suspect(pid_t pid, struct suspect *s)
{
    struct hk_proc_text maps, environment;
    char list[PATH_MAX];
    *s = (struct suspect){.pid = pid};
    if (!hk_proc_read(pid, "maps", &maps))
        return false;
    s->mapped = strstr(maps.text, "/" LIBRARY) != NULL;
    free(maps.text);
    if (!hk_proc_read(pid, "environ", &environment))
        return s->mapped;
    variable(&environment, "HAKMEM_PUBLISH", s->publish, sizeof s->publish);
    variable(&environment, "HAKMEM_RUNTIME_DIR", s->runtime_dir, sizeof s->runtime_dir);
    variable(&environment, "LD_PRELOAD", list, sizeof list);
    preloaded(list, s->preload, sizeof s->preload);
    free(environment.text);
    return (s->mapped || s->preload[0]) && hk_proc_start(pid, &s->started, s->comm, sizeof s->comm);
}

struct hk_suspects *hk_suspects_find(struct hk_doctor *doctor)
{
    struct hk_suspects *suspects = hk_need(calloc(1, sizeof *suspects));
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    struct suspect s;
    while (proc && (entry = readdir(proc)) != NULL) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;
        if (pid <= 0 || pid == getpid() || !hk_doctor_wants(doctor, pid) || !suspect(pid, &s))
            continue;
        suspects->all = hk_grow(suspects->all, suspects->count, &suspects->capacity, sizeof *suspects->all);
        suspects->all[suspects->count++] = s;
    }
    if (proc)
        closedir(proc);
    return suspects;
}

/* ---- why ---- */

/* A path as the process sees it. */
static bool exists_inside(const struct suspect *s, const char *path)
{
    char inside[PATH_MAX + 64];
    snprintf(inside, sizeof inside, "/proc/%d/root%s", (int)s->pid, path);
    return access(inside, F_OK) == 0;
}

static void judge_unmapped(struct hk_doctor *doctor, const struct suspect *s)
{
    char exe[64];
    const char *path = s->preload;
    snprintf(exe, sizeof exe, "/proc/%d/exe", (int)s->pid);
    const char *obstacle = hk_preload_obstacle(exe);
    if (path[0] == '/' && !strchr(path, '$') && !exists_inside(s, path))
        hk_doctor_find(doctor, HK_FOUND_PRELOAD_MISSING, s->pid, s->comm,
                       "LD_PRELOAD names %s, which is not there", path);
    else
        hk_doctor_find(doctor, HK_FOUND_PRELOAD_REFUSED, s->pid, s->comm,
                       "LD_PRELOAD names %s, which was not loaded%s%s", path, obstacle ? ": " : "",
                       obstacle ? obstacle : "");
}

/* The daemon's reason for turning the process away; NULL where it did not. */
static const char *refusal(const struct hk_doctor *doctor, pid_t pid)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, hk_json_member(doctor->info, "last_refusals"))
    {
        if (hk_json_number(entry, "pid") == pid)
            return hk_json_string(entry, "reason");
    }
    return NULL;
}

static bool before_daemon(const struct hk_doctor *doctor, const struct suspect *s)
{
    unsigned long long started;
    char comm[HK_COMM_BYTES];
    double daemon = hk_json_number(doctor->info, "pid");
    return daemon > 0 && hk_proc_start((pid_t)daemon, &started, comm, sizeof comm) && s->started < started;
}

static void judge_mapped(struct hk_doctor *doctor, const struct suspect *s)
{
    const char *dir = doctor->session->client.dir, *why = refusal(doctor, s->pid);
    char socket[HK_RUNTIME_DIR_MAX + 16];
    snprintf(socket, sizeof socket, "%s/%s", dir, HK_HELLO_SOCKET);
    if (strcmp(s->publish, "off") == 0)
        hk_doctor_find(doctor, HK_FOUND_PUBLISH_OFF, s->pid, s->comm,
                       "it was started with HAKMEM_PUBLISH=off");
    else if (s->runtime_dir[0] && strcmp(s->runtime_dir, dir) != 0)
        hk_doctor_find(doctor, HK_FOUND_OTHER_DIRECTORY, s->pid, s->comm,
                       "its HAKMEM_RUNTIME_DIR is %s, this daemon's directory %s", s->runtime_dir, dir);
    else if (why)
        hk_doctor_find(doctor, HK_FOUND_HELLO_REFUSED, s->pid, s->comm, "the daemon turned it away: %s", why);
    else if (!exists_inside(s, socket))
        hk_doctor_find(doctor, HK_FOUND_HIDDEN_SOCKET, s->pid, s->comm,
                       "%s is not there in its root directory", socket);
    else if (strcmp(s->publish, "work") == 0)
        hk_doctor_find(doctor, HK_FOUND_PUBLISH_LATER, s->pid, s->comm,
                       "it was started with HAKMEM_PUBLISH=work");
    else if (strcmp(s->publish, "retry") != 0 && before_daemon(doctor, s))
        hk_doctor_find(doctor, HK_FOUND_BEFORE_DAEMON, s->pid, s->comm, "it is older than the daemon");
    else
        hk_doctor_find(doctor, HK_FOUND_UNSEEN, s->pid, s->comm,
                       "it has the library, and did not greet the daemon");
}

/* Still the same process: it may have ended, or become another program, since it was looked at. */
static bool still_there(const struct suspect *s)
{
    struct suspect now;
    return suspect(s->pid, &now) && now.started == s->started && now.mapped == s->mapped;
}

static bool is_suspect(const struct hk_suspects *suspects, uint32_t pid)
{
    for (size_t i = 0; i < suspects->count; i++) {
        if ((uint32_t)suspects->all[i].pid == pid)
            return true;
    }
    return false;
}

/* Processes that were asked for by name and have nothing of the library about them. */
static void judge_strangers(struct hk_doctor *doctor, const struct hk_suspects *suspects)
{
    const struct hk_selector *selector = &doctor->session->args->selector;
    for (size_t i = 0; i < selector->pid_count; i++) {
        uint32_t pid = selector->pids[i];
        struct hk_proc_text maps;
        unsigned long long started;
        char comm[HK_COMM_BYTES];
        if (hk_doctor_listed(doctor, pid) || is_suspect(suspects, pid))
            continue;
        if (!hk_proc_start((pid_t)pid, &started, comm, sizeof comm)) {
            hk_error("process %u: there is none", pid);
            doctor->failed = true;
        } else if (!hk_proc_read((pid_t)pid, "maps", &maps)) {
            hk_error("process %u (%s): you may not look into it", pid, comm);
            doctor->failed = true;
        } else {
            free(maps.text);
            doctor->looked_at++;
            hk_doctor_find(doctor, HK_FOUND_NOT_PRELOADED, pid, comm,
                           "it has no " LIBRARY ", and was started without one in LD_PRELOAD");
        }
    }
}

void hk_suspects_judge(struct hk_doctor *doctor, struct hk_suspects *suspects)
{
    judge_strangers(doctor, suspects);
    for (size_t i = 0; i < suspects->count; i++) {
        const struct suspect *s = &suspects->all[i];
        doctor->looked_at += !hk_doctor_listed(doctor, s->pid);
        if (hk_doctor_listed(doctor, s->pid) || !still_there(s))
            continue;
        if (!s->mapped)
            judge_unmapped(doctor, s);
        else if (doctor->info)
            judge_mapped(doctor, s);
    }
    free(suspects->all);
    free(suspects);
}
