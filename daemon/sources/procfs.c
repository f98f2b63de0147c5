/* procfs.c - see procfs.h. */
#include "daemon/sources/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm/base.h"
#include "shm/text.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

#define FILE_BYTES 4096

/* The beginning of /proc/PID/name as a string. */
static int read_file(pid_t pid, const char *name, char buf[FILE_BYTES])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    ssize_t n = read(fd, buf, FILE_BYTES - 1);
    int error = n < 0 ? errno : 0;
    close(fd);
    buf[n > 0 ? n : 0] = '\0';
    return error;
}

/* The value of a line "Key:\tvalue". */
static const char *field(const char *text, const char *key)
{
    size_t len = strlen(key);
    while (text && *text != '\0') {
        if (strncmp(text, key, len) == 0 && text[len] == ':') {
            text += len + 1;
            return text + strspn(text, " \t");
        }
        text = strchr(text, '\n');
        text += text != NULL;
    }
    return NULL;
}

/* The kernel writes a newline as \n and a backslash as \\ here. */
static void copy_comm(char out[HK_COMM_BYTES], const char *name)
{
    size_t n = 0;
    while (n < HK_COMM_BYTES - 1 && *name != '\0' && *name != '\n') {
        char c = *name++;
        if (c == '\\' && (*name == 'n' || *name == '\\'))
            c = *name++ == 'n' ? '\n' : '\\';
        out[n++] = c;
    }
    memset(out + n, 0, HK_COMM_BYTES - n);
}

bool hk_proc_parse_status(const char *text, struct hk_proc_status *out)
{
    const char *name = field(text, "Name"), *ppid = field(text, "PPid"), *uid = field(text, "Uid");
    const char *seccomp = field(text, "Seccomp"), *pids = field(text, "NSpid");
    memset(out, 0, sizeof *out);
    if (!name || !ppid || !uid)
        return false;
    copy_comm(out->comm, name);
    out->ppid = (pid_t)strtol(ppid, NULL, 10);
    out->uid = (uid_t)strtoul(uid, NULL, 10);
    out->seccomp = seccomp ? (int)strtol(seccomp, NULL, 10) : -1;
    while (pids && *pids >= '0' && *pids <= '9') {
        char *end;
        out->inner_pid = (pid_t)strtol(pids, &end, 10);
        out->namespaces++;
        pids = end + strspn(end, " \t");
    }
    return true;
}

int hk_proc_status(pid_t pid, struct hk_proc_status *out)
{
    char text[FILE_BYTES];
    int error = read_file(pid, "status", text);
    if (error)
        return error;
    return hk_proc_parse_status(text, out) ? 0 : ESRCH;
}

bool hk_proc_parse_start(const char *text, uint64_t *ticks)
{
    /* The name, in parentheses, may hold anything; the 22nd field is the 20th after it. */
    const char *p = strrchr(text, ')');
    for (int i = 0; p && i < 20; i++) {
        p = strchr(p, ' ');
        p += p != NULL;
    }
    if (!p || *p < '0' || *p > '9')
        return false;
    *ticks = strtoull(p, NULL, 10);
    return true;
}

int hk_proc_start_ticks(pid_t pid, uint64_t *ticks)
{
    char text[FILE_BYTES];
    int error = read_file(pid, "stat", text);
    if (error)
        return error;
    return hk_proc_parse_start(text, ticks) ? 0 : ESRCH;
}

static uint64_t ns_per_tick(void)
{
    static uint64_t ns;
    if (ns == 0) {
        long hz = sysconf(_SC_CLK_TCK);
        ns = UINT64_C(1000000000) / (uint64_t)(hz > 0 ? hz : 100);
    }
    return ns;
}

uint64_t hk_ticks_to_ns(uint64_t ticks)
{
    return ticks * ns_per_tick();
}

uint64_t hk_ns_to_ticks(uint64_t ns)
{
    return ns / ns_per_tick();
}

