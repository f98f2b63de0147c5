/* drop_in.c - see drop_in.h. */
#include "ctl/service/drop_in.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/service/service_read.h"

#define MARK      "# Written by hakmemctl enable, sum "
#define TEMPORARY "." HK_DROP_IN_NAME ".new"

/* ---- text ---- */

/* A value inside quotes, as systemd reads it back. specifiers: '%' has its meaning there, and keeps it. */
static void add_value(FILE *out, const char *value, bool specifiers)
{
    for (; *value; value++) {
        if (*value == '\n') {
            fputs("\\n", out);
            continue;
        }
        if (*value == '"' || *value == '\\')
            fputc('\\', out);
        if (*value == '%' && !specifiers)
            fputc('%', out);
        fputc(*value, out);
    }
}

static void add_variable(FILE *out, const char *name, const char *value)
{
    fprintf(out, "Environment=\"%s=", name);
    add_value(out, value, false);
    fputs("\"\n", out);
}

static void add_tunes(FILE *out, const struct hk_drop_in *drop_in)
{
    char *text = NULL;
    size_t size = 0;
    if (drop_in->tune_count == 0)
        return;
    FILE *list = hk_need(open_memstream(&text, &size));
    for (size_t i = 0; i < drop_in->tune_count; i++)
        fprintf(list, "%s%s", i ? "," : "", drop_in->tunes[i]);
    fclose(list);
    add_variable(out, "HAKMEM_TUNE", hk_need(text));
    free(text);
}

static void add_preload(FILE *out, const struct hk_drop_in *drop_in)
{
    fputs("Environment=\"LD_PRELOAD=", out);
    add_value(out, drop_in->library, false);
    if (drop_in->preload) {
        fputc(':', out);
        add_value(out, drop_in->preload, true);
    }
    fputs("\"\n", out);
}

/* FNV-1a: tells a file that somebody has edited, no more. */
static uint64_t sum_of(const char *text)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        sum = (sum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return sum;
}

char *hk_drop_in_text(const struct hk_drop_in *drop_in, const char *unit)
{
    char *body = NULL, *text = NULL;
    size_t size = 0;
    FILE *out = hk_need(open_memstream(&body, &size));
    fprintf(out, "# The service runs on hakmem; 'hakmemctl disable %s' takes this file away.\n[Service]\n",
            unit);
    add_preload(out, drop_in);
    add_tunes(out, drop_in);
    if (drop_in->label)
        add_variable(out, "HAKMEM_LABEL", drop_in->label);
    if (drop_in->runtime_dir)
        add_variable(out, "HAKMEM_RUNTIME_DIR", drop_in->runtime_dir);
    fclose(out);
    if (asprintf(&text, MARK "%016" PRIx64 "\n%s", sum_of(hk_need(body)), body) < 0)
        text = NULL;
    free(body);
    return hk_need(text);
}

/* Whether nobody has touched it since. */
static bool is_ours(const char *text)
{
    char *end;
    if (strncmp(text, MARK, sizeof MARK - 1) != 0)
        return false;
    uint64_t sum = strtoull(text + sizeof MARK - 1, &end, 16);
    return *end == '\n' && sum == sum_of(end + 1);
}

/* ---- directories ---- */

/* Opens a directory below another, making it if make; links are followed only where the system is the running
 * one: in another's tree they could lead out of it. */
static int open_below(int at, const char *name, bool follow, bool make)
{
    int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
    int fd = openat(at, name, flags);
    if (fd < 0 && errno == ENOENT && make && (mkdirat(at, name, 0755) == 0 || errno == EEXIST))
        fd = openat(at, name, flags);
    return fd;
}

