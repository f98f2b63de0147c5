/* service_read.c - see service_read.h. */
#include "ctl/service/service_read.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/service/unit_file.h"

#define FILE_MOST  (1 << 20)
#define WORD_BYTES 4096

static const char *const keys[HK_SERVICE_KEYS] = {
    [HK_SERVICE_EXEC_START] = "ExecStart",
    [HK_SERVICE_ENVIRONMENT_FILE] = "EnvironmentFile",
    [HK_SERVICE_UNSET_ENVIRONMENT] = "UnsetEnvironment",
    [HK_SERVICE_SYSTEM_CALL_FILTER] = "SystemCallFilter",
    [HK_SERVICE_SYSTEM_CALL_ERROR] = "SystemCallErrorNumber",
    [HK_SERVICE_ADDRESS_FAMILIES] = "RestrictAddressFamilies",
    [HK_SERVICE_ROOT_DIRECTORY] = "RootDirectory",
    [HK_SERVICE_ROOT_IMAGE] = "RootImage",
    [HK_SERVICE_INACCESSIBLE] = "InaccessiblePaths",
    [HK_SERVICE_TEMPORARY] = "TemporaryFileSystem",
    [HK_SERVICE_BIND] = "BindPaths",
    [HK_SERVICE_BIND_READ_ONLY] = "BindReadOnlyPaths",
    [HK_SERVICE_NO_EXEC] = "NoExecPaths",
    [HK_SERVICE_EXEC] = "ExecPaths",
    [HK_SERVICE_PROTECT_HOME] = "ProtectHome",
    [HK_SERVICE_PRIVATE_TMP] = "PrivateTmp",
    [HK_SERVICE_USER] = "User",
    [HK_SERVICE_DYNAMIC_USER] = "DynamicUser",
    [HK_SERVICE_NO_NEW_PRIVILEGES] = "NoNewPrivileges",
};

char *hk_service_read_file(int at, const char *path)
{
    struct stat st;
    int fd = openat(at, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MOST) {
        close(fd);
        errno = EINVAL;
        return NULL;
    }
    char *text = hk_need(malloc((size_t)st.st_size + 1));
    ssize_t n = read(fd, text, (size_t)st.st_size);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

void hk_service_set(struct hk_service *unit, enum hk_service_key key, const char *value)
{
    free(unit->values[key]);
    unit->values[key] = value[0] ? hk_need(strdup(value)) : NULL;
}

static void append(struct hk_service *unit, enum hk_service_key key, const char *value)
{
    char *longer = NULL;
    if (!unit->values[key]) {
        hk_service_set(unit, key, value);
        return;
    }
    if (asprintf(&longer, "%s\n%s", unit->values[key], value) < 0)
        longer = NULL;
    free(unit->values[key]);
    unit->values[key] = hk_need(longer);
}

struct reading {
    struct hk_service *unit;
    const char *path;
    bool after_ours;
};

static void forget_preload(struct hk_service *unit)
{
    free(unit->preload);
    free(unit->preload_from);
    unit->preload = unit->preload_from = NULL;
    unit->preload_wins = false;
}

static void take_environment(const struct reading *reading, const char *value)
{
    static const char name[] = "LD_PRELOAD=";
    struct hk_service *unit = reading->unit;
    char word[WORD_BYTES];
    if (value[0] == '\0')
        forget_preload(unit);
    while (hk_unit_file_word(&value, word, sizeof word)) {
        if (strncmp(word, name, sizeof name - 1) != 0)
            continue;
        forget_preload(unit);
        if (word[sizeof name - 1] == '\0')
            continue;
        unit->preload = hk_need(strdup(word + sizeof name - 1));
        unit->preload_from = hk_need(strdup(reading->path));
        unit->preload_wins = reading->after_ours;
    }
}

static void take_setting(void *arg, const char *key, const char *value)
{
    const struct reading *reading = arg;
    if (strcmp(key, "Environment") == 0)
        take_environment(reading, value);
    for (unsigned i = 0; i < HK_SERVICE_KEYS; i++) {
        if (strcmp(key, keys[i]) != 0)
            continue;
        if (value[0] == '\0')
            hk_service_set(reading->unit, i, value);
        else
            append(reading->unit, i, value);
    }
}

void hk_service_add_file(struct hk_service *unit, const struct hk_service_scope *scope, const char *path)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    bool drop_in = strlen(base) > 5 && strcmp(base + strlen(base) - 5, ".conf") == 0;
    struct reading reading = {.unit = unit,
                              .path = path + strlen(scope->root),
                              .after_ours = drop_in && strcmp(base, HK_DROP_IN_NAME) > 0};
    char *text = strcmp(base, HK_DROP_IN_NAME) == 0 ? NULL : hk_service_read_file(AT_FDCWD, path);
    if (text)
        hk_unit_file_each(text, take_setting, &reading);
    free(text);
}

/* Whether an environment file sets LD_PRELOAD to anything. */
static bool sets_preload(const char *text)
{
    for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        const char *p = line + strspn(line, " \t");
        if (strncmp(p, "LD_PRELOAD=", 11) == 0 && !strchr("\n", p[11]))
            return true;
    }
    return false;
}

void hk_service_add_environment_files(struct hk_service *unit, const struct hk_service_scope *scope)
{
    const char *at = unit->values[HK_SERVICE_ENVIRONMENT_FILE];
    char word[WORD_BYTES], path[PATH_MAX];
    while (at && !unit->preload_file && hk_unit_file_word(&at, word, sizeof word)) {
        const char *name = word + (word[0] == '-');
        snprintf(path, sizeof path, "%s%s", scope->root, name);
        char *text = name[0] == '/' ? hk_service_read_file(AT_FDCWD, path) : NULL;
        if (text && sets_preload(text))
            unit->preload_file = hk_need(strdup(name));
        free(text);
    }
}
