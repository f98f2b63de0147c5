/* syscall_filter.c - see syscall_filter.h. */
#include "ctl/service/syscall_filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/base/spawn.h"
#include "ctl/service/unit_file.h"
#include "shm/base.h"

#define DEPTH 8 /* of groups in groups */

static const struct {
    const char *name;
    enum hk_syscall_purpose purpose;
} calls[] = {
#define HK_SYSCALL_USED(name_, purpose_) {#name_, HK_SYSCALL_FOR_##purpose_},
#include "ctl/service/syscalls.def"
};

_Static_assert(HK_COUNT_OF(calls) <= 64, "a call is a bit");

#define ALL (HK_COUNT_OF(calls) == 64 ? UINT64_MAX : (UINT64_C(1) << HK_COUNT_OF(calls)) - 1)

unsigned hk_syscall_count(void)
{
    return HK_COUNT_OF(calls);
}

const char *hk_syscall_name(unsigned i)
{
    return calls[i].name;
}

enum hk_syscall_purpose hk_syscall_purpose(unsigned i)
{
    return calls[i].purpose;
}

static uint64_t bit_of(const char *name)
{
    for (unsigned i = 0; i < HK_COUNT_OF(calls); i++) {
        if (strcmp(calls[i].name, name) == 0)
            return UINT64_C(1) << i;
    }
    return 0;
}

/* The calls of ours in a group. A name of the group's list that begins with '@' is a group, too. */
static uint64_t calls_of_group(const char *group, unsigned depth, bool *unknown)
{
    const char *argv[] = {"systemd-analyze", "--no-pager", "syscall-filter", group, NULL};
    int status = 0;
    uint64_t mask = 0;
    char *text = depth < DEPTH ? hk_spawn_read(argv, &status) : NULL, *rest = NULL;
    if (!text || status != 0) {
        *unknown = true;
        free(text);
        return 0;
    }
    strtok_r(text, "\n", &rest); /* its own name */
    for (char *line = strtok_r(NULL, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        line += strspn(line, " \t");
        if (line[0] == '@')
            mask |= calls_of_group(line, depth + 1, unknown);
        else if (line[0] != '#')
            mask |= bit_of(line);
    }
    free(text);
    return mask;
}

struct evaluation {
    bool expanded;
    bool decided, allows; /* the first assignment says which kind of list it is */
    uint64_t listed;
    uint64_t with_kill, with_errno; /* by entries of their own, "name:EPERM" */
    bool unknown;
};

static uint64_t calls_of_word(struct evaluation *e, const char *word)
{
    return word[0] == '@' && !e->expanded ? calls_of_group(word, 0, &e->unknown) : bit_of(word);
}

static void take_word(struct evaluation *e, char *word, bool inverted)
{
    char *action = strchr(word, ':');
    if (action)
        *action++ = '\0';
    uint64_t mask = calls_of_word(e, word);
    bool adds = inverted != e->allows;
    e->listed = adds ? e->listed | mask : e->listed & ~mask;
    if (action && strcmp(action, "kill") == 0)
        e->with_kill |= mask;
    else if (action)
        e->with_errno |= mask;
}

static void take_assignment(struct evaluation *e, const char *line)
{
    bool inverted = line[0] == '~';
    char word[256];
    line += inverted;
    if (!e->decided) {
        e->decided = true;
        e->allows = !inverted;
        /* What is always allowed, even by a list that does not say so. */
        e->listed = e->allows && !e->expanded ? calls_of_group("@default", 0, &e->unknown) : 0;
    }
    while (hk_unit_file_word(&line, word, sizeof word))
        take_word(e, word, inverted);
}

/* Whether what is filtered ends the process; an errno or its number is the alternative. */
static bool kills(const char *error)
{
    return !error || strcmp(error, "kill") == 0 || strcmp(error, "0") == 0;
}

struct hk_syscall_filter_result hk_syscall_filter(const char *filter, bool expanded, const char *error)
{
    struct evaluation e = {.expanded = expanded};
    struct hk_syscall_filter_result out = {0};
    char *copy = filter ? strdup(filter) : NULL, *rest = NULL;
    for (char *line = copy ? strtok_r(copy, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest))
        take_assignment(&e, line);
    free(copy);
    uint64_t blocked = !e.decided ? 0 : e.allows ? ALL & ~e.listed : e.listed;
    out.unknown = e.unknown;
    if (e.unknown && e.allows)
        blocked = 0; /* what could not be resolved may allow all of it */
    uint64_t killed = kills(error) ? ~e.with_errno : e.with_kill;
    out.killed = blocked & killed;
    out.refused = blocked & ~killed;
    return out;
}
