/* service.c - see service.h. */
#include "ctl/service/service.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/spawn.h"
#include "ctl/service/service_read.h"
#include "ctl/service/unit_file.h"
#include "shm/base.h"

#define ALIASES 8 /* links from one name to the next that are followed */

/* ---- where units are ---- */

/* Those of generators hold units that have no file elsewhere: made of fstab, of init scripts, of containers.
 */
static const char *const system_dirs[] = {
    "/etc/systemd/system",     "/run/systemd/transient", "/run/systemd/generator.early",
    "/run/systemd/system",     "/run/systemd/generator", "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system", "/lib/systemd/system",    "/run/systemd/generator.late"};
static const char *const user_dirs[] = {"/etc/systemd/user", "/run/systemd/user",
                                        "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"};

/* systemd makes a unit of an init script when it starts: in a system that does not run there is none yet. */
#define INIT_SCRIPTS "/etc/init.d"

/* The user's own: where what is configured is, and where programs put units. */
static bool home_dir(unsigned index, char *buf, size_t size)
{
    const char *dir = getenv(index == 0 ? "XDG_CONFIG_HOME" : "XDG_DATA_HOME"), *home = getenv("HOME");
    const char *below = index == 0 ? ".config/" : ".local/share/";
    int len = -1;
    if (dir && dir[0] == '/')
        len = snprintf(buf, size, "%s/systemd/user", dir);
    else if (home && home[0] == '/')
        len = snprintf(buf, size, "%s/%ssystemd/user", home, below);
    return len > 0 && (size_t)len < size;
}

const char *hk_service_dir(const struct hk_service_scope *scope, unsigned index, char *buf, size_t size)
{
    if (scope->user && index < 2)
        return home_dir(index, buf, size) ? buf : NULL;
    index -= scope->user ? 2 : 0;
    if (index >= (scope->user ? HK_COUNT_OF(user_dirs) : HK_COUNT_OF(system_dirs)))
        return NULL;
    int len = snprintf(buf, size, "%s%s", scope->root, scope->user ? user_dirs[index] : system_dirs[index]);
    return len > 0 && (size_t)len < size ? buf : NULL;
}

/* ---- by its files ---- */

/* The first directory that has the name, as a path; false where none has. */
static bool find_file(const struct hk_service_scope *scope, const char *name, char *path, size_t size)
{
    char dir[PATH_MAX];
    struct stat st;
    for (unsigned i = 0; hk_service_dir(scope, i, dir, sizeof dir); i++) {
        int len = snprintf(path, size, "%s/%s", dir, name);
        if (len > 0 && (size_t)len < size && lstat(path, &st) == 0)
            return true;
    }
    return false;
}

/* The name a link leads to, where that is another service's; an instance keeps being one. */
static bool follow_alias(const char *target, char name[HK_SERVICE_NAME_BYTES])
{
    char error[128], whole[HK_SERVICE_NAME_BYTES];
    const char *base = strrchr(target, '/'), *at = strchr(name, '@');
    base = base ? base + 1 : target;
    if (strlen(base) >= HK_SERVICE_NAME_BYTES || strcmp(base, name) == 0 ||
        !hk_service_name(base, whole, error, sizeof error) || strcmp(whole, base) != 0)
        return false;
    if (at && hk_service_is_template(whole)) {
        char made[2 * HK_SERVICE_NAME_BYTES];
        snprintf(made, sizeof made, "%.*s%s", (int)(strchr(whole, '@') - whole), whole, at);
        if (strlen(made) >= HK_SERVICE_NAME_BYTES || strcmp(made, name) == 0)
            return false;
        memcpy(whole, made, strlen(made) + 1);
    }
    memcpy(name, whole, strlen(whole) + 1);
    return true;
}

/* The unit's file, aliases resolved; masked where it is linked to /dev/null or empty. False: there is none.
 */
static bool find_fragment(struct hk_service *unit, const struct hk_service_scope *scope, char *path,
                          size_t size)
{
    char template[HK_SERVICE_NAME_BYTES], target[PATH_MAX - 1], linked[PATH_MAX];
    for (unsigned i = 0; i < ALIASES; i++) {
        bool found = find_file(scope, unit->name, path, size) ||
                     (hk_service_template(unit->name, template) && find_file(scope, template, path, size));
        if (!found)
            return false;
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n < 0)
            break;
        target[n] = '\0';
        if (strcmp(target, "/dev/null") == 0) {
            unit->state = HK_SERVICE_MASKED;
            return true;
        }
        if (follow_alias(target, unit->name))
            continue;
        if (target[0] == '/' && (size_t)snprintf(linked, sizeof linked, "%s%s", scope->root, target) < size)
            snprintf(path, size, "%s", linked);
        break;
    }
    struct stat st;
    if (stat(path, &st) == 0 && st.st_size == 0)
        unit->state = HK_SERVICE_MASKED;
    return true;
}

