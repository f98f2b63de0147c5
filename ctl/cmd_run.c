/*
 * cmd_run.c - hakmemctl run: becomes a program that runs on hakmem.
 *
 * There is no process between the caller and the program: its pid, terminal, signals and exit status are its
 * own. A private daemon is the keeper's to end (private_daemon.h).
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/install_paths.h"
#include "ctl/client/find_daemon.h"
#include "ctl/client/preload_env.h"
#include "ctl/client/private_daemon.h"
#include "ctl/commands.h"
#include "ctl/program/program_report.h"
#include "ctl/session.h"

/* The directory of the daemon that will see the program. */
struct runtime {
    char dir[HK_RUNTIME_DIR_MAX + 1];
    bool made; /* by us, for a private daemon */
};

static const char *reason(int error)
{
    return strerror(error);
}

/* Whether the daemon that was connected to really answers. */
static bool answers(struct hk_connection *connection)
{
    struct hk_call_error error;
    cJSON *result = NULL;
    enum hk_call_status call = hk_connection_call(connection, "info", NULL, HK_CONNECTION_PATIENCE_MS,
                                                  &result, &error);
    if (call == HK_CALL_OK)
        cJSON_Delete(result);
    else if (call == HK_CALL_REFUSED)
        cJSON_Delete(error.object);
    else
        hk_verbose("%s", error.message);
    return call != HK_CALL_LOST;
}

static bool find_running(struct runtime *runtime, const char *chosen)
{
    struct hk_daemon_search search;
    struct hk_connection connection;
    bool found = hk_find_daemon(&search, chosen, &connection) && answers(&connection);
    if (found)
        memcpy(runtime->dir, connection.dir, sizeof runtime->dir);
    hk_connection_close(&connection);
    return found;
}

/* ---- a private daemon ---- */

/* A new directory in $TMPDIR if its path is short enough for a socket's address, else in /tmp. */
static bool make_temporary(struct runtime *runtime)
{
    static const char name[] = "hakmem-run-XXXXXX";
    const char *tmp = getenv("TMPDIR");
    if (!tmp || tmp[0] != '/' || strlen(tmp) + 1 + sizeof name > HK_RUNTIME_DIR_MAX)
        tmp = "/tmp";
    snprintf(runtime->dir, sizeof runtime->dir, "%s/%s", tmp, name);
    runtime->made = mkdtemp(runtime->dir) != NULL;
    if (!runtime->made)
        hk_error("cannot make a directory for a private daemon in %s: %s", tmp, reason(errno));
    return runtime->made;
}

/* The directory asked for: made if it is not there. */
static bool make_chosen(struct runtime *runtime, const char *dir)
{
    snprintf(runtime->dir, sizeof runtime->dir, "%s", dir);
    runtime->made = mkdir(dir, 0700) == 0;
    if (!runtime->made && errno != EEXIST) {
        hk_error("--runtime-dir: cannot make %s: %s", dir, reason(errno));
        return false;
    }
    int error = hk_runtime_dir_check(dir, geteuid());
    if (error)
        hk_error("--runtime-dir: %s: %s", dir,
                 error == EPERM ? "neither yours nor root's, or others may write to it" : reason(error));
    return error == 0;
}

static int start_private(struct runtime *runtime, const char *chosen)
{
    char hakmemd[PATH_MAX], error[4096];
    if (!hk_install_path_daemon(hakmemd, sizeof hakmemd)) {
        hk_error("no hakmemd answers, and none to start is beside hakmemctl, installed or in PATH");
        return HK_EXIT_NO_DAEMON;
    }
    if (!(chosen ? make_chosen(runtime, chosen) : make_temporary(runtime)))
        return HK_EXIT_NO_DAEMON;
    if (!hk_private_daemon_start(hakmemd, runtime->dir, runtime->made, error, sizeof error)) {
        hk_error("%s", error);
        return HK_EXIT_NO_DAEMON;
    }
    hk_verbose("a private daemon (%s) in %s\nreach it with: hakmemctl --runtime-dir %s list", hakmemd,
               runtime->dir, runtime->dir);
    return HK_EXIT_OK;
}

static int get_daemon(struct hk_session *session)
{
    const char *chosen = session->args->runtime_dir;
    struct runtime runtime = {.dir = ""};
    char dir[HK_RUNTIME_DIR_MAX + 1];
    int error = chosen ? hk_absolute_dir(chosen, dir, sizeof dir) : 0;
    if (error) {
        hk_error("--runtime-dir: '%s': %s", chosen, reason(error));
        return HK_EXIT_USAGE;
    }
    chosen = chosen ? dir : NULL;
    if (find_running(&runtime, chosen)) {
        hk_verbose("the daemon in %s", runtime.dir);
    } else {
        int status = start_private(&runtime, chosen);
        if (status != HK_EXIT_OK)
            return status;
    }
    setenv(HK_RUNTIME_DIR_ENV, runtime.dir, 1);
    return HK_EXIT_OK;
}

