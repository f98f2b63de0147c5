/* service_list.c - see service_list.h. */
#include "ctl/service/service_list.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "shm/nearest.h"

#define SUFFIX ".service"

static void add(struct hk_service_names *names, const char *name, size_t len)
{
    char *copy = hk_need(strndup(name, len)), whole[HK_SERVICE_NAME_BYTES], error[128];
    if (!hk_service_name(copy, whole, error, sizeof error)) {
        free(copy);
        return;
    }
    names->all = hk_grow(names->all, names->count, &names->capacity, sizeof *names->all);
    names->all[names->count++] = copy;
}

static void add_file(struct hk_service_names *names, const char *dir, const char *name, bool enabled)
{
    const char *suffix = enabled ? SUFFIX ".d" : SUFFIX;
    size_t len = strlen(name), tail = strlen(suffix);
    char path[2 * PATH_MAX];
    if (len <= tail || strcmp(name + len - tail, suffix) != 0)
        return;
    snprintf(path, sizeof path, "%s/%s/" HK_DROP_IN_NAME, dir, name);
    if (!enabled)
        add(names, name, len);
    else if (access(path, F_OK) == 0)
        add(names, name, len - strlen(".d"));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_each_once(struct hk_service_names *names)
{
    size_t kept = 0;
    if (names->count)
        qsort(names->all, names->count, sizeof *names->all, by_name);
    for (size_t i = 0; i < names->count; i++) {
        if (kept > 0 && strcmp(names->all[i], names->all[kept - 1]) == 0)
            free(names->all[i]);
        else
            names->all[kept++] = names->all[i];
    }
    names->count = kept;
}

void hk_service_names_read(struct hk_service_names *names, const struct hk_service_scope *scope, bool enabled)
{
    char dir[PATH_MAX];
    *names = (struct hk_service_names){0};
    for (unsigned i = 0; hk_service_dir(scope, i, dir, sizeof dir); i++) {
        DIR *stream = opendir(dir);
        const struct dirent *entry;
        while (stream && (entry = readdir(stream)) != NULL)
            add_file(names, dir, entry->d_name, enabled);
        if (stream)
            closedir(stream);
    }
    sort_each_once(names);
}

void hk_service_names_free(struct hk_service_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->all[i]);
    free(names->all);
    *names = (struct hk_service_names){0};
}

/* The part of a name that is compared: up to the '@' of an instance, else without the suffix. */
static size_t stem_len(const char *name)
{
    const char *at = strchr(name, '@');
    return at ? (size_t)(at + 1 - name) : strlen(name) - strlen(SUFFIX);
}

bool hk_service_nearest(const struct hk_service_scope *scope, const char *name,
                        char buf[HK_SERVICE_NAME_BYTES])
{
    struct hk_service_names names;
    const char *near;
    size_t len = stem_len(name);
    hk_service_names_read(&names, scope, false);
    for (size_t i = 0; i < names.count; i++)
        names.all[i][stem_len(names.all[i])] = '\0';
    bool found = hk_nearest(name, len, (const char *const *)names.all, (unsigned)names.count, &near, 1) == 1;
    bool instance = found && name[len - 1] == '@' && near[strlen(near) - 1] == '@';
    found = found && snprintf(buf, HK_SERVICE_NAME_BYTES, "%s%s", near, instance ? name + len : SUFFIX) <
                         HK_SERVICE_NAME_BYTES;
    hk_service_names_free(&names);
    return found;
}
