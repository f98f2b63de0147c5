/* tuning_writer.c - see tuning_writer.h. */
#include "daemon/tuning/tuning_writer.h"

#include <string.h>

#include "daemon/base/log.h"
#include "daemon/daemon.h"
#include "daemon/model/family.h"
#include "daemon/tuning/family_group.h"

/* Numbers above this were not counted up to: somebody made them up. Only his own family has to live
 * with what follows. */
#define NUMBER_MAX (UINT64_C(1) << 53)

#define EXPIRY_MIN_MS 3000

/* A process remembers of a life what remained when it took the value over, and a new daemon has only that:
 * it is told again when so much of it has gone by. */
#define LIFE_FRACTION 8
#define LIFE_STEP_S   10

static uint64_t higher(uint64_t a, uint64_t b)
{
    return b > a && b < NUMBER_MAX ? b : a;
}

/* Generation and commands go on above everything the page or any process of the family has seen. */
static void find_numbers(struct hk_family *family)
{
    const struct hk_tuning_page *page = family->segment.page;
    const struct hk_process *process;
    family->generation = higher(family->generation, page->generation);
    family->trim_command = higher(family->trim_command, page->trim_command);
    family->flush_command = higher(family->flush_command, page->flush_command);
    TAILQ_FOREACH(process, &family->processes, link)
    {
        const struct hk_area_view *view = &process->view;
        family->generation = higher(family->generation, view->process[HK_PROCESS_AT(generation_applied)]);
        for (unsigned i = 0; i < HK_VALUES; i++)
            family->generation = higher(family->generation, view->applied[i].generation);
        family->trim_command = higher(family->trim_command, view->trim_done);
        family->flush_command = higher(family->flush_command, view->flush_done);
    }
}

static void count_epoch(struct hk_family *family)
{
    atomic_fetch_add_explicit(&family->segment.page->epoch, 1, memory_order_release);
}

/* Copies the operator's wishes; policies are found anew. */
static void inherit(struct hk_family *family, const struct hk_family *before)
{
    hk_tune_copy(&family->tuning, &before->tuning, HK_STEER_OPERATOR);
    family->decided = before->decided;
    family->generation = higher(family->generation, before->generation);
    family->trim_command = higher(family->trim_command, before->trim_command);
    family->flush_command = higher(family->flush_command, before->flush_command);
}

static void readopt_values(struct hk_family *family, const struct hk_process *head, uint64_t now_ns)
{
    struct hk_tuning_copy copy;
    if (family->segment.page->generation > 0 && hk_tuning_page_read(family->segment.page, &copy)) {
        hk_tune_adopt_page(&family->tuning, &family->segment.reader, &copy, now_ns);
        family->published = copy;
        family->decided = higher(0, copy.generation);
    } else if (head) {
        hk_tune_adopt_applied(&family->tuning, &head->view, now_ns);
        family->decided = higher(0, head->view.process[HK_PROCESS_AT(generation_applied)]);
    }
}

static void choose_policies(struct hk_family *family);

/* A process that has put this page in place of an earlier one compares epochs alone, and must not find the
 * number again that it saw there last: they go on from the time, which is above all earlier ones. */
static void begin_epochs(struct hk_family *family, uint64_t now_ns)
{
    atomic_fetch_add_explicit(&family->segment.page->epoch, now_ns, memory_order_release);
}

void hk_tuner_take_up(struct hk_family *family, const struct hk_process *head, const struct hk_family *before,
                      bool readopt, uint64_t now_ns)
{
    begin_epochs(family, now_ns);
    find_numbers(family);
    if (before)
        inherit(family, before);
    else if (readopt)
        readopt_values(family, head, now_ns);
    hk_tuner_set_expiry(family, family->daemon->interval_ms);
    hk_tuner_update_flags(family);
    choose_policies(family);
    if (before || readopt)
        hk_relatives_agree(family, now_ns);
    /* An empty page leaves in force what the process last heard, even what has been taken back since. */
    bool unsaid = family->segment.page->generation == 0 && family->generation > 0;
    hk_tuner_publish(family, unsaid, now_ns);
    hk_tuner_beat(family, now_ns);
}

/* Writes what remains of lives, which is no change of anything but for those who read the page first; now
 * and then everybody is told. */
static void count_lives_down(struct hk_family *family, uint64_t now_ns)
{
    struct hk_tuning_copy copy;
    bool tell = false;
    hk_tune_fill(&family->tuning, &family->segment.reader, now_ns, &copy);
    for (unsigned i = 0; i < HK_VALUES; i++) {
        uint32_t life = copy.values[i].life_s, told = family->published.values[i].life_s;
        uint32_t step = told / LIFE_FRACTION > LIFE_STEP_S ? told / LIFE_FRACTION : LIFE_STEP_S;
        if (life == 0 || told == 0)
            continue;
        atomic_store_explicit(&family->segment.page->entries[i].life_s, life, memory_order_relaxed);
        tell |= life < told && told - life >= step;
    }
    if (tell)
        hk_tuner_publish(family, true, now_ns);
}

