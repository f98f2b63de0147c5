/* private_daemon_start.c - from run to the keeper: two forks, so that it is no child of the program; see
 * private_daemon.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/client/private_daemon.h"
#include "shm/base.h"

/* In the second child. Every descriptor but the three is closed: a pipe that the program's caller waits on
 * must not stay open in the keeper. */
static void become_keeper(int owner, int report, const char *dir, bool remove, const char *hakmemd)
{
    int null = open("/dev/null", O_RDWR);
    if (owner <= STDERR_FILENO)
        owner = fcntl(owner, F_DUPFD, STDERR_FILENO + 1);
    if (report <= STDERR_FILENO)
        report = fcntl(report, F_DUPFD, STDERR_FILENO + 1);
    if (dup2(owner, STDIN_FILENO) < 0 || dup2(report, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
        _exit(1);
    closefrom(STDERR_FILENO + 1);
    execl("/proc/self/exe", "hakmemctl", "--keeper", dir, remove ? "remove" : "keep", hakmemd, (char *)NULL);
    dprintf(STDOUT_FILENO, "cannot start the private daemon's keeper: %s", strerror(errno));
    _exit(1);
}

static bool spawn(int owner, int report, const char *dir, bool remove, const char *hakmemd)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        setsid();
        pid_t keeper = fork();
        if (keeper == 0)
            become_keeper(owner, report, dir, remove, hakmemd);
        _exit(keeper < 0);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The whole report; "" if the keeper ended without one. */
static void read_report(int fd, char *buf, size_t size)
{
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, buf + len, size - 1 - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    buf[len] = '\0';
}

bool hk_private_daemon_start(const char *hakmemd, const char *dir, bool remove, char *error, size_t size)
{
    int report[2], owner = (int)syscall(SYS_pidfd_open, getpid(), 0);
    bool ready = false;
    if (owner < 0 || pipe2(report, O_CLOEXEC) != 0) {
        snprintf(error, size, "cannot watch over a private daemon: %s", strerror(errno));
        if (owner >= 0)
            close(owner);
        if (remove)
            rmdir(dir);
        return false;
    }
    fcntl(owner, F_SETFD, FD_CLOEXEC);
    bool spawned = spawn(owner, report[1], dir, remove, hakmemd);
    close(report[1]);
    close(owner);
    if (spawned) {
        read_report(report[0], error, size);
        ready = strcmp(error, "ready") == 0;
    }
    if (!spawned || error[0] == '\0')
        snprintf(error, size, "cannot start a private daemon's keeper");
    if (!spawned && remove)
        rmdir(dir);
    close(report[0]);
    return ready;
}