/* The directory of a path, made as far as it is missing. -1 with errno. */
static int open_path(const char *root, const char *path, bool make)
{
    bool follow = root[0] == '\0';
    int fd = open(follow ? "/" : root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[NAME_MAX + 1];
    for (path += strspn(path, "/"); fd >= 0 && *path; path += strspn(path, "/")) {
        size_t len = strcspn(path, "/");
        int next = -1;
        errno = ENAMETOOLONG;
        if (len <= NAME_MAX) {
            memcpy(name, path, len);
            name[len] = '\0';
            next = open_below(fd, name, follow, make);
        }
        int error = errno;
        close(fd);
        errno = error;
        fd = next;
        path += len;
    }
    return fd;
}

/* Opens the directory that has, or is to have, the units' drop-in directories; path is where the file is. */
static int open_units(const struct hk_service_scope *scope, const char *unit, bool make, char *path)
{
    char dir[PATH_MAX];
    if (!hk_service_dir(scope, 0, dir, sizeof dir)) {
        snprintf(path, PATH_MAX, "the units of a user without HOME");
        errno = ENOENT;
        return -1;
    }
    int len = snprintf(path, PATH_MAX, "%s/%s.d/" HK_DROP_IN_NAME, dir, unit);
    if (len < 0 || len >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open_path(scope->root, dir + strlen(scope->root), make);
}

/* ---- the file ---- */

/* Its text, to be freed; NULL: not there, or (*error) not to be read. */
static char *read_at(int dir, int *error)
{
    struct stat st;
    *error = 0;
    if (fstatat(dir, HK_DROP_IN_NAME, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        *error = errno == ENOENT ? 0 : errno;
        return NULL;
    }
    if (!S_ISREG(st.st_mode))
        return hk_need(strdup("")); /* somebody else's, whatever it is */
    char *text = hk_service_read_file(dir, HK_DROP_IN_NAME);
    *error = text ? 0 : errno;
    return text;
}

static bool write_all(int fd, const char *text)
{
    size_t len = strlen(text), at = 0;
    while (at < len) {
        ssize_t n = write(fd, text + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

/* A new file beside it, then in its place: nobody ever reads half of it. */
static bool replace_at(int dir, const char *text)
{
    unlinkat(dir, TEMPORARY, 0); /* one that was left by whoever was interrupted here */
    int fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    bool good = write_all(fd, text) && fchmod(fd, 0644) == 0 && fsync(fd) == 0;
    int error = errno;
    if (close(fd) != 0 && good) {
        good = false;
        error = errno;
    }
    if (good && renameat(dir, TEMPORARY, dir, HK_DROP_IN_NAME) == 0)
        return true;
    if (good)
        error = errno;
    unlinkat(dir, TEMPORARY, 0);
    errno = error;
    return false;
}

static enum hk_drop_in_result write_in(int dir, const char *text)
{
    int error;
    char *before = read_at(dir, &error);
    enum hk_drop_in_result result = HK_DROP_IN_DONE;
    if (error)
        result = HK_DROP_IN_FAILED;
    else if (before && !is_ours(before))
        result = HK_DROP_IN_FOREIGN;
    else if (before && strcmp(before, text) == 0)
        result = HK_DROP_IN_SAME;
    else if (!replace_at(dir, text)) {
        result = HK_DROP_IN_FAILED;
        error = errno;
    }
    free(before);
    errno = error;
    return result;
}

static enum hk_drop_in_result remove_in(int dir)
{
    int error;
    char *before = read_at(dir, &error);
    enum hk_drop_in_result result = HK_DROP_IN_DONE;
    if (error)
        result = HK_DROP_IN_FAILED;
    else if (!before)
        result = HK_DROP_IN_SAME;
    else if (!is_ours(before))
        result = HK_DROP_IN_FOREIGN;
    else if (unlinkat(dir, HK_DROP_IN_NAME, 0) != 0) {
        result = HK_DROP_IN_FAILED;
        error = errno;
    }
    free(before);
    errno = error;
    return result;
}

static void close_all(int units, int dir)
{
    int error = errno;
    if (dir >= 0)
        close(dir);
    if (units >= 0)
        close(units);
    errno = error;
}

/* Removes the unit's directory if nothing else is in it. */
static void remove_empty(int units, const char *name)
{
    int error = errno;
    unlinkat(units, name, AT_REMOVEDIR);
    errno = error;
}

enum hk_drop_in_result hk_drop_in_write(const struct hk_service_scope *scope, const char *unit,
                                        const char *text, char *path)
{
    char name[HK_SERVICE_NAME_BYTES + 2];
    int units = open_units(scope, unit, true, path), dir = -1;
    enum hk_drop_in_result result = HK_DROP_IN_FAILED;
    snprintf(name, sizeof name, "%s.d", unit);
    if (units >= 0)
        dir = open_below(units, name, scope->root[0] == '\0', true);
    if (dir >= 0)
        result = write_in(dir, text);
    if (dir >= 0 && result == HK_DROP_IN_FAILED)
        remove_empty(units, name);
    close_all(units, dir);
    return result;
}

enum hk_drop_in_result hk_drop_in_remove(const struct hk_service_scope *scope, const char *unit, char *path)
{
    char name[HK_SERVICE_NAME_BYTES + 2];
    int units = open_units(scope, unit, false, path), dir = -1;
    snprintf(name, sizeof name, "%s.d", unit);
    if (units >= 0)
        dir = open_below(units, name, scope->root[0] == '\0', false);
    if (dir < 0) {
        bool none = errno == ENOENT;
        close_all(units, dir);
        return none ? HK_DROP_IN_SAME : HK_DROP_IN_FAILED;
    }
    enum hk_drop_in_result result = remove_in(dir);
    if (result == HK_DROP_IN_DONE) {
        unlinkat(dir, TEMPORARY, 0);
        remove_empty(units, name);
    }
    close_all(units, dir);
    return result;
}
