/* registry.c - see registry.h. */
#include "daemon/model/registry.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/base/sorted_array.h"

#define USER_IDLE_NS (10 * HK_NS_PER_S)

void hk_registry_init(struct hk_registry *registry)
{
    memset(registry, 0, sizeof *registry);
    TAILQ_INIT(&registry->families);
    TAILQ_INIT(&registry->dead);
}

static void free_process(struct hk_process *process)
{
    free(process->exe);
    free(process->program);
    free(process->unit);
    free(process->history);
    free(process);
}

static void free_grave(struct hk_grave *grave)
{
    for (unsigned f = 0; f < HK_MATCH_FIELDS; f++)
        free(grave->text[f]);
    free(grave);
}

void hk_registry_clear(struct hk_registry *registry)
{
    struct hk_process *process;
    while ((process = TAILQ_FIRST(&registry->dead)) != NULL) {
        TAILQ_REMOVE(&registry->dead, process, link);
        free_process(process);
    }
    for (unsigned i = 0; i < registry->process_count; i++)
        free_process(registry->processes[i]);
    for (unsigned i = 0; i < registry->grave_count; i++)
        free_grave(registry->graves[i]);
    for (unsigned i = 0; i < registry->user_count; i++)
        free(registry->users[i]);
    free(registry->processes);
    free(registry->graves);
    free(registry->users);
    hk_registry_init(registry);
}

static bool user_is_before(const void *item, const void *uid)
{
    return (*(struct hk_user *const *)item)->uid < *(const uid_t *)uid;
}

/* Index of the first user with a uid of at least this. */
static unsigned user_bound(const struct hk_registry *registry, uid_t uid)
{
    return hk_sorted_bound(registry->users, registry->user_count, sizeof(void *), &uid, user_is_before);
}

struct hk_user *hk_registry_user(struct hk_registry *registry, uid_t uid, uint64_t now_ns)
{
    unsigned at = user_bound(registry, uid);
    if (at == registry->user_count || registry->users[at]->uid != uid) {
        registry->users = hk_realloc(registry->users, registry->user_count + 1, sizeof(struct hk_user *));
        hk_sorted_open(registry->users, registry->user_count, sizeof(void *), at);
        registry->users[at] = hk_alloc(sizeof(struct hk_user));
        registry->users[at]->uid = uid;
        registry->user_count++;
    }
    registry->users[at]->used_ns = now_ns;
    return registry->users[at];
}

void hk_registry_prune_users(struct hk_registry *registry, uint64_t now_ns)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < registry->user_count; i++) {
        struct hk_user *user = registry->users[i];
        bool used = user->processes || user->families || user->clients || user->greeting || user->dead;
        if (used || now_ns - user->used_ns < USER_IDLE_NS)
            registry->users[kept++] = user;
        else
            free(user);
    }
    registry->user_count = kept;
}

static bool process_is_before(const void *item, const void *pid)
{
    return (*(struct hk_process *const *)item)->pid < *(const pid_t *)pid;
}

unsigned hk_registry_lower_bound(const struct hk_registry *registry, pid_t pid)
{
    return hk_sorted_bound(registry->processes, registry->process_count, sizeof(void *), &pid,
                           process_is_before);
}

struct hk_process *hk_registry_find(const struct hk_registry *registry, pid_t pid)
{
    unsigned at = hk_registry_lower_bound(registry, pid);
    bool found = at < registry->process_count && registry->processes[at]->pid == pid;
    return found ? registry->processes[at] : NULL;
}

void hk_registry_insert(struct hk_registry *registry, struct hk_process *process)
{
    unsigned at = hk_registry_lower_bound(registry, process->pid);
    if (registry->process_count == registry->process_room) {
        registry->process_room = registry->process_room ? registry->process_room * 2 : 64;
        registry->processes = hk_realloc(registry->processes, registry->process_room,
                                         sizeof(struct hk_process *));
    }
    hk_sorted_open(registry->processes, registry->process_count, sizeof(void *), at);
    registry->processes[at] = process;
    registry->process_count++;
    process->id = ++registry->next_id;
}