struct drop_ins {
    char **paths;
    size_t count, capacity;
};

static const char *base_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

static bool has_base(const struct drop_ins *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(base_of(list->paths[i]), name) == 0)
            return true;
    }
    return false;
}

/* Adds what is in NAME.d of every directory; of files of one name the first counts. */
static void gather(struct drop_ins *list, const struct hk_service_scope *scope, const char *name)
{
    char dir[PATH_MAX], path[PATH_MAX];
    for (unsigned i = 0; hk_service_dir(scope, i, dir, sizeof dir); i++) {
        if ((size_t)snprintf(path, sizeof path, "%s/%s.d", dir, name) >= sizeof path)
            continue;
        DIR *stream = opendir(path);
        const struct dirent *entry;
        while (stream && (entry = readdir(stream)) != NULL) {
            size_t len = strlen(entry->d_name);
            char *whole = NULL;
            if (len <= 5 || strcmp(entry->d_name + len - 5, ".conf") != 0 || has_base(list, entry->d_name))
                continue;
            if (asprintf(&whole, "%s/%s", path, entry->d_name) < 0)
                whole = NULL;
            list->paths = hk_grow(list->paths, list->count, &list->capacity, sizeof *list->paths);
            list->paths[list->count++] = hk_need(whole);
        }
        if (stream)
            closedir(stream);
    }
}

static int by_base(const void *a, const void *b)
{
    return strcmp(base_of(*(char *const *)a), base_of(*(char *const *)b));
}

/* Those of its name, of its template, of the beginnings of its name that end in a dash, and of all services.
 */
static void gather_all(struct drop_ins *list, const struct hk_service *unit,
                       const struct hk_service_scope *scope)
{
    char part[HK_SERVICE_NAME_BYTES + 16];
    gather(list, scope, unit->name);
    if (hk_service_template(unit->name, part) && strcmp(part, unit->name) != 0)
        gather(list, scope, part);
    for (size_t len = strcspn(unit->name, "@") - 1; len > 0; len--) {
        if (unit->name[len - 1] != '-' || strcmp(unit->name + len, ".service") == 0)
            continue;
        snprintf(part, sizeof part, "%.*s.service", (int)len, unit->name);
        gather(list, scope, part);
    }
    gather(list, scope, "service");
}

static bool has_init_script(const struct hk_service *unit, const struct hk_service_scope *scope)
{
    char path[PATH_MAX + HK_SERVICE_NAME_BYTES];
    int stem = (int)(strlen(unit->name) - strlen(".service"));
    snprintf(path, sizeof path, "%s" INIT_SCRIPTS "/%.*s", scope->root, stem, unit->name);
    return !scope->user && access(path, X_OK) == 0;
}

static void read_by_files(struct hk_service *unit, const struct hk_service_scope *scope)
{
    char path[PATH_MAX];
    struct drop_ins list = {0};
    bool found = find_fragment(unit, scope, path, sizeof path);
    if (!found)
        unit->state = has_init_script(unit, scope) ? HK_SERVICE_FOUND : HK_SERVICE_MISSING;
    else if (unit->state != HK_SERVICE_MASKED)
        hk_service_add_file(unit, scope, path);
    gather_all(&list, unit, scope);
    if (list.count)
        qsort(list.paths, list.count, sizeof *list.paths, by_base);
    for (size_t i = 0; i < list.count; i++) {
        hk_service_add_file(unit, scope, list.paths[i]);
        free(list.paths[i]);
    }
    free(list.paths);
}

/* ---- by asking ---- */

/* Of a template an instance is asked for, whose name nobody uses. */
static void name_to_ask(const char *name, char buf[HK_SERVICE_NAME_BYTES + 8])
{
    const char *at = strchr(name, '@');
    if (hk_service_is_template(name))
        snprintf(buf, HK_SERVICE_NAME_BYTES + 8, "%.*s@hakmem.service", (int)(at - name), name);
    else
        snprintf(buf, HK_SERVICE_NAME_BYTES + 8, "%s", name);
}

