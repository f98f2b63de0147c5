/*
 * cmd_enable.c - hakmemctl enable and disable: whether systemd services run on hakmem.
 *
 * They write and remove files and ask systemd about units; no daemon of ours is needed, and nothing is
 * restarted.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/install_paths.h"
#include "ctl/base/spawn.h"
#include "ctl/base/terminal_text.h"
#include "ctl/client/find_daemon.h"
#include "ctl/commands.h"
#include "ctl/service/drop_in.h"
#include "ctl/service/service.h"
#include "ctl/service/service_check.h"
#include "ctl/service/service_list.h"
#include "ctl/session.h"

/* What is common to all units of a command line. */
struct work {
    struct hk_session *session;
    struct hk_service_scope scope;
    char root[PATH_MAX];
    char library[PATH_MAX];
    char runtime_dir[HK_RUNTIME_DIR_MAX + 1]; /* "": the usual one */
    bool changed;
    bool unasked;    /* systemd could not be asked */
    char **restarts; /* units to restart, as systemctl takes them */
    size_t restart_count, restart_capacity;
};

HK_PRINTF(2, 3) static void print(const struct work *work, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    char *text = hk_format(format, values);
    va_end(values);
    char *clean = hk_terminal_text_clean(text);
    fprintf(work->session->out.file, "%s\n", clean);
    free(clean);
    free(text);
}

/* ---- before any unit ---- */

static int find_root(struct work *work)
{
    const struct hk_args *args = work->session->args;
    struct stat st;
    work->scope = (struct hk_service_scope){.root = work->root, .user = args->own_units};
    if (!args->root)
        return HK_EXIT_OK;
    if (!realpath(args->root, work->root) || stat(work->root, &st) != 0 || !S_ISDIR(st.st_mode)) {
        hk_error("--root: '%s': %s", args->root, errno ? strerror(errno) : "not a directory");
        return HK_EXIT_USAGE;
    }
    if (strcmp(work->root, "/") == 0)
        work->root[0] = '\0';
    return HK_EXIT_OK;
}

/* The library that was named, as the services see it. */
static bool take_library(struct work *work, const char *chosen, char *error, size_t size)
{
    char path[2 * PATH_MAX];
    struct stat st;
    int len = snprintf(work->library, sizeof work->library, "%s", chosen);
    snprintf(path, sizeof path, "%s%s", work->root, chosen);
    if (len > 0 && (size_t)len < sizeof work->library && stat(path, &st) == 0 && S_ISREG(st.st_mode))
        return true;
    snprintf(error, size, "--library: there is no file '%.300s'%s%.300s", chosen, work->root[0] ? " in " : "",
             work->root);
    return false;
}

static int find_library(struct work *work)
{
    const char *chosen = work->session->args->library;
    char error[PATH_MAX + 256] = "";
    bool found;
    if (chosen) {
        found = take_library(work, chosen, error, sizeof error);
    } else if (work->root[0]) {
        found = hk_install_path_library_below(work->root, work->library, sizeof work->library);
        snprintf(error, sizeof error, "hakmem is not installed in %.300s; --library may name the library",
                 work->root);
    } else {
        found = hk_install_path_library(work->library, sizeof work->library, error, sizeof error);
    }
    found = found && hk_install_path_is_preloadable(work->library, error, sizeof error);
    if (!found)
        hk_error("%s", error);
    return found ? HK_EXIT_OK : HK_EXIT_PARTLY;
}

static int find_runtime_dir(struct work *work)
{
    const char *chosen = work->session->args->runtime_dir;
    int error = chosen ? hk_absolute_dir(chosen, work->runtime_dir, sizeof work->runtime_dir) : 0;
    if (error)
        hk_error("--runtime-dir: '%s': %s", chosen, strerror(error));
    return error ? HK_EXIT_USAGE : HK_EXIT_OK;
}

/* ---- one unit ---- */

static void note_restart(struct work *work, const struct hk_service *unit)
{
    char *name = NULL;
    work->changed = true;
    if (!unit->active || unit->state != HK_SERVICE_FOUND)
        return;
    const char *at = strchr(unit->name, '@');
    int made = hk_service_is_template(unit->name)
                   ? asprintf(&name, "'%.*s@*.service'", (int)(at - unit->name), unit->name)
                   : asprintf(&name, strchr(unit->name, '\\') ? "'%s'" : "%s", unit->name);
    work->restarts = hk_grow(work->restarts, work->restart_count, &work->restart_capacity,
                             sizeof *work->restarts);
    work->restarts[work->restart_count++] = made < 0 ? hk_need(NULL) : hk_need(name);
}

static int show_failure(enum hk_drop_in_result result, const struct hk_service *unit, const char *path,
                        const char *what)
{
    if (result == HK_DROP_IN_FOREIGN)
        hk_error("%s: %s was not written by hakmemctl enable, or has been changed since: left as it is",
                 unit->name, path);
    else
        hk_error("%s: cannot %s %s: %s", unit->name, what, path, strerror(errno));
    return HK_EXIT_PARTLY;
}

static const char *other_preload(const struct work *work, const struct hk_service *unit)
{
    return unit->preload && strcmp(unit->preload, work->library) != 0 ? unit->preload : NULL;
}