int hk_proc_exe(pid_t pid, char *buf, size_t size, struct hk_file_id *id)
{
    static const char deleted[] = " (deleted)";
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    ssize_t n = readlink(path, buf, size - 1);
    if (n < 0 || stat(path, &st) != 0)
        return errno;
    *id = (struct hk_file_id){.device = st.st_dev, .inode = st.st_ino};
    size_t len = (size_t)n, tail = sizeof deleted - 1;
    if (len > tail && memcmp(buf + len - tail, deleted, tail) == 0)
        len -= tail;
    buf[len] = '\0';
    return 0;
}

static bool is_program_dir(const char *path, size_t len, const char *exe)
{
    static const char *const usual[] = {"/usr/bin", "/usr/sbin",      "/bin",
                                        "/sbin",    "/usr/local/bin", "/usr/local/sbin"};
    const char *slash = strrchr(exe, '/');
    if (slash && (size_t)(slash - exe) == len && memcmp(path, exe, len) == 0)
        return true;
    for (unsigned i = 0; i < HK_COUNT_OF(usual); i++) {
        if (strlen(usual[i]) == len && memcmp(path, usual[i], len) == 0)
            return true;
    }
    return false;
}

/* Whether a first argument names a link to exe; then its path is in buf. */
static bool leads_to(const char *argument, const char *exe, char *buf, size_t size)
{
    char whole[PATH_MAX];
    const char *slash = strrchr(argument, '/'), *dir_end = strrchr(exe, '/');
    int wrote = argument[0] == '/' ? snprintf(buf, size, "%s", argument)
                                   : snprintf(buf, size, "%.*s/%s", (int)(dir_end - exe), exe, argument);
    if (argument[0] == '\0' || (slash && argument[0] != '/') || wrote <= 0 || (size_t)wrote >= size)
        return false;
    size_t len = (size_t)(strrchr(buf, '/') - buf);
    return is_program_dir(buf, len, exe) && strcmp(buf, exe) != 0 && realpath(buf, whole) &&
           strcmp(whole, exe) == 0;
}

bool hk_proc_program(pid_t pid, const char *exe, char *buf, size_t size)
{
    char line[FILE_BYTES];
    if (!exe || exe[0] != '/' || read_file(pid, "cmdline", line) != 0)
        return false;
    if (leads_to(line, exe, buf, size))
        return true;
    line[strcspn(line, " ")] = '\0'; /* a title in its place: "/usr/bin/redis-server *:6379" */
    return leads_to(line, exe, buf, size);
}

int hk_proc_unit(pid_t pid, char *buf)
{
    char text[FILE_BYTES];
    int error = read_file(pid, "cgroup", text);
    if (error)
        return error;
    return hk_cgroup_unit(text, buf) ? 0 : ENODATA;
}

int hk_proc_rss_bytes(pid_t pid, uint64_t *bytes)
{
    char text[FILE_BYTES];
    int error = read_file(pid, "statm", text);
    const char *resident = error ? NULL : strchr(text, ' ');
    if (!resident)
        return error ? error : ESRCH;
    *bytes = strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

bool hk_proc_is_gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

void hk_proc_each(bool (*visit)(pid_t pid, void *arg), void *arg)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (pid > 0 && *end == '\0' && visit((pid_t)pid, arg))
            break;
    }
    if (dir)
        closedir(dir);
}

unsigned hk_proc_children(pid_t pid, pid_t *out, unsigned max)
{
    char path[64];
    unsigned n = 0;
    int child;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "re");
    while (file && n < max && fscanf(file, "%d", &child) == 1)
        out[n++] = child;
    if (file)
        fclose(file);
    return n;
}

int hk_pidfd_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int hk_pidfd_of_peer(int socket, pid_t pid, bool *exact)
{
    int fd = -1;
    socklen_t len = sizeof fd;
    *exact = true;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) == 0)
        return fd;
    if (errno == ENOPROTOOPT) {
        *exact = false;
        return hk_pidfd_open(pid);
    }
    if (errno == EINVAL)
        errno = ESRCH; /* what some kernels say of a process that has been reaped */
    return -1;
}

bool hk_pidfd_ended(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

pid_t hk_pidfd_pid(int pidfd)
{
    char path[64], text[FILE_BYTES];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *pid = field(text, "Pid");
    return pid ? (pid_t)strtol(pid, NULL, 10) : -1;
}
