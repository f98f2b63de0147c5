/* install_paths.c - see install_paths.h. */
#include "ctl/base/install_paths.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/base.h"

/* The plain name is there for building against the library only. */
#define PLAIN   "libhakmem.so"
#define LIBRARY PLAIN ".0"
#define DAEMON  "hakmemd"

/* The directory the tool is in; "" where /proc does not say. */
static const char *own_dir(char *buf, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", buf, size - 1);
    buf[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(buf, '/');
    if (slash)
        *slash = '\0';
    return buf;
}

static bool is_file(const char *path, int access_mode)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, access_mode) == 0;
}

/* A path to a file without links and dots in its directory. The file itself may be a link, which the next
 * version leads elsewhere: it is named as it is. */
static bool resolve_dir(char *path, char *buf, size_t size)
{
    char whole[PATH_MAX], *slash = strrchr(path, '/');
    *slash = '\0';
    if (!realpath(path[0] ? path : "/", whole))
        return false;
    return (size_t)snprintf(buf, size, "%s/%s", whole[1] ? whole : "", slash + 1) < size;
}

/* The first of some places that has the file: each a directory and a path in it, the tool's own where the
 * directory is NULL. */
struct candidate {
    const char *dir, *path;
};

static bool find_in(const struct candidate *candidates, unsigned count, int access_mode, char *buf,
                    size_t size)
{
    char own[PATH_MAX], joined[2 * PATH_MAX];
    own_dir(own, sizeof own);
    for (unsigned i = 0; i < count; i++) {
        const char *dir = candidates[i].dir ? candidates[i].dir : own;
        snprintf(joined, sizeof joined, "%s/%s", dir, candidates[i].path);
        if (dir[0] == '/' && is_file(joined, access_mode) && resolve_dir(joined, buf, size))
            return true;
    }
    return false;
}

bool hk_install_path_is_preloadable(const char *path, char *error, size_t size)
{
    if (!strpbrk(path, " :$\t\n"))
        return true;
    snprintf(error, size, "%s: LD_PRELOAD cannot hold a path with a blank, ':' or '$' in it", path);
    return false;
}

bool hk_install_path_library(char *buf, size_t size, char *error, size_t error_size)
{
    static const struct candidate candidates[] = {{NULL, "../lib/" LIBRARY},
                                                  {NULL, "../lib/" PLAIN},
                                                  {NULL, "../" HAKMEM_RELATIVE_LIBDIR "/" LIBRARY},
                                                  {HAKMEM_LIBDIR, LIBRARY}};
    const char *chosen = getenv("HAKMEM_LIBRARY");
    char whole[PATH_MAX];
    if (chosen && chosen[0]) {
        if (!realpath(chosen, whole) || !is_file(whole, R_OK)) {
            snprintf(error, error_size, "HAKMEM_LIBRARY: '%s': %s", chosen, strerror(errno ? errno : EINVAL));
            return false;
        }
        snprintf(buf, size, "%s", whole);
        return hk_install_path_is_preloadable(buf, error, error_size);
    }
    if (!find_in(candidates, HK_COUNT_OF(candidates), R_OK, buf, size)) {
        snprintf(error, error_size,
                 PLAIN " is neither beside hakmemctl nor in %s; HAKMEM_LIBRARY may name it", HAKMEM_LIBDIR);
        return false;
    }
    return hk_install_path_is_preloadable(buf, error, error_size);
}

bool hk_install_path_library_below(const char *root, char *buf, size_t size)
{
    static const char below_usr[] = "/usr/" HAKMEM_RELATIVE_LIBDIR;
    static const char *const dirs[] = {HAKMEM_LIBDIR, below_usr, "/usr/lib", "/usr/local/lib"};
    char path[2 * PATH_MAX];
    for (unsigned i = 0; i < 2 * HK_COUNT_OF(dirs); i++) {
        const char *dir = dirs[i / 2], *name = i % 2 ? PLAIN : LIBRARY;
        int len = snprintf(path, sizeof path, "%s%s/%s", root, dir, name);
        if (len > 0 && (size_t)len < sizeof path && is_file(path, R_OK) &&
            (size_t)snprintf(buf, size, "%s/%s", dir, name) < size)
            return true;
    }
    return false;
}

bool hk_install_path_daemon(char *buf, size_t size)
{
    static const struct candidate candidates[] = {
        {NULL, "../daemon/" DAEMON}, {NULL, DAEMON},          {NULL, "../sbin/" DAEMON},
        {HAKMEM_SBINDIR, DAEMON},    {HAKMEM_BINDIR, DAEMON},
    };
    return find_in(candidates, HK_COUNT_OF(candidates), X_OK, buf, size) ||
           hk_install_path_search(DAEMON, buf, size) == 0;
}

/* 0, ENOENT, or EACCES for one that cannot be executed. unseen: what a path says where it cannot be looked
 * at. */
static int check_program(const char *path, int if_hidden)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return errno == EACCES ? if_hidden : ENOENT;
    return S_ISREG(st.st_mode) && access(path, X_OK) == 0 ? 0 : EACCES;
}

/* As shells do: a folder in PATH that may not be looked into has no such program. */
int hk_install_path_search(const char *name, char *buf, size_t size)
{
    const char *path = getenv("PATH");
    int result = ENOENT;
    if (name[0] == '\0')
        return ENOENT;
    if (strchr(name, '/')) {
        snprintf(buf, size, "%s", name);
        return check_program(name, EACCES);
    }
    for (path = path ? path : "/bin:/usr/bin"; path; path = strchr(path, ':'), path += path ? 1 : 0) {
        int len = (int)strcspn(path, ":");
        int wrote = snprintf(buf, size, "%.*s%s%s", len, path, len ? "/" : "", name);
        int error = wrote > 0 && (size_t)wrote < size ? check_program(buf, ENOENT) : ENOENT;
        if (error == 0)
            return 0;
        if (error == EACCES)
            result = EACCES;
    }
    return result;
}