void hk_registry_remove(struct hk_registry *registry, struct hk_process *process)
{
    unsigned at = hk_registry_lower_bound(registry, process->pid);
    registry->process_count--;
    memmove(&registry->processes[at], &registry->processes[at + 1],
            (registry->process_count - at) * sizeof(struct hk_process *));
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_grave_of(const struct hk_grave *grave, uid_t uid, const struct hk_facts *facts)
{
    bool same = !grave->anybody && !grave->mixed && grave->uid == uid;
    for (unsigned f = 0; f < HK_MATCH_FIELDS && same; f++)
        same = same_text(grave->text[f], facts->text[f]);
    return same;
}

static struct hk_grave *new_grave(struct hk_registry *registry)
{
    registry->graves = hk_realloc(registry->graves, registry->grave_count + 1, sizeof(struct hk_grave *));
    struct hk_grave *grave = hk_alloc(sizeof *grave);
    registry->graves[registry->grave_count++] = grave;
    return grave;
}

/* Once there are many graves the rest of a user's share one, and once there are many users, all of them. */
static struct hk_grave *shared_grave(struct hk_registry *registry, uid_t uid)
{
    struct hk_grave *anybody = NULL;
    for (unsigned i = 0; i < registry->grave_count; i++) {
        struct hk_grave *grave = registry->graves[i];
        if (grave->mixed && !grave->anybody && grave->uid == uid)
            return grave;
        if (grave->anybody)
            anybody = grave;
    }
    if (anybody)
        return anybody;
    struct hk_grave *grave = new_grave(registry);
    grave->mixed = true;
    grave->uid = uid;
    grave->anybody = registry->grave_count >= 2 * HK_GRAVES_MAX;
    return grave;
}

static struct hk_grave *grave_for(struct hk_registry *registry, const struct hk_process *process)
{
    struct hk_facts facts;
    hk_process_facts(process, &facts);
    for (unsigned i = 0; i < registry->grave_count; i++) {
        if (is_grave_of(registry->graves[i], process->uid, &facts))
            return registry->graves[i];
    }
    if (registry->grave_count >= HK_GRAVES_MAX)
        return shared_grave(registry, process->uid);
    struct hk_grave *grave = new_grave(registry);
    grave->uid = process->uid;
    for (unsigned f = 0; f < HK_MATCH_FIELDS; f++)
        grave->text[f] = hk_strdup(facts.text[f]);
    return grave;
}

/* The record goes, its counters stay. */
static void forget(struct hk_registry *registry, struct hk_process *process)
{
    hk_counts_add(&grave_for(registry, process)->counts, &process->figures);
    TAILQ_REMOVE(&registry->dead, process, link);
    registry->dead_count--;
    process->user->dead--;
    free_process(process);
}

static void forget_oldest_of(struct hk_registry *registry, const struct hk_user *user)
{
    struct hk_process *process;
    TAILQ_FOREACH(process, &registry->dead, link)
    {
        if (process->user == user) {
            forget(registry, process);
            return;
        }
    }
}

void hk_registry_bury(struct hk_registry *registry, struct hk_process *process, unsigned max)
{
    free(process->history);
    process->history = NULL;
    process->family = NULL;
    if (process->user->dead > 0 && process->user->dead >= max / 2)
        forget_oldest_of(registry, process->user);
    TAILQ_INSERT_TAIL(&registry->dead, process, link);
    registry->dead_count++;
    process->user->dead++;
}

void hk_registry_trim_dead(struct hk_registry *registry, uint64_t keep_ns, unsigned max, uint64_t boot_ns)
{
    struct hk_process *oldest, *next;
    for (oldest = TAILQ_FIRST(&registry->dead); oldest; oldest = next) {
        next = TAILQ_NEXT(oldest, link);
        if (registry->dead_count <= max && boot_ns - oldest->ended_boot_ns < keep_ns)
            return;
        forget(registry, oldest);
    }
}

void hk_process_facts(const struct hk_process *process, struct hk_facts *facts)
{
    facts->text[HK_MATCH_COMM] = process->comm;
    facts->text[HK_MATCH_EXE] = process->exe;
    facts->text[HK_MATCH_UNIT] = process->unit;
    facts->text[HK_MATCH_LABEL] = process->label[0] ? process->label : NULL;
    facts->uid = process->uid;
}

void hk_grave_facts(const struct hk_grave *grave, struct hk_facts *facts)
{
    for (unsigned f = 0; f < HK_MATCH_FIELDS; f++)
        facts->text[f] = grave->text[f];
    facts->uid = grave->uid;
}
