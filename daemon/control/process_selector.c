/* process_selector.c - see process_selector.h. */
#include "daemon/control/process_selector.h"

#include <stdlib.h>

#include "daemon/base/checked_alloc.h"

void hk_selector_clear(struct hk_selector *selector)
{
    hk_match_clear(&selector->match);
    free(selector->pids);
    *selector = (struct hk_selector){0};
}

bool hk_may_see(const struct hk_viewer *viewer, const struct hk_process *process)
{
    return viewer->everything || process->uid == viewer->uid;
}

bool hk_may_tune(const struct hk_viewer *viewer, const struct hk_family *family)
{
    const struct hk_process *process;
    TAILQ_FOREACH(process, &family->processes, link)
    {
        if (!hk_may_see(viewer, process))
            return false;
    }
    return true;
}

static bool has_pid(const struct hk_selector *selector, pid_t pid)
{
    for (unsigned i = 0; i < selector->pid_count; i++) {
        if (selector->pids[i] == pid)
            return true;
    }
    return selector->pid_count == 0;
}

bool hk_selects(const struct hk_selector *selector, const struct hk_viewer *viewer,
                const struct hk_process *process)
{
    struct hk_facts facts;
    if (!hk_may_see(viewer, process) || !has_pid(selector, process->pid) ||
        (selector->has_family && selector->family != process->family_pid))
        return false;
    hk_process_facts(process, &facts);
    return hk_match_facts(&selector->match, &facts);
}

bool hk_selects_grave(const struct hk_selector *selector, const struct hk_viewer *viewer,
                      const struct hk_grave *grave)
{
    struct hk_facts facts;
    if (selector->pid_count > 0 || selector->has_family)
        return false;
    if (grave->anybody)
        return viewer->everything && hk_match_is_empty(&selector->match);
    if (!viewer->everything && grave->uid != viewer->uid)
        return false;
    hk_grave_facts(grave, &facts);
    return hk_match_facts(&selector->match, &facts);
}

static int by_pid(const void *a, const void *b)
{
    const struct hk_process *p = *(struct hk_process *const *)a, *q = *(struct hk_process *const *)b;
    if (p->pid != q->pid)
        return p->pid < q->pid ? -1 : 1;
    return p->id < q->id ? -1 : p->id > q->id;
}

unsigned hk_select(const struct hk_registry *registry, const struct hk_selector *selector,
                   const struct hk_viewer *viewer, bool dead, struct hk_process ***out)
{
    unsigned room = registry->process_count + (dead ? registry->dead_count : 0), n = 0;
    struct hk_process **found = hk_realloc(NULL, room, sizeof(struct hk_process *));
    for (unsigned i = 0; i < registry->process_count; i++) {
        if (hk_selects(selector, viewer, registry->processes[i]))
            found[n++] = registry->processes[i];
    }
    struct hk_process *process;
    TAILQ_FOREACH(process, &registry->dead, link)
    {
        if (dead && hk_selects(selector, viewer, process))
            found[n++] = process;
    }
    if (dead)
        qsort(found, n, sizeof(struct hk_process *), by_pid);
    *out = found;
    return n;
}
