/* service_check.c - see service_check.h. */
#include "ctl/service/service_check.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/error_report.h"
#include "ctl/program/program_report.h"
#include "ctl/service/service_program.h"
#include "ctl/service/syscall_filter.h"
#include "ctl/service/unit_file.h"

/* A unit and what the service needs to reach. */
struct check {
    const struct hk_service *unit;
    const struct hk_service_scope *scope;
    const char *library, *runtime_dir;
    bool forced;
};

static void warn(const struct check *check, const char *text)
{
    hk_warning("%s: %s", check->unit->name, text);
}

/* ---- system calls ---- */

/* The names of some calls, blanks between, to be freed. */
static char *list_calls(uint64_t mask)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = hk_need(open_memstream(&text, &size));
    for (unsigned i = 0; i < hk_syscall_count(); i++) {
        if (mask >> i & 1)
            fprintf(out, "%s%s", mask & ((UINT64_C(1) << i) - 1) ? " " : "", hk_syscall_name(i));
    }
    fclose(out);
    return hk_need(text);
}

static uint64_t calls_for(enum hk_syscall_purpose why)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < hk_syscall_count(); i++)
        mask |= hk_syscall_purpose(i) == why ? UINT64_C(1) << i : 0;
    return mask;
}

static const char *what_is_lost(uint64_t refused)
{
    if (refused & calls_for(HK_SYSCALL_FOR_MEMORY))
        return "it gives less memory back, or none";
    return refused & calls_for(HK_SYSCALL_FOR_HELLO) ? "it will not be seen, nor can it be tuned"
                                                     : "messages on misuse, or /etc/hakmem/tune, are missing";
}

static bool check_calls(const struct check *check)
{
    const struct hk_service *unit = check->unit;
    const char *filter = unit->values[HK_SERVICE_SYSTEM_CALL_FILTER];
    struct hk_syscall_filter_result filtered = hk_syscall_filter(filter, unit->filter_expanded,
                                                                 unit->values[HK_SERVICE_SYSTEM_CALL_ERROR]);
    filtered.killed &= ~calls_for(HK_SYSCALL_FOR_OLD);
    filtered.refused &= ~calls_for(HK_SYSCALL_FOR_OLD);
    char *killed = list_calls(filtered.killed), *refused = list_calls(filtered.refused);
    if (filtered.unknown)
        warn(
            check,
            "its SystemCallFilter= names groups of calls that only systemd-analyze knows, which cannot be run "
            "here: whether it lets hakmem's calls through is not checked");
    if (filtered.killed)
        hk_warning("%s: its SystemCallFilter= would end it at its first call of: %s\nadd to the unit: "
                   "SystemCallFilter=%s",
                   unit->name, killed, killed);
    if (filtered.refused)
        hk_warning("%s: its SystemCallFilter= refuses: %s\nit runs on hakmem, but %s; to mend it, add to the "
                   "unit: SystemCallFilter=%s",
                   unit->name, refused, what_is_lost(filtered.refused), refused);
    free(killed);
    free(refused);
    return filtered.killed == 0;
}

/* ---- the socket ---- */

static bool has_word(const char *values, const char *wanted)
{
    char word[256];
    while (values && hk_unit_file_word(&values, word, sizeof word)) {
        if (strcmp(word, wanted) == 0)
            return true;
    }
    return false;
}

/* As systemd reads it: the first assignment decides what kind of list it is, "none" allows nothing. */
static bool allows_unix(const char *values)
{
    bool decided = false, allow_list = false, listed = false;
    char *copy = values ? hk_need(strdup(values)) : NULL, *rest = NULL;
    for (char *line = copy ? strtok_r(copy, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
        bool inverted = line[0] == '~';
        bool named = has_word(line + inverted, "AF_UNIX") || has_word(line + inverted, "AF_LOCAL");
        if (!decided)
            allow_list = !inverted;
        decided = true;
        if (strcmp(line, "none") == 0)
            allow_list = true, listed = false;
        else if (named)
            listed = inverted != allow_list;
    }
    free(copy);
    return !decided || allow_list == listed;
}

static void check_families(const struct check *check)
{
    if (!allows_unix(check->unit->values[HK_SERVICE_ADDRESS_FAMILIES]))
        warn(
            check,
            "its RestrictAddressFamilies= leaves AF_UNIX out: it runs on hakmem, but will not be seen, nor can "
            "it be tuned\nto mend it, add to the unit: RestrictAddressFamilies=AF_UNIX");
}

/* ---- files ---- */

static bool is_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0' || len == 1);
}

/* Whether one of the paths in a list, each perhaps with marks before and ":..." behind, holds the path. */
static bool covers(const char *values, const char *path)
{
    char word[PATH_MAX];
    while (values && hk_unit_file_word(&values, word, sizeof word)) {
        const char *dir = word + strspn(word, "-+");
        word[strcspn(word, ":")] = '\0';
        if (dir[0] == '/' && is_below(path, dir))
            return true;
    }
    return false;
}

/* Whether a directory is mounted at, or above, the path: SOURCE[:DESTINATION[:OPTIONS]] each. */
static bool is_bound(const char *values, const char *path)
{
    char word[PATH_MAX];
    while (values && hk_unit_file_word(&values, word, sizeof word)) {
        char *source = word + strspn(word, "-"), *target = strchr(source, ':');
        target = target ? target + 1 : source;
        target[strcspn(target, ":")] = '\0';
        if (target[0] == '/' && is_below(path, target))
            return true;
    }
    return false;
}

