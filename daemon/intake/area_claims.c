/* area_claims.c - see area_claims.h. */
#include "daemon/intake/area_claims.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/daemon.h"
#include "daemon/model/family.h"
#include "daemon/model/process.h"
#include "daemon/sources/procfs.h"

#define PER_SAMPLE     64 /* new claims looked into in one sample of a family */
#define WAIT_MAX       6  /* a claim that finds no process is tried again after at most 2^6 samples, */
#define TRIES_MAX      12 /* and in the end no more */
#define CELLS_PER_TRY  20 /* what a try counts for against the user's limit of cells */
#define ANCESTORS      64
#define REUSE_SLACK_NS (2 * HK_NS_PER_S)

enum verdict { VERDICT_YES, VERDICT_NO, VERDICT_GONE };

/* ---- the directory ---- */

static void change(struct hk_family *family, unsigned cell, uint64_t word)
{
    struct hk_claim *claim = &family->claims[cell];
    if (claim->state == HK_CLAIM_BOUND)
        claim->process->lost = true;
    if (claim->state == HK_CLAIM_NEW)
        family->new_claims--;
    bool area = HK_DIR_KIND(word) == HK_CELL_AREA && HK_DIR_PID(word) != 0;
    uint16_t dead = atomic_load_explicit(&family->segment.dead[cell], memory_order_relaxed);
    /* A cell's new owner clears it before it announces it, and its stamps may be those of the one before. */
    *claim = (struct hk_claim){.word = word, .stamp = HK_STAMP_UNREAD};
    /* A daemon before this one has counted it. */
    if (area && dead != 0 && dead == HK_DIR_SEQ(word))
        claim->state = HK_CLAIM_DEAD;
    else if (area)
        claim->state = HK_CLAIM_NEW;
    family->new_claims += claim->state == HK_CLAIM_NEW;
}

/* Chains the slots of each area. A slot whose area is none, or another process's, is nobody's. */
static void link_slots(struct hk_family *family)
{
    struct hk_claim *claims = family->claims;
    for (unsigned i = 0; i < family->claim_count; i++)
        claims[i].first_slot = claims[i].next_slot = HK_NO_CELL;
    for (unsigned i = family->claim_count; i-- > 0;) {
        unsigned area = HK_DIR_AREA(claims[i].word);
        if (HK_DIR_KIND(claims[i].word) != HK_CELL_SLOT || area >= family->claim_count ||
            HK_DIR_KIND(claims[area].word) != HK_CELL_AREA ||
            HK_DIR_PID(claims[area].word) != HK_DIR_PID(claims[i].word))
            continue;
        claims[i].next_slot = claims[area].first_slot;
        claims[area].first_slot = (uint16_t)i;
    }
}

void hk_claims_take(struct hk_family *family, const uint64_t *words, unsigned count)
{
    bool changed = false;
    if (count > family->claim_count) {
        family->claims = hk_realloc(family->claims, count, sizeof *family->claims);
        memset(&family->claims[family->claim_count], 0,
               (count - family->claim_count) * sizeof *family->claims);
        family->claim_count = count;
        changed = true;
    }
    for (unsigned i = 0; i < family->claim_count; i++) {
        uint64_t word = i < count ? words[i] : 0;
        if (word != family->claims[i].word) {
            change(family, i, word);
            changed = true;
        }
    }
    if (changed)
        link_slots(family);
}

void hk_claims_bind(struct hk_family *family, unsigned area, struct hk_process *process)
{
    struct hk_claim *claim = &family->claims[area];
    family->new_claims -= claim->state == HK_CLAIM_NEW;
    claim->state = HK_CLAIM_BOUND;
    claim->process = process;
}

void hk_claims_leave(struct hk_family *family, unsigned area, const struct hk_process *process)
{
    struct hk_claim *claim = &family->claims[area];
    claim->state = HK_CLAIM_LEFT;
    claim->process = NULL;
    claim->left_id = process->id;
    claim->left_pid = process->pid;
}

