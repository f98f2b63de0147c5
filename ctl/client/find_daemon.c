/* find_daemon.c - see find_daemon.h. */
#include "ctl/client/find_daemon.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/base/error_report.h"
#include "shm/layout.h"

static const char *dir_reason(int error)
{
    switch (error) {
    case ENOENT:
        return "no such directory";
    case ENOTDIR:
        return "not a directory";
    case EPERM:
        return "not trusted: neither yours nor root's, or others may write to it";
    case EINVAL:
        return "not an absolute path";
    case ENAMETOOLONG:
        return "the path is too long for a socket";
    default:
        return strerror(error);
    }
}

static const char *socket_reason(int error)
{
    switch (error) {
    case ENOENT:
        return "no socket '" HK_CONTROL_SOCKET "' there";
    case ECONNREFUSED:
        return "the daemon that was there has ended";
    case EAGAIN:
        return "the daemon there does not accept connections";
    default:
        return strerror(error);
    }
}

static void note(struct hk_daemon_search *search, const char *dir, const char *reason)
{
    if (search->count < HK_DAEMON_SEARCH_MAX) {
        unsigned i = search->count++;
        snprintf(search->tried[i].dir, sizeof search->tried[i].dir, "%s", dir);
        snprintf(search->tried[i].reason, sizeof search->tried[i].reason, "%s", reason);
    }
}

static bool try_dir(struct hk_daemon_search *search, const char *dir, struct hk_connection *connection)
{
    const char *reason = NULL;
    int error = hk_runtime_dir_check(dir, geteuid());
    if (error)
        reason = dir_reason(error);
    else if ((error = hk_connection_open(connection, dir)) != 0)
        reason = socket_reason(error);
    if (!reason)
        return true;
    note(search, dir, reason);
    return false;
}

bool hk_find_daemon(struct hk_daemon_search *search, const char *chosen, struct hk_connection *connection)
{
    char dir[HK_RUNTIME_DIR_MAX + 1];
    int error;
    memset(search, 0, sizeof *search);
    memset(connection, 0, sizeof *connection);
    connection->fd = -1;
    if (chosen)
        return try_dir(search, chosen, connection);
    for (unsigned i = 0; (error = hk_runtime_dir_candidate(i, true, geteuid(), dir, sizeof dir)) != ENOENT;
         i++) {
        if (error == 0 && try_dir(search, dir, connection))
            return true;
        if (error != 0)
            note(search, dir, dir_reason(error));
    }
    return false;
}

void hk_daemon_search_report(const struct hk_daemon_search *search)
{
    char where[HK_DAEMON_SEARCH_MAX * 224] = "";
    for (unsigned i = 0, at = 0; i < search->count; i++)
        at += (unsigned)snprintf(where + at, sizeof where - at, "\n  %s: %s", search->tried[i].dir,
                                 search->tried[i].reason);
    hk_error("no hakmemd answers; looked in%s\n"
             "Start the host's with 'systemctl start hakmemd', your own with 'hakmemd --user', or run a\n"
             "program with a private one: hakmemctl run -- CMD",
             where);
}

int hk_absolute_dir(const char *dir, char *buf, size_t size)
{
    char whole[PATH_MAX], here[PATH_MAX];
    int wrote;
    if (realpath(dir, whole))
        wrote = snprintf(buf, size, "%s", whole);
    else if (dir[0] == '/')
        wrote = snprintf(buf, size, "%s", dir);
    else if (getcwd(here, sizeof here))
        wrote = snprintf(buf, size, "%s/%s", here, dir);
    else
        return errno;
    return wrote < 0 || (size_t)wrote >= size || wrote >= HK_RUNTIME_DIR_MAX ? ENAMETOOLONG : 0;
}