/* The last line: what counts where a setting has one value. */
static const char *last_of(const char *values)
{
    const char *newline = values ? strrchr(values, '\n') : NULL;
    return newline ? newline + 1 : values;
}

static const char *hidden_by(const struct check *check, const char *path)
{
    char *const *values = check->unit->values;
    const char *home = last_of(values[HK_SERVICE_PROTECT_HOME]);
    const char *own_tmp = last_of(values[HK_SERVICE_PRIVATE_TMP]);
    if (is_bound(values[HK_SERVICE_BIND], path) || is_bound(values[HK_SERVICE_BIND_READ_ONLY], path))
        return NULL;
    if (covers(values[HK_SERVICE_INACCESSIBLE], path))
        return "InaccessiblePaths=";
    if (covers(values[HK_SERVICE_TEMPORARY], path))
        return "TemporaryFileSystem=";
    if (home && (hk_unit_file_is_on(home) || strcmp(home, "tmpfs") == 0) &&
        (is_below(path, "/home") || is_below(path, "/root") || is_below(path, "/run/user")))
        return "ProtectHome=";
    if (own_tmp && hk_unit_file_is_on(own_tmp) && (is_below(path, "/tmp") || is_below(path, "/var/tmp")))
        return "PrivateTmp=";
    if (values[HK_SERVICE_ROOT_IMAGE])
        return "RootImage=";
    const char *root = last_of(values[HK_SERVICE_ROOT_DIRECTORY]);
    char inside[2 * PATH_MAX];
    snprintf(inside, sizeof inside, "%s%s%s", check->scope->root, root ? root : "", path);
    return root && strcmp(root, "/") != 0 && access(inside, F_OK) != 0 ? "RootDirectory=" : NULL;
}

/* Whether any user may load it: services seldom run as who has built or installed it. */
static bool is_for_all(const char *root, const char *library)
{
    char path[2 * PATH_MAX];
    struct stat st;
    size_t len = strlen(root);
    snprintf(path, sizeof path, "%s%s", root, library);
    if (stat(path, &st) != 0 || !(st.st_mode & S_IROTH))
        return false;
    for (char *slash = strrchr(path, '/'); slash && (size_t)(slash - path) > len;
         slash = strrchr(path, '/')) {
        *slash = '\0';
        if (stat(path, &st) != 0 || !(st.st_mode & S_IXOTH))
            return false;
    }
    return true;
}

static void check_paths(const struct check *check)
{
    char *const *values = check->unit->values;
    const char *by = hidden_by(check, check->library);
    if (by)
        hk_warning("%s: its %s hides %s: it would run without hakmem\nto mend it, add to the unit: "
                   "BindReadOnlyPaths=%s",
                   check->unit->name, by, check->library, check->library);
    else if (covers(values[HK_SERVICE_NO_EXEC], check->library) &&
             !covers(values[HK_SERVICE_EXEC], check->library))
        hk_warning("%s: its NoExecPaths= forbids to load %s\nto mend it, add to the unit: ExecPaths=%s",
                   check->unit->name, check->library, check->library);
    else if (!is_for_all(check->scope->root, check->library))
        hk_warning("%s: %s cannot be read by every user: where the service's cannot, it runs without hakmem",
                   check->unit->name, check->library);
    by = hidden_by(check, check->runtime_dir);
    if (by)
        hk_warning(
            "%s: its %s hides %s: it runs on hakmem, but will not be seen, nor can it be tuned\nto mend it, add "
            "to the unit: BindReadOnlyPaths=%s",
            check->unit->name, by, check->runtime_dir, check->runtime_dir);
}

/* ---- the program and its environment ---- */

struct programs {
    const struct check *check;
    bool harmed;
};

static void check_program(void *arg, const char *name, const struct hk_program *program)
{
    struct programs *programs = arg;
    programs->harmed |= !hk_program_report(program, programs->check->unit->name, name,
                                           programs->check->forced);
}

static bool check_programs(const struct check *check)
{
    struct programs programs = {.check = check};
    hk_service_each_program(check->unit, check->scope, check->library, check_program, &programs);
    return !programs.harmed;
}

static void check_preload(const struct check *check)
{
    const struct hk_service *unit = check->unit;
    const char *file = unit->preload_file   ? unit->preload_file
                       : unit->preload_wins ? unit->preload_from
                                            : NULL;
    if (file)
        hk_warning(
            "%s: %s sets LD_PRELOAD, too, and is read later: it would run without hakmem\nto mend it, add "
            "%s to what is set there",
            unit->name, file, check->library);
    if (has_word(unit->values[HK_SERVICE_UNSET_ENVIRONMENT], "LD_PRELOAD"))
        warn(check, "its UnsetEnvironment= takes LD_PRELOAD away: it would run without hakmem");
}

bool hk_service_check(const struct hk_service *unit, const struct hk_service_scope *scope,
                      const char *library, const char *runtime_dir, bool forced)
{
    const struct check check = {
        .unit = unit, .scope = scope, .library = library, .runtime_dir = runtime_dir, .forced = forced};
    if (unit->state == HK_SERVICE_MISSING)
        warn(&check, "there is no such service here; it will run on hakmem once there is");
    else if (unit->state == HK_SERVICE_MASKED)
        warn(&check, "it is masked: it does not run at all");
    check_preload(&check);
    bool starts = check_programs(&check);
    check_families(&check);
    check_paths(&check);
    return check_calls(&check) && starts;
}