static char *ask(const struct hk_service_scope *scope, const char *name)
{
    char whom[HK_SERVICE_NAME_BYTES + 8];
    const char *argv[] = {
        "systemctl", scope->user ? "--user" : "--system",
        "show",      "--property=LoadState,ActiveState,Id,FragmentPath,DropInPaths,SystemCallFilter",
        "--",        whom,
        NULL};
    int status;
    name_to_ask(name, whom);
    char *text = hk_spawn_read(argv, &status);
    if (text && (status != 0 || !strstr(text, "LoadState="))) {
        free(text);
        text = NULL;
    }
    return text;
}

static void take_state(struct hk_service *unit, const char *value)
{
    unit->state = strcmp(value, "not-found") == 0 ? HK_SERVICE_MISSING
                  : strcmp(value, "masked") == 0  ? HK_SERVICE_MASKED
                                                  : HK_SERVICE_FOUND;
}

static void take_id(struct hk_service *unit, const char *value)
{
    char error[128], name[HK_SERVICE_NAME_BYTES];
    if (!hk_service_is_template(unit->name) && hk_service_name(value, name, error, sizeof error))
        memcpy(unit->name, name, sizeof name);
}

/* What follows a name at the beginning of a line; NULL where it is another's. */
static const char *value_of(const char *line, const char *name)
{
    size_t len = strlen(name);
    return strncmp(line, name, len) == 0 && line[len] == '=' ? line + len + 1 : NULL;
}

struct answer {
    const char *fragment, *drop_ins, *filter;
};

static void take_line(struct hk_service *unit, const char *line, struct answer *answer)
{
    const char *value;
    if ((value = value_of(line, "LoadState")) != NULL)
        take_state(unit, value);
    else if ((value = value_of(line, "ActiveState")) != NULL)
        unit->active = strcmp(value, "inactive") != 0 && strcmp(value, "failed") != 0;
    else if ((value = value_of(line, "Id")) != NULL)
        take_id(unit, value);
    else if ((value = value_of(line, "FragmentPath")) != NULL)
        answer->fragment = value;
    else if ((value = value_of(line, "DropInPaths")) != NULL)
        answer->drop_ins = value;
    else if ((value = value_of(line, "SystemCallFilter")) != NULL)
        answer->filter = value;
}

/* Its files, as systemd lists them; of the system call filter what systemd made of it, groups resolved. */
static bool read_by_asking(struct hk_service *unit, const struct hk_service_scope *scope)
{
    char *text = ask(scope, unit->name), path[PATH_MAX], *rest = NULL;
    struct answer answer = {.fragment = "", .drop_ins = ""};
    if (!text)
        return false;
    unit->answered = true;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        take_line(unit, line, &answer);
    if (unit->state == HK_SERVICE_MISSING && find_fragment(unit, scope, path, sizeof path)) {
        /* A file that systemd has not read yet. */
        unit->state = unit->state == HK_SERVICE_MASKED ? HK_SERVICE_MASKED : HK_SERVICE_FOUND;
        hk_service_add_file(unit, scope, path);
    }
    if (answer.fragment[0] == '/' && unit->state == HK_SERVICE_FOUND)
        hk_service_add_file(unit, scope, answer.fragment);
    while (hk_unit_file_word(&answer.drop_ins, path, sizeof path))
        hk_service_add_file(unit, scope, path);
    if (answer.filter) {
        hk_service_set(unit, HK_SERVICE_SYSTEM_CALL_FILTER, answer.filter);
        unit->filter_expanded = true;
    }
    free(text);
    return true;
}

void hk_service_read(struct hk_service *unit, const struct hk_service_scope *scope, const char *name)
{
    *unit = (struct hk_service){.state = HK_SERVICE_FOUND, .active = true};
    snprintf(unit->name, sizeof unit->name, "%s", name);
    if (scope->root[0] || !read_by_asking(unit, scope))
        read_by_files(unit, scope);
    hk_service_add_environment_files(unit, scope);
}

void hk_service_free(struct hk_service *unit)
{
    for (unsigned i = 0; i < HK_SERVICE_KEYS; i++)
        free(unit->values[i]);
    free(unit->preload);
    free(unit->preload_from);
    free(unit->preload_file);
}