static int write_drop_in(struct work *work, const struct hk_service *unit)
{
    const struct hk_args *args = work->session->args;
    const struct hk_drop_in drop_in = {.library = work->library,
                                       .preload = other_preload(work, unit),
                                       .runtime_dir = work->runtime_dir[0] ? work->runtime_dir : NULL,
                                       .label = args->label,
                                       .tunes = args->tunes,
                                       .tune_count = args->tune_count};
    char path[PATH_MAX], *text = hk_drop_in_text(&drop_in, unit->name);
    enum hk_drop_in_result result = hk_drop_in_write(&work->scope, unit->name, text, path);
    free(text);
    if (result == HK_DROP_IN_SAME) {
        print(work, "%s: is enabled already, by %s", unit->name, path);
        return HK_EXIT_OK;
    }
    if (result != HK_DROP_IN_DONE)
        return show_failure(result, unit, path, "write");
    print(work, "%s: wrote %s", unit->name, path);
    if (drop_in.preload)
        print(work, "%s: %s preloads %s; both are preloaded now", unit->name, unit->preload_from,
              drop_in.preload);
    note_restart(work, unit);
    return HK_EXIT_OK;
}

/* Says that there is no such service, which was probably meant, and what else can be done. */
static int no_service(const struct work *work, const struct hk_service *unit, const char *advice)
{
    char near[HK_SERVICE_NAME_BYTES];
    bool found = hk_service_nearest(&work->scope, unit->name, near);
    hk_error("%s: there is no such %sservice%s%s%s%s%s", unit->name, work->scope.user ? "user " : "",
             work->root[0] ? " in " : "", work->root, found ? "; nearest: " : "", found ? near : "", advice);
    return HK_EXIT_PARTLY;
}

static int enable_one(struct work *work, const char *name)
{
    const struct hk_args *args = work->session->args;
    struct hk_service unit;
    int status;
    hk_service_read(&unit, &work->scope, name);
    work->unasked |= !unit.answered;
    if (strcmp(unit.name, name) != 0)
        print(work, "%s: is a name of %s", name, unit.name);
    const char *dir = work->runtime_dir[0] ? work->runtime_dir : HK_RUNTIME_DIR_SYSTEM;
    if (unit.state == HK_SERVICE_MISSING && !args->force) {
        status = no_service(work, &unit, "; --force enables it before it comes");
    } else if (hk_service_check(&unit, &work->scope, work->library, dir, args->force) || args->force) {
        status = write_drop_in(work, &unit);
    } else {
        hk_error("%s: not enabled, since it would not start; --force does it all the same", unit.name);
        status = HK_EXIT_PARTLY;
    }
    hk_service_free(&unit);
    return status;
}

static int disable_one(struct work *work, const char *name)
{
    struct hk_service unit;
    char path[PATH_MAX];
    hk_service_read(&unit, &work->scope, name);
    work->unasked |= !unit.answered;
    enum hk_drop_in_result result = hk_drop_in_remove(&work->scope, unit.name, path);
    /* What was enabled before the name became an alias. */
    if (result == HK_DROP_IN_SAME && strcmp(unit.name, name) != 0)
        result = hk_drop_in_remove(&work->scope, name, path);
    int status = HK_EXIT_OK;
    if (result == HK_DROP_IN_SAME && unit.state == HK_SERVICE_MISSING) {
        status = no_service(work, &unit, "");
    } else if (result == HK_DROP_IN_SAME) {
        print(work, "%s: is not enabled", unit.name);
    } else if (result != HK_DROP_IN_DONE) {
        status = show_failure(result, &unit, path, "remove");
    } else {
        print(work, "%s: removed %s", unit.name, path);
        note_restart(work, &unit);
    }
    hk_service_free(&unit);
    return status;
}

/* ---- after all of them ---- */

static int reload(struct work *work)
{
    const char *argv[] = {"systemctl", work->scope.user ? "--user" : "--system", "daemon-reload", NULL};
    int status = 0;
    char *text = hk_spawn_read(argv, &status);
    bool done = text && status == 0;
    free(text);
    if (done)
        print(work, "systemd has read its units again");
    else
        hk_error("systemd could not be told to read its units again: systemctl %s daemon-reload", argv[1]);
    return done ? HK_EXIT_OK : HK_EXIT_PARTLY;
}

/* What is to be done for it to take effect. */
static int finish(struct work *work)
{
    const char *user = work->scope.user ? " --user" : "";
    int status = HK_EXIT_OK;
    bool reloaded = false;
    if (work->session->args->reload) {
        status = reload(work);
        reloaded = status == HK_EXIT_OK;
    }
    if (work->changed && work->root[0]) {
        print(work, "it takes effect when %s is booted", work->root);
    } else if (work->changed && (!reloaded || work->restart_count)) {
        print(work, "for it to take effect:");
        if (!reloaded)
            print(work, "  systemctl%s daemon-reload", user);
        for (size_t i = 0; i < work->restart_count; i++)
            print(work, "  systemctl%s restart %s", user, work->restarts[i]);
    }
    for (size_t i = 0; i < work->restart_count; i++)
        free(work->restarts[i]);
    free(work->restarts);
    return status;
}

static int each_unit(struct work *work, int (*one)(struct work *work, const char *name))
{
    const struct hk_args *args = work->session->args;
    int status = HK_EXIT_OK;
    for (size_t i = 0; i < args->unit_count; i++) {
        if (one(work, args->units[i]) != HK_EXIT_OK)
            status = HK_EXIT_PARTLY;
    }
    if (work->unasked && !work->root[0])
        hk_warning("systemd cannot be asked here (systemctl does not answer): only unit files were read");
    int finished = finish(work);
    return status != HK_EXIT_OK ? status : finished;
}

int hk_cmd_enable(struct hk_session *session)
{
    struct work work = {.session = session};
    int status = find_root(&work);
    if (status == HK_EXIT_OK)
        status = find_runtime_dir(&work);
    if (status == HK_EXIT_OK)
        status = find_library(&work);
    return status == HK_EXIT_OK ? each_unit(&work, enable_one) : status;
}

int hk_cmd_disable(struct hk_session *session)
{
    struct work work = {.session = session};
    int status = find_root(&work);
    return status == HK_EXIT_OK ? each_unit(&work, disable_one) : status;
}
