/* family.c - see family.h. */
#include "daemon/model/family.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/base/systemd.h"
#include "daemon/daemon.h"
#include "daemon/intake/area_claims.h"
#include "daemon/model/process.h"
#include "daemon/tuning/tuning_writer.h"

struct hk_family *hk_family_new(struct hk_daemon *daemon, const struct hk_segment *segment, pid_t pid,
                                uid_t uid, uint64_t now_ns)
{
    struct hk_family *family = hk_alloc(sizeof *family);
    family->daemon = daemon;
    family->segment = *segment;
    family->pid = family->shown_pid = pid;
    family->uid = uid;
    family->user = hk_registry_user(&daemon->registry, uid, now_ns);
    family->user->families++;
    family->empty_ns = now_ns;
    family->decided = HK_DECIDED_HERE;
    TAILQ_INIT(&family->processes);
    TAILQ_INSERT_TAIL(&daemon->registry.families, family, link);
    daemon->registry.family_count++;
    return family;
}

void hk_family_free(struct hk_family *family)
{
    struct hk_registry *registry = &family->daemon->registry;
    hk_store_drop(&family->daemon->store, family->stored);
    TAILQ_REMOVE(&registry->families, family, link);
    registry->family_count--;
    family->user->families--;
    hk_segment_close(&family->segment);
    free(family->claims);
    free(family->exe);
    free(family->unit);
    free(family);
}

void hk_family_read_directory(struct hk_family *family)
{
    static uint64_t words[HK_MAX_CELLS];
    unsigned used = hk_segment_directory(&family->segment, words);
    hk_claims_take(family, words, used);
}

struct hk_process *hk_family_head(const struct hk_family *family)
{
    struct hk_process *process;
    TAILQ_FOREACH(process, &family->processes, link)
    {
        if (process->pid == family->pid)
            return process;
    }
    return TAILQ_FIRST(&family->processes);
}

unsigned hk_family_area_of(const struct hk_family *family, pid_t inner_pid)
{
    for (unsigned i = 0; i < family->claim_count; i++) {
        const struct hk_claim *claim = &family->claims[i];
        bool area = HK_DIR_KIND(claim->word) == HK_CELL_AREA && claim->state != HK_CLAIM_DEAD;
        if (area && HK_DIR_PID(claim->word) == (uint32_t)inner_pid)
            return i;
    }
    return HK_NO_CELL;
}

static void take_area(struct hk_process *process, const struct hk_area_view *view)
{
    bool comm_changed = memcmp(process->view.comm, view->comm, sizeof view->comm) != 0;
    if (memcmp(process->label, view->label, sizeof view->label) != 0) {
        memcpy(process->label, view->label, sizeof view->label);
        process->family->stale_policy = true;
    }
    if (comm_changed)
        process->refresh_ns = 0;
    process->view = *view;
}

static bool read_area(struct hk_process *process)
{
    static struct hk_area_view view;
    struct hk_family *family = process->family;
    family->user->cells_read++;
    if (!hk_segment_area(&family->segment, process->area, &view) || view.pid != (uint32_t)process->inner_pid)
        return false;
    family->claims[process->area].stamp = view.stamp;
    take_area(process, &view);
    return true;
}

bool hk_family_read_area(struct hk_process *process)
{
    /* The stamp stays as it was: the slots have not been read. */
    uint64_t stamp = process->family->claims[process->area].stamp;
    bool ok = read_area(process);
    process->family->claims[process->area].stamp = stamp;
    return ok;
}

void hk_family_read_process(struct hk_process *process)
{
    static struct hk_figures figures;
    static struct hk_slot_view slot;
    struct hk_family *family = process->family;
    if (!read_area(process))
        return;
    hk_figures_start(&figures, &family->segment.reader, &process->view);
    for (unsigned i = family->claims[process->area].first_slot; i != HK_NO_CELL;
         i = family->claims[i].next_slot) {
        family->user->cells_read++;
        if (!hk_segment_slot(&family->segment, i, &slot) || slot.area != process->area)
            continue;
        family->claims[i].stamp = slot.stamp;
        hk_figures_add_slot(&figures, &slot);
    }
    hk_figures_finish(&figures, &process->figures);
    process->figures = figures;
}

/* Whether any of its cells has another stamp than when it was last read. */
static bool has_moved(const struct hk_process *process)
{
    const struct hk_family *family = process->family;
    unsigned i = process->area;
    do {
        const struct hk_claim *claim = &family->claims[i];
        family->user->cells_read++;
        if (hk_segment_stamp(&family->segment, i) != claim->stamp)
            return true;
        i = i == process->area ? claim->first_slot : claim->next_slot;
    } while (i != HK_NO_CELL);
    return false;
}

static void sample_process(struct hk_process *process, uint64_t now_ns)
{
    bool moved = process->moved || has_moved(process);
    process->moved = false;
    if (moved)
        hk_family_read_process(process);
    hk_history_add(process->history, &process->figures, moved, now_ns);
    hk_process_refresh(process, false, now_ns);
}

/* Ends the process if it can be seen that it has ended; a pidfd would have told. */
static bool end_if_due(struct hk_process *process)
{
    if (!process->lost && (process->life || !hk_process_has_ended(process)))
        return false;
    hk_process_end(process, HK_ENDED_ANYHOW);
    return true;
}

void hk_family_sample(struct hk_family *family, uint32_t number, uint64_t now_ns)
{
    struct hk_process *process, *next;
    hk_family_read_directory(family);
    hk_claims_resolve(family, number, now_ns);
    for (process = TAILQ_FIRST(&family->processes); process; process = next) {
        next = TAILQ_NEXT(process, link);
        if (!end_if_due(process))
            sample_process(process, now_ns);
    }
    if (family->stale_policy && family->process_count > 0)
        hk_tuner_apply_policies(family, now_ns);
}