void hk_tuner_beat(struct hk_family *family, uint64_t now_ns)
{
    atomic_fetch_add_explicit(&family->segment.page->heartbeat, 1, memory_order_release);
    if (hk_tune_lapse(&family->tuning, now_ns))
        hk_tuner_publish(family, false, now_ns);
    if (family->tuning.soonest_ns != 0)
        count_lives_down(family, now_ns);
}

void hk_tuner_set_expiry(struct hk_family *family, uint32_t interval_ms)
{
    uint32_t ms = interval_ms > EXPIRY_MIN_MS / 4 ? 4 * interval_ms : EXPIRY_MIN_MS;
    struct hk_tuning_page *page = family->segment.page;
    if (atomic_exchange_explicit(&page->expiry_ms, ms, memory_order_relaxed) != ms)
        count_epoch(family);
}

void hk_tuner_update_flags(struct hk_family *family)
{
    struct hk_tuning_page *page = family->segment.page;
    const struct hk_process *process;
    uint32_t flags = family->process_count > 0 ? HK_TUNING_MAY_HELLO : 0;
    TAILQ_FOREACH(process, &family->processes, link)
    {
        if (process->seccomp != 0)
            flags = 0;
    }
    if (atomic_exchange_explicit(&page->flags, flags, memory_order_relaxed) != flags)
        count_epoch(family);
}

static void choose_policies(struct hk_family *family)
{
    static struct hk_policy_choice choices[HK_VALUES];
    const struct hk_config *config = &family->daemon->config;
    const struct hk_reader *reader = &family->segment.reader;
    const struct hk_process *head = hk_family_head(family);
    struct hk_facts facts;
    family->stale_policy = false;
    if (!head)
        return;
    hk_process_facts(head, &facts);
    hk_policies_choose(config->policies, config->policy_count, &facts, reader->classes, reader->class_count,
                       choices);
    for (unsigned i = 0; i < HK_VALUES; i++) {
        if (choices[i].policy)
            hk_tune_set(&family->tuning, i, HK_STEER_POLICY, choices[i].value, 0);
        else
            hk_tune_clear(&family->tuning, i, HK_STEER_POLICY);
    }
}

void hk_tuner_apply_policies(struct hk_family *family, uint64_t now_ns)
{
    choose_policies(family);
    hk_tuner_publish(family, false, now_ns);
}

/* Lives shrink by themselves, which is nothing new. */
static bool says_the_same(const struct hk_tuning_copy *a, const struct hk_tuning_copy *b)
{
    for (unsigned i = 0; i < HK_VALUES; i++) {
        const struct hk_tuning_value *x = &a->values[i], *y = &b->values[i];
        if (x->set != y->set || (x->set && (x->value != y->value || x->source != y->source ||
                                            (x->life_s == 0) != (y->life_s == 0))))
            return false;
    }
    return true;
}

void hk_tuner_publish(struct hk_family *family, bool force, uint64_t now_ns)
{
    struct hk_tuning_copy copy;
    hk_tune_fill(&family->tuning, &family->segment.reader, now_ns, &copy);
    if (!force && says_the_same(&copy, &family->published))
        return;
    copy.generation = ++family->generation;
    hk_tuning_page_publish(family->segment.page, &copy);
    family->published = copy;
    hk_log_event(HK_LOG_DEBUG, HK_EVENT_TUNED,
                 &(struct hk_log_about){
                     .pid = family->pid, .uid = family->uid, .comm = family->comm, .unit = family->unit},
                 "family %d: tuning generation %llu", (int)family->shown_pid,
                 (unsigned long long)copy.generation);
}

uint64_t hk_tuner_command(struct hk_family *family, enum hk_command command)
{
    struct hk_tuning_page *page = family->segment.page;
    uint64_t *number = command == HK_COMMAND_TRIM ? &family->trim_command : &family->flush_command;
    hk_au64 *word = command == HK_COMMAND_TRIM ? &page->trim_command : &page->flush_command;
    atomic_store_explicit(word, ++*number, memory_order_release);
    count_epoch(family);
    return *number;
}

void hk_tuner_leave(struct hk_family *family, uint64_t now_ns)
{
    if (family->tuning.soonest_ns != 0)
        hk_tuner_publish(family, true, now_ns);
}
