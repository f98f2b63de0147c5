/* complete_units.c - services that a completion offers: unit files there are, and what enable wrote; see
 * complete.h. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/complete.h"
#include "ctl/memory.h"
#include "ctl/report.h"
#include "ctl/service.h"

struct names {
    char **all;
    size_t count, capacity;
};

static void add(struct names *names, const char *name, size_t len)
{
    names->all = hk_grow(names->all, names->count, &names->capacity, sizeof *names->all);
    names->all[names->count++] = hk_need(strndup(name, len));
}

static void add_file(struct names *names, const char *dir, const char *name, bool enabled)
{
    const char *suffix = enabled ? ".service.d" : ".service";
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

static void print_all(struct names *names)
{
    if (names->count)
        qsort(names->all, names->count, sizeof *names->all, by_name);
    for (size_t i = 0; i < names->count; i++) {
        char name[HK_SERVICE_NAME_BYTES], error[128];
        bool again = i > 0 && strcmp(names->all[i], names->all[i - 1]) == 0;
        if (!again && hk_service_name(names->all[i], name, error, sizeof error))
            puts(names->all[i]);
    }
    for (size_t i = 0; i < names->count; i++)
        free(names->all[i]);
    free(names->all);
}

int hk_complete_units(bool enabled, const char *of_whom)
{
    bool user = of_whom && strcmp(of_whom, "--user") == 0;
    struct hk_units_of of = {.root = of_whom && of_whom[0] == '/' ? of_whom : "", .user = user};
    struct names names = {0};
    char dir[PATH_MAX];
    for (unsigned i = 0; hk_service_dir(&of, i, dir, sizeof dir); i++) {
        DIR *stream = opendir(dir);
        const struct dirent *entry;
        while (stream && (entry = readdir(stream)) != NULL)
            add_file(&names, dir, entry->d_name, enabled);
        if (stream)
            closedir(stream);
    }
    print_all(&names);
    return HK_EXIT_OK;
}