static void mark_cell(struct hk_family *family, unsigned cell)
{
    uint16_t sequence = HK_DIR_SEQ(family->claims[cell].word);
    atomic_store_explicit(&family->segment.dead[cell], sequence, memory_order_release);
}

void hk_claims_mark_dead(struct hk_family *family, unsigned area)
{
    struct hk_claim *claim = &family->claims[area];
    for (unsigned i = claim->first_slot; i != HK_NO_CELL; i = family->claims[i].next_slot)
        mark_cell(family, i);
    mark_cell(family, area);
    family->new_claims -= claim->state == HK_CLAIM_NEW;
    claim->state = HK_CLAIM_DEAD;
    claim->process = NULL;
}

/* ---- the kernel's word ---- */

/* Whether a chain of parents leads to a process of the family. */
static bool descends(const struct hk_family *family, pid_t parent)
{
    for (int i = 0; i < ANCESTORS && parent > 1; i++) {
        const struct hk_process *known = hk_registry_find(&family->daemon->registry, parent);
        struct hk_proc_status status;
        if (known && known->family == family)
            return true;
        if (hk_proc_status(parent, &status) != 0)
            return false;
        parent = status.ppid;
    }
    return false;
}

/* Orphans have lost the chain. They run what the family runs; where the kernel does not say what that
 * is, they must at least be in its unit or go by its name. */
static bool resembles(const struct hk_family *family, pid_t pid, const struct hk_proc_status *status)
{
    char exe[HK_EXE_BYTES], unit[HK_UNIT_BYTES_MAX];
    struct hk_file_id id;
    if (family->exe && !family->exe_claimed && hk_proc_exe(pid, exe, sizeof exe, &id) == 0)
        return strcmp(exe, family->exe) == 0;
    if (family->unit && hk_proc_unit(pid, unit) == 0 && strcmp(unit, family->unit) == 0)
        return true;
    return strcmp(status->comm, family->comm) == 0;
}

/* Whether a process is younger than the claim that names it, so that its pid must be a dead one's that
 * was given again. */
static bool is_younger(const struct hk_family *family, unsigned cell, uint64_t start_ticks)
{
    static struct hk_area_view view;
    if (family->foreign_pids || !hk_segment_area(&family->segment, cell, &view))
        return false;
    uint64_t asleep_ns = hk_boot_ns() - hk_now_ns();
    uint64_t start_ns = hk_ticks_to_ns(start_ticks);
    return start_ns > asleep_ns && start_ns - asleep_ns > view.claimed_ns + REUSE_SLACK_NS;
}

static enum verdict judge(const struct hk_family *family, unsigned cell, pid_t pid, uint64_t *start_ticks)
{
    struct hk_proc_status status;
    pid_t inner = (pid_t)HK_DIR_PID(family->claims[cell].word);
    if (hk_proc_start_ticks(pid, start_ticks) != 0 || hk_proc_status(pid, &status) != 0)
        return hk_proc_is_gone(pid) ? VERDICT_GONE : VERDICT_NO;
    if (is_younger(family, cell, *start_ticks))
        return VERDICT_GONE;
    if (status.namespaces > 0 ? status.inner_pid != inner : pid != inner)
        return VERDICT_NO;
    if (hk_registry_find(&family->daemon->registry, pid))
        return VERDICT_NO;
    if (*start_ticks < family->start_ticks || (status.uid != family->uid && family->uid != 0))
        return VERDICT_NO;
    return descends(family, status.ppid) || resembles(family, pid, &status) ? VERDICT_YES : VERDICT_NO;
}

