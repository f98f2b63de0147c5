/* load.c - the configuration's files: hakmemd.json, and policy.d beside it in the order of names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"

#define FILES_MAX 1000 /* in policy.d */

/* The file's bytes, at most one more than a source may have; NULL with errno set. */
static char *read_all(int fd, size_t *len)
{
    size_t room = HK_JSONC_MAX + 1;
    char *text = malloc(room);
    *len = 0;
    while (text && *len < room) {
        ssize_t n = read(fd, text + *len, room - *len);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR) {
            int saved = errno;
            free(text);
            errno = saved;
            return NULL;
        }
        *len += n > 0 ? (size_t)n : 0;
    }
    return text;
}

/* 0, or ENOENT where there is no such file; everything else becomes a problem. */
static int add_file(struct hk_config *config, const char *file, struct hk_problems *problems)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        int error = errno;
        if (error != ENOENT)
            hk_problems_add(problems, "%s: %s", file, strerror(error));
        return error == ENOENT ? ENOENT : 0;
    }
    struct stat st;
    size_t len;
    char *text = NULL;
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
        hk_problems_add(problems, "%s: not a regular file", file);
    else if ((text = read_all(fd, &len)) == NULL)
        hk_problems_add(problems, "%s: %s", file, strerror(errno));
    else
        hk_config_add_text(config, file, text, len, problems);
    config->files++;
    free(text);
    close(fd);
    return 0;
}

static int is_json(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_folder(struct hk_config *config, const char *folder, struct hk_problems *problems)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_json, by_name);
    if (n < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            hk_problems_add(problems, "%s: %s", folder, strerror(errno));
        return;
    }
    if (n > FILES_MAX)
        hk_problems_add(problems, "%s: more than %d files", folder, FILES_MAX);
    for (int i = 0; i < n; i++) {
        char file[PATH_MAX];
        if (snprintf(file, sizeof file, "%s/%s", folder, entries[i]->d_name) >= (int)sizeof file)
            hk_problems_add(problems, "%s: too long a path", entries[i]->d_name);
        else if (i < FILES_MAX && add_file(config, file, problems) == ENOENT)
            hk_problems_add(problems, "%s: %s", file, strerror(ENOENT));
        free(entries[i]);
    }
    free(entries);
}

void hk_config_load(struct hk_config *config, const char *file, bool must_exist, struct hk_problems *problems)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(file, '/');
    int parent = slash ? (int)(slash - file) + 1 : 0;
    hk_config_init(config);
    int error = add_file(config, file, problems);
    if (error == 0)
        config->file = strdup(file);
    else if (must_exist)
        hk_problems_add(problems, "%s: %s", file, strerror(error));
    if (snprintf(folder, sizeof folder, "%.*spolicy.d", parent, file) >= (int)sizeof folder)
        hk_problems_add(problems, "%s: too long a path", file);
    else
        add_folder(config, folder, problems);
    hk_config_order(config);
}
