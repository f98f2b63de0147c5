/* unseen_process.c - see unseen_process.h. */
#include "ctl/doctor/unseen_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shm/runtime_dir.h"

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
        if (strncmp(name, HK_LIBRARY_NAME, strlen(HK_LIBRARY_NAME)) == 0) {
            snprintf(buf, size, "%.*s", (int)len, at);
            return;
        }
    }
}

static uid_t owner_of(pid_t pid)
{
    char path[32];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    return stat(path, &st) == 0 ? st.st_uid : (uid_t)-1;
}

bool hk_unseen_process_read(pid_t pid, struct hk_unseen_process *s)
{
    struct hk_proc_text maps, environment;
    char list[PATH_MAX];
    *s = (struct hk_unseen_process){.pid = pid, .uid = owner_of(pid)};
    if (!hk_proc_read(pid, "maps", &maps))
        return false;
    s->mapped = strstr(maps.text, "/" HK_LIBRARY_NAME) != NULL;
    free(maps.text);
    if (hk_proc_read(pid, "environ", &environment)) {
        variable(&environment, "HAKMEM_PUBLISH", s->publish, sizeof s->publish);
        variable(&environment, HK_RUNTIME_DIR_ENV, s->runtime_dir, sizeof s->runtime_dir);
        variable(&environment, "XDG_RUNTIME_DIR", s->xdg_dir, sizeof s->xdg_dir);
        variable(&environment, "LD_PRELOAD", list, sizeof list);
        preloaded(list, s->preload, sizeof s->preload);
        free(environment.text);
    }
    return (s->mapped || s->preload[0]) && hk_proc_stat(pid, &s->stat);
}

bool hk_unseen_process_read_again(struct hk_unseen_process *s)
{
    struct hk_unseen_process now;
    if (!hk_unseen_process_read(s->pid, &now) || now.stat.start_ticks != s->stat.start_ticks)
        return false;
    *s = now;
    return true;
}

bool hk_unseen_process_dir(const struct hk_unseen_process *s, unsigned index, char *buf, size_t size)
{
    if (s->runtime_dir[0])
        snprintf(buf, size, "%s", s->runtime_dir);
    else if (index == 0)
        snprintf(buf, size, "%s", HK_RUNTIME_DIR_SYSTEM);
    else if (index == 1 && s->xdg_dir[0])
        snprintf(buf, size, "%s/hakmem", s->xdg_dir);
    else
        snprintf(buf, size, "/tmp/hakmem-%u", (unsigned)s->uid);
    return index < (s->runtime_dir[0] ? 1u : s->xdg_dir[0] ? 3u : 2u);
}

/* A path that the process sees, as we see it. */
static void outside(const struct hk_unseen_process *s, const char *path, char *buf, size_t size)
{
    snprintf(buf, size, "/proc/%d/root%s", (int)s->pid, path);
}

bool hk_unseen_process_sees(const struct hk_unseen_process *s, const char *path)
{
    char there[PATH_MAX + 64];
    outside(s, path, there, sizeof there);
    return access(there, F_OK) == 0;
}

bool hk_unseen_process_sees_dir(const struct hk_unseen_process *s, const char *path, const char *dir)
{
    char there[PATH_MAX + 64];
    struct stat inside, ours;
    if (strcmp(path, dir) == 0)
        return true;
    outside(s, path, there, sizeof there);
    return stat(there, &inside) == 0 && stat(dir, &ours) == 0 && inside.st_dev == ours.st_dev &&
           inside.st_ino == ours.st_ino;
}

double hk_unseen_process_age_s(const struct hk_unseen_process *s)
{
    struct timespec now;
    long hz = sysconf(_SC_CLK_TCK);
    if (hz <= 0 || clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        return 0;
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)s->stat.start_ticks / (double)hz;
}

bool hk_unseen_process_forked_with(const struct hk_unseen_process *s, pid_t pid)
{
    struct hk_proc_stat other;
    return pid != s->pid && s->stat.arguments_at != 0 && hk_proc_stat(pid, &other) &&
           other.arguments_at == s->stat.arguments_at && other.environment_at == s->stat.environment_at &&
           other.stack_at == s->stat.stack_at;
}