/* Binds the claim if it is that process's. */
static enum verdict try_pid(struct hk_family *family, unsigned cell, pid_t pid, uint64_t now_ns)
{
    struct hk_sighting seen = {.pid = pid, .inner_pid = (pid_t)HK_DIR_PID(family->claims[cell].word)};
    struct hk_daemon *daemon = family->daemon;
    enum verdict verdict = judge(family, cell, pid, &seen.start_ticks);
    if (verdict != VERDICT_YES)
        return verdict;
    if (!hk_daemon_has_room(daemon, family->user))
        return VERDICT_NO;
    uint64_t ticks;
    seen.pidfd = hk_pidfd_open(pid);
    if (seen.pidfd < 0 && errno == ESRCH)
        return VERDICT_GONE;
    /* Still the one that was judged, now that it is held. */
    if (hk_proc_start_ticks(pid, &ticks) != 0 || ticks != seen.start_ticks) {
        if (seen.pidfd >= 0)
            close(seen.pidfd);
        return VERDICT_GONE;
    }
    hk_process_new(family, cell, &seen, now_ns);
    return VERDICT_YES;
}

/* Tries the processes that go by the claimed pid in a namespace of their own. */
static enum verdict try_names(struct hk_family *family, unsigned cell, uint64_t now_ns)
{
    const struct hk_claim *claim = &family->claims[cell];
    const struct hk_pid_names *names = &family->daemon->pid_names;
    pid_t inner = (pid_t)HK_DIR_PID(claim->word);
    for (pid_t pid = 0; (pid = hk_pid_names_next(names, inner, pid)) > 0;) {
        if (try_pid(family, cell, pid, now_ns) == VERDICT_YES)
            return VERDICT_YES;
    }
    /* All processes have been looked at twice since, and it is none of them. */
    bool looked = claim->tries > 0 && names->passes - claim->first_pass >= 2;
    return looked && family->foreign_pids ? VERDICT_GONE : VERDICT_NO;
}

static void put_off(struct hk_family *family, struct hk_claim *claim, uint32_t number)
{
    struct hk_pid_names *names = &family->daemon->pid_names;
    if (claim->tries == 0)
        claim->first_pass = names->passes;
    hk_pid_names_want(names);
    claim->next_try = number + (1u << (claim->tries < WAIT_MAX ? claim->tries : WAIT_MAX));
    if (++claim->tries < TRIES_MAX)
        return;
    claim->state = HK_CLAIM_VAIN;
    family->new_claims--;
}

static void resolve(struct hk_family *family, unsigned cell, uint32_t number, uint64_t now_ns)
{
    struct hk_claim *claim = &family->claims[cell];
    pid_t inner = (pid_t)HK_DIR_PID(claim->word);
    enum verdict verdict = family->foreign_pids ? VERDICT_NO : try_pid(family, cell, inner, now_ns);
    if (verdict == VERDICT_NO)
        verdict = try_names(family, cell, now_ns);
    if (verdict == VERDICT_GONE)
        hk_process_record_dead(family, cell, inner);
    else if (verdict == VERDICT_NO)
        put_off(family, claim, number);
}

/* Its process may have ended since it left; then nobody writes here any more. */
static void release(struct hk_family *family, unsigned cell)
{
    const struct hk_claim *claim = &family->claims[cell];
    const struct hk_process *process = hk_registry_find(&family->daemon->registry, claim->left_pid);
    if (!process || process->id != claim->left_id)
        hk_claims_mark_dead(family, cell);
}

/* Forked children whose pids are others than the daemon's are found at once where the kernel lists the
 * children of the process that stands for the family. */
static void name_children(struct hk_family *family)
{
    const struct hk_process *head = hk_family_head(family);
    if (head && family->foreign_pids)
        hk_pid_names_add_children(&family->daemon->pid_names, head->pid);
}

void hk_claims_resolve(struct hk_family *family, uint32_t number, uint64_t now_ns)
{
    unsigned looked_into = 0;
    for (unsigned i = 0; i < family->claim_count; i++) {
        const struct hk_claim *claim = &family->claims[i];
        if (claim->state == HK_CLAIM_LEFT)
            release(family, i);
        if (claim->state != HK_CLAIM_NEW || (int32_t)(number - claim->next_try) < 0 ||
            looked_into == PER_SAMPLE || !hk_daemon_may_read(family->daemon, family->user))
            continue;
        if (looked_into++ == 0)
            name_children(family);
        family->user->cells_read += CELLS_PER_TRY;
        resolve(family, i, number, now_ns);
    }
}
