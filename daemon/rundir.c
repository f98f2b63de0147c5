/* rundir.c - see rundir.h. */
#include "daemon/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "shm/layout.h"

#define LOCK_NAME     "lock"
#define LOCK_ATTEMPTS 5
#define BACKLOG       4096 /* the kernel cuts it to net.core.somaxconn */

/* The first of the directories that systemd made for the service. */
static bool service_directory(char *buf, size_t size)
{
    const char *list = getenv("RUNTIME_DIRECTORY");
    size_t len = list ? strcspn(list, ":") : 0;
    return len > 0 && (size_t)snprintf(buf, size, "%.*s", (int)len, list) < size;
}

/* Others are to find it from where they are. */
static int make_absolute(const char *dir, char *buf, size_t size)
{
    char here[HK_RUNTIME_DIR_MAX];
    if (!getcwd(here, sizeof here))
        return errno == ERANGE ? ENAMETOOLONG : errno;
    return (size_t)snprintf(buf, size, "%s/%s", here[1] ? here : "", dir) < size ? 0 : ENAMETOOLONG;
}

int hk_rundir_choose(struct hk_rundir *rundir, const char *given, bool user)
{
    const char *env = getenv(HK_RUNTIME_DIR_ENV);
    char service[sizeof rundir->path], whole[sizeof rundir->path];
    bool host = !user && geteuid() == 0;
    *rundir = (struct hk_rundir){.lock_fd = -1, .shared = host};
    int error = 0;
    if (given && given[0] != '/') {
        error = make_absolute(given, whole, sizeof whole);
        given = error ? given : whole;
    }
    if (!given && env && env[0] != '\0')
        given = env;
    if (!given && service_directory(service, sizeof service)) {
        given = service;
        rundir->shared = !user;
    }
    if (!given && host)
        given = HK_RUNTIME_DIR_SYSTEM;
    if (!given)
        error = hk_runtime_dir_user(geteuid(), rundir->path, sizeof rundir->path);
    else if (error)
        ; /* said below */
    else if (given[0] != '/')
        error = EINVAL;
    else if (strlen(given) >= HK_RUNTIME_DIR_MAX)
        error = ENAMETOOLONG;
    else
        snprintf(rundir->path, sizeof rundir->path, "%s", given);
    if (error)
        hk_log(HK_LOG_ERROR, "runtime directory %s: %s", given ? given : "of the user", strerror(error));
    return error;
}

/* 0 once the directory is there and fit to put sockets into. */
static int make_directory(const struct hk_rundir *rundir)
{
    mode_t mode = rundir->shared ? 0755 : 0700;
    if (mkdir(rundir->path, mode) == 0) {
        if (chmod(rundir->path, mode) == 0) /* whatever the umask says */
            return 0;
        hk_log(HK_LOG_ERROR, "runtime directory %s: %s", rundir->path, strerror(errno));
        return errno;
    }
    if (errno != EEXIST) {
        hk_log(HK_LOG_ERROR, "runtime directory %s cannot be made: %s", rundir->path, strerror(errno));
        return errno;
    }
    int error = hk_runtime_dir_check(rundir->path, geteuid());
    if (error == EPERM)
        hk_log(HK_LOG_ERROR, "runtime directory %s: owned by somebody else, or others may write to it",
               rundir->path);
    else if (error)
        hk_log(HK_LOG_ERROR, "runtime directory %s: %s", rundir->path, strerror(error));
    return error;
}

static void say_who_has_it(const struct hk_rundir *rundir, int fd)
{
    char pid[24] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
    hk_log(HK_LOG_ERROR, "another hakmemd%s%s%s serves %s", pid[0] ? " (process " : "", pid,
           pid[0] ? ")" : "", rundir->path);
}

/* A lock file may be removed by the daemon that lets go of it between our opening and our locking it: the
 * lock counts only on the file that has the name. */
static int lock_once(struct hk_rundir *rundir, const char *path)
{
    struct stat ours, named;
    char pid[24];
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0644);
    if (fd < 0)
        return errno;
    int error = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
    if (error == EWOULDBLOCK) {
        say_who_has_it(rundir, fd);
        error = EBUSY;
    } else if (!error && (fstat(fd, &ours) != 0 || stat(path, &named) != 0 || ours.st_ino != named.st_ino)) {
        error = EAGAIN;
    }
    if (error) {
        close(fd);
        return error;
    }
    snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, strlen(pid), 0) < 0)
        hk_log(HK_LOG_WARN, "%s: %s", path, strerror(errno));
    rundir->lock_fd = fd;
    return 0;
}

int hk_rundir_open(struct hk_rundir *rundir)
{
    char path[sizeof rundir->path + sizeof LOCK_NAME + 1];
    int error = make_directory(rundir);
    if (error)
        return error;
    snprintf(path, sizeof path, "%s/%s", rundir->path, LOCK_NAME);
    for (int i = 0; i < LOCK_ATTEMPTS; i++) {
        error = lock_once(rundir, path);
        if (error != EAGAIN)
            break;
    }
    if (error && error != EBUSY)
        hk_log(HK_LOG_ERROR, "%s: %s", path, strerror(error));
    return error;
}

static int bind_and_listen(int fd, const struct sockaddr_un *address, mode_t mode)
{
    /* The mode must be right from the first moment; nobody else runs in this process now. */
    mode_t before = umask(0777 & ~mode);
    int bound = bind(fd, (const struct sockaddr *)address, sizeof *address);
    umask(before);
    return bound == 0 && listen(fd, BACKLOG) == 0 ? 0 : -1;
}

int hk_rundir_listen(struct hk_rundir *rundir, const char *name, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (hk_runtime_socket(rundir->path, name, address.sun_path, sizeof address.sun_path) != 0) {
        hk_log(HK_LOG_ERROR, "%s/%s: path too long for a socket", rundir->path, name);
        return -1;
    }
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* The lock is ours, so whoever made this one is gone. */
    if (fd < 0 || (unlink(address.sun_path) != 0 && errno != ENOENT) ||
        bind_and_listen(fd, &address, rundir->shared ? 0666 : 0600) != 0) {
        hk_log(HK_LOG_ERROR, "%s: %s", address.sun_path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (strcmp(name, HK_HELLO_SOCKET) == 0)
        rundir->made_hello = true;
    else
        rundir->made_control = true;
    return fd;
}

static void remove_one(const struct hk_rundir *rundir, const char *name)
{
    char path[sizeof rundir->path + 32];
    snprintf(path, sizeof path, "%s/%s", rundir->path, name);
    unlink(path);
}

void hk_rundir_close(struct hk_rundir *rundir)
{
    if (rundir->made_hello)
        remove_one(rundir, HK_HELLO_SOCKET);
    if (rundir->made_control)
        remove_one(rundir, HK_CONTROL_SOCKET);
    if (rundir->lock_fd >= 0) {
        remove_one(rundir, LOCK_NAME);
        close(rundir->lock_fd);
    }
    *rundir = (struct hk_rundir){.lock_fd = -1};
}
