/* service_program.c - see service_program.h. */
#include "ctl/service/service_program.h"

#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/service/unit_file.h"

/* Where systemd looks for a program without a slash. */
#define SEARCH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Stands for a user that is not known here: nobody in particular, and not root. */
#define SOMEBODY 65534

/* The last assignment: what counts where a setting has one value. */
static const char *last_of(const char *values)
{
    const char *newline = values ? strrchr(values, '\n') : NULL;
    return newline ? newline + 1 : values;
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* As who the service runs. */
static void find_user(const struct hk_service *unit, const struct hk_service_scope *scope,
                      struct hk_program_context *context)
{
    const char *user = last_of(unit->values[HK_SERVICE_USER]);
    const struct passwd *known = NULL;
    context->uid = scope->user ? geteuid() : 0;
    context->gid = scope->user ? getegid() : 0;
    if (unit->values[HK_SERVICE_DYNAMIC_USER] &&
        hk_unit_file_is_on(last_of(unit->values[HK_SERVICE_DYNAMIC_USER])))
        context->uid = context->gid = SOMEBODY;
    if (!user || scope->user || strcmp(user, "root") == 0 || strcmp(user, "0") == 0)
        return;
    if (!scope->root[0])
        known = is_number(user) ? getpwuid((uid_t)strtoul(user, NULL, 10)) : getpwnam(user);
    context->uid = known ? known->pw_uid : SOMEBODY;
    context->gid = known ? known->pw_gid : SOMEBODY;
}

/* arguments: what follows the command, words between blanks. */
static void inspect(const struct hk_program_context *context, const char *command, const char *arguments,
                    bool privileged,
                    void (*visit)(void *arg, const char *name, const struct hk_program *program), void *arg)
{
    struct hk_program_context as = *context;
    struct hk_program *program = hk_need(malloc(sizeof *program));
    char path[PATH_MAX], behind[PATH_MAX];
    if (privileged)
        as.uid = as.gid = 0;
    if (strchr(command, '/'))
        snprintf(path, sizeof path, "%s", command);
    else
        hk_program_find(&as, command, path);
    if (path[0] == '/') {
        hk_program_inspect(program, &as, path);
        visit(arg, path, program);
        if (hk_program_started_by_env(&as, path, arguments, behind)) {
            hk_program_inspect(program, &as, behind);
            visit(arg, behind, program);
        }
    }
    free(program);
}

void hk_service_each_program(const struct hk_service *unit, const struct hk_service_scope *scope,
                             const char *library,
                             void (*visit)(void *arg, const char *name, const struct hk_program *program),
                             void *arg)
{
    char word[PATH_MAX], root[2 * PATH_MAX], preloaded[2 * PATH_MAX], *rest = NULL;
    const char *below = last_of(unit->values[HK_SERVICE_ROOT_DIRECTORY]);
    const char *no_new = last_of(unit->values[HK_SERVICE_NO_NEW_PRIVILEGES]);
    snprintf(root, sizeof root, "%s%s", scope->root, below && strcmp(below, "/") != 0 ? below : "");
    snprintf(preloaded, sizeof preloaded, "%s%s", scope->root, library);
    struct hk_program_context context = {.root = root,
                                         .library = preloaded,
                                         .search = SEARCH,
                                         .no_new_privileges = no_new && hk_unit_file_is_on(no_new)};
    if (!unit->values[HK_SERVICE_EXEC_START])
        return;
    find_user(unit, scope, &context);
    char *lines = hk_need(strdup(unit->values[HK_SERVICE_EXEC_START]));
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *at = line;
        if (!hk_unit_file_word(&at, word, sizeof word))
            continue;
        size_t marks = strspn(word, "@-:+!|");
        const char *command = word + marks;
        if (command[0] && !strchr(command, '%') && command[0] != '$')
            inspect(&context, command, at, memchr(word, '+', marks) || memchr(word, '!', marks), visit, arg);
    }
    free(lines);
}