/* ---- the program ---- */

/* Who runs it: what the program will be started with is what this process has. */
static struct hk_program_context context_of(const char *library)
{
    return (struct hk_program_context){.root = "",
                                       .library = library,
                                       .search = getenv("PATH"),
                                       .library_path = getenv("LD_LIBRARY_PATH"),
                                       .uid = geteuid(),
                                       .gid = getegid(),
                                       .no_new_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1};
}

/* What can be known beforehand is said before anything is started for it. */
static int check_preload(const char *path, const char *library, bool forced)
{
    struct hk_program *program = hk_need(malloc(sizeof *program));
    struct hk_program_context context = context_of(library);
    hk_program_inspect(program, &context, path);
    /* Without a first line of its own execvp() gives it to the shell. */
    if (program->count == 1 && program->found[0].id == HK_PROGRAM_NO_PROGRAM && !program->found[0].about[0])
        hk_program_inspect(program, &context, "/bin/sh");
    bool starts = hk_program_report(program, NULL, path, forced);
    free(program);
    if (!starts && !forced)
        hk_error("not started; --force starts it all the same");
    return starts || forced ? HK_EXIT_OK : HK_EXIT_CANNOT_EXECUTE;
}

/* Arguments as a line; blanks in one of them are none between two, but in what env splits. */
static char *line_of(char *const *arguments)
{
    char *line = hk_need(strdup(""));
    bool is_split = false; /* the word before says so */
    for (; *arguments; arguments++) {
        char *longer = NULL, *word = hk_need(strdup(*arguments));
        bool splits = is_split || strncmp(word, "-S", 2) == 0 || strncmp(word, "--split-string=", 15) == 0;
        is_split = strcmp(word, "-S") == 0;
        for (char *c = word; *c; c++)
            *c = !splits && (*c == ' ' || *c == '\t') ? '_' : *c;
        if (asprintf(&longer, "%s%s%s", line, line[0] ? " " : "", word) < 0)
            longer = hk_need(NULL);
        free(word);
        free(line);
        line = longer;
    }
    return line;
}

/* The same of the program that env is to start. */
static int check_behind_env(const char *path, char *const *arguments, const char *library, bool forced)
{
    char behind[PATH_MAX], *line = line_of(arguments);
    struct hk_program_context context = context_of(library);
    bool is_known = hk_program_started_by_env(&context, path, line, behind);
    free(line);
    return is_known ? check_preload(behind, library, forced) : HK_EXIT_OK;
}

/* Not found or not executable is said before anything is started for it. */
static int find_program(const char *name, char path[PATH_MAX])
{
    int error = hk_install_path_search(name, path, PATH_MAX);
    if (error) {
        hk_error("run: %s: %s", name, error == ENOENT ? "not found" : "cannot be executed");
        return error == ENOENT ? HK_EXIT_NOT_FOUND : HK_EXIT_CANNOT_EXECUTE;
    }
    return HK_EXIT_OK;
}

int hk_cmd_run(struct hk_session *session)
{
    const struct hk_args *args = session->args;
    char library[PATH_MAX], path[PATH_MAX], error[PATH_MAX + 256];
    int status = find_program(args->program[0], path);
    if (status != HK_EXIT_OK)
        return status;
    if (!hk_install_path_library(library, sizeof library, error, sizeof error)) {
        hk_error("%s", error);
        return HK_EXIT_PARTLY;
    }
    status = check_preload(path, library, args->force);
    if (status == HK_EXIT_OK)
        status = check_behind_env(path, args->program + 1, library, args->force);
    if (status == HK_EXIT_OK)
        status = get_daemon(session);
    if (status != HK_EXIT_OK)
        return status;
    hk_verbose("preloading %s", library);
    hk_preload_library(library);
    hk_preload_tunes((const char *const *)args->tunes, args->tune_count);
    if (args->label)
        setenv("HAKMEM_LABEL", args->label, 1);
    execvp(args->program[0], args->program);
    hk_error("run: %s: %s", args->program[0], reason(errno));
    return errno == ENOENT ? HK_EXIT_NOT_FOUND : HK_EXIT_CANNOT_EXECUTE;
}
