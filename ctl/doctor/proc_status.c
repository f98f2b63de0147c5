/* proc_status.c - see proc_status.h. */
#include "ctl/doctor/proc_status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"

#define MOST (64u << 20)

bool hk_proc_read(pid_t pid, const char *file, struct hk_proc_text *out)
{
    char path[64];
    size_t capacity = 1 << 16;
    ssize_t n = 1;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    *out = (struct hk_proc_text){.text = hk_need(malloc(capacity))};
    while (n > 0 && out->len < MOST) {
        if (out->len + 1 == capacity) {
            capacity *= 2;
            out->text = hk_need(realloc(out->text, capacity));
        }
        do
            n = read(fd, out->text + out->len, capacity - out->len - 1);
        while (n < 0 && errno == EINTR);
        out->len += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    out->text[out->len] = '\0';
    if (n >= 0 && out->len > 0)
        return true;
    free(out->text);
    *out = (struct hk_proc_text){0};
    return false;
}

/* What follows the first n words of a text; NULL where there are fewer. */
static const char *behind_words(const char *text, unsigned n)
{
    for (; text && n > 0; n--) {
        text = strchr(text, ' ');
        text += text != NULL;
    }
    return text;
}

static unsigned long long word_at(const char *fields, unsigned n)
{
    const char *word = behind_words(fields, n);
    return word ? strtoull(word, NULL, 10) : 0;
}

bool hk_proc_stat(pid_t pid, struct hk_proc_stat *out)
{
    struct hk_proc_text stat;
    if (!hk_proc_read(pid, "stat", &stat))
        return false;
    const char *open_ = strchr(stat.text, '('), *close_ = strrchr(stat.text, ')');
    bool ok = open_ && close_ && close_ > open_ && close_[1] == ' ';
    char state = 'X';
    if (ok) {
        /* proc(5) numbers them from 1. A command name may hold anything, so they are counted from its end. */
        const char *fields = close_ + 2;
        state = fields[0];
        *out = (struct hk_proc_stat){.parent = (pid_t)word_at(fields, 4 - 3),
                                     .start_ticks = word_at(fields, 22 - 3),
                                     .stack_at = word_at(fields, 28 - 3),
                                     .arguments_at = word_at(fields, 48 - 3),
                                     .environment_at = word_at(fields, 50 - 3)};
        snprintf(out->comm, sizeof out->comm, "%.*s", (int)(close_ - open_ - 1), open_ + 1);
    }
    free(stat.text);
    return ok && state != 'Z' && state != 'X';
}

bool hk_proc_ids(pid_t pid, uid_t *uid, gid_t *gid)
{
    struct hk_proc_text status;
    if (!hk_proc_read(pid, "status", &status))
        return false;
    const char *users = strstr(status.text, "\nUid:"), *groups = strstr(status.text, "\nGid:");
    if (users && groups) {
        *uid = (uid_t)strtoul(users + 5, NULL, 10);
        *gid = (gid_t)strtoul(groups + 5, NULL, 10);
    }
    free(status.text);
    return users && groups;
}

unsigned long hk_proc_number(const char *path)
{
    char line[32];
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    bool ok = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    return ok ? strtoul(line, NULL, 10) : 0;
}
