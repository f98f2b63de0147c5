/* spawn.c - see spawn.h. */
#include "ctl/base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"

#define MOST (4u << 20)

/* The caller's environment with messages in English and without what would preload us into it. */
static char **make_environment(void)
{
    static char locale[] = "LC_ALL=C";
    size_t n = 0, kept = 0;
    while (environ[n])
        n++;
    char **made = hk_need(calloc(n + 2, sizeof *made));
    for (size_t i = 0; i < n; i++) {
        if (strncmp(environ[i], "LC_ALL=", 7) != 0 && strncmp(environ[i], "LD_PRELOAD=", 11) != 0)
            made[kept++] = environ[i];
    }
    made[kept] = locale;
    return made;
}

static char *read_all(int fd)
{
    char *text = NULL, buf[4096];
    size_t size = 0;
    FILE *out = hk_need(open_memstream(&text, &size));
    for (;;) {
        ssize_t n = read(fd, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        if ((size_t)ftello(out) + (size_t)n <= MOST)
            fwrite(buf, 1, (size_t)n, out);
    }
    fclose(out);
    return hk_need(text);
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return 127;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

char *hk_spawn_read(const char *const *argv, int *status)
{
    posix_spawn_file_actions_t actions;
    char **words = (char **)(uintptr_t)argv, **environment;
    int pipes[2];
    pid_t pid;
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return NULL;
    environment = make_environment();
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
    int error = posix_spawnp(&pid, argv[0], &actions, NULL, words, environment);
    posix_spawn_file_actions_destroy(&actions);
    free(environment);
    close(pipes[1]);
    char *text = error == 0 ? read_all(pipes[0]) : NULL;
    close(pipes[0]);
    if (error == 0)
        *status = wait_for(pid);
    return text;
}
