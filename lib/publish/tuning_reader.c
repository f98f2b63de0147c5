/* tuning_reader.c - see tuning_reader.h. */
#include "lib/publish/tuning_reader.h"

#include "lib/base/process_counters.h"
#include "lib/base/start_data.h"
#include "lib/base/tuned_values.h"
#include "lib/harden/harden_live.h"
#include "lib/os/lock.h"
#include "lib/publish/publish.h"
#include "lib/tuning/control.h"
#include "shm/tuning_page.h"

#define NS_PER_MS       UINT64_C(1000000)
#define LEAST_EXPIRY_MS 1000

/* Where the pointer points to while there is no segment. */
static const struct hk_tuning_page empty_page = {.epoch = 1};

_Atomic(const struct hk_tuning_page *) hk_steer_page = &empty_page;

/* Guarded by hk_control_lock. */
static struct {
    bool lapsed;                 /* its heartbeat stands still: own values are in force */
    uint64_t heartbeat, beat_ns; /* last seen, and when it last changed */
    bool may_hello;              /* said by the last daemon that was heard of */
    uint64_t trim_seen, flush_seen;
} state HK_EARLY;

/* What a daemon last said; guarded by it too. */
static struct hk_tuning_copy tuned;

/* ---- values ---- */

static bool is_in_range(uint64_t v, const struct hk_tunable_info *info)
{
    return v >= info->min && v <= info->max;
}

static bool is_unknown_choice(uint64_t v, const struct hk_tunable_info *info)
{
    return info->type == HK_TYPE_CHOICE && !is_in_range(v, info);
}

static unsigned class_of_value(unsigned index)
{
    return (index - HK_TUNABLES) % HK_MAX_CLASSES;
}

bool hk_steer_value(unsigned index, struct hk_setting *value)
{
    const struct hk_tuning_value *t = &tuned.values[index];
    if (!t->set || state.lapsed || is_unknown_choice(t->value, hk_value_info(index)))
        return false;
    *value = (struct hk_setting){.value = t->value, .source = (uint8_t)t->source, .set = true};
    return true;
}

static unsigned verdict_on(unsigned index, uint64_t value)
{
    const struct hk_tunable_info *info = hk_value_info(index);
    if (index >= HK_TUNABLES && class_of_value(index) >= HK_CLASSES)
        return HK_VERDICT_UNKNOWN;
    if (is_unknown_choice(value, info))
        return HK_VERDICT_UNKNOWN;
    if (!is_in_range(value, info))
        return HK_VERDICT_CLAMPED;
    if (index == HK_TUNE_harden && hk_harden_is_fixed() && value != hk_harden_level())
        return HK_VERDICT_FIXED;
    return state.lapsed ? HK_VERDICT_LAPSED : HK_VERDICT_APPLIED;
}

/* The percentage that is in force: what was asked for if any size class gets it, else the largest share of it
 * that one gets, for bins bound batches. */
static uint64_t effective_percent(void)
{
    uint64_t most = 0, asked = hk_param(HK_TUNE_refill_batch);
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        uint64_t batch = atomic_load_explicit(&hk_bin_params[c].batch, memory_order_relaxed);
        uint64_t dflt = hk_params_default_batch(c), percent = batch * 100 / dflt;
        if (batch >= dflt * asked / 100)
            return asked;
        most = percent > most ? percent : most;
    }
    return most;
}

static uint64_t effective(unsigned index)
{
    if (index == HK_TUNE_refill_batch)
        return effective_percent();
    if (index == HK_TUNE_harden)
        return hk_harden_level();
    if (index < HK_TUNABLES)
        return hk_param((enum hk_tunable_id)index);
    unsigned c = class_of_value(index);
    return c < HK_CLASSES ? atomic_load_explicit(&hk_bin_params[c].batch, memory_order_relaxed) : 0;
}

void hk_steer_publish_applied(void)
{
    for (unsigned i = 0; i < HK_VALUES; i++) {
        const struct hk_tuning_value *t = &tuned.values[i];
        const struct hk_setting *own = hk_control_own(i);
        struct hk_applied_row row = {.effective = effective(i)};
        if (t->set) {
            row.value = t->value;
            row.source = t->source;
            row.life_s = t->life_s;
            row.generation = tuned.generation;
            row.verdict = (uint16_t)verdict_on(i, t->value);
        } else if (own->set || i < HK_TUNABLES) {
            row.value = own->value;
            row.source = own->source;
            row.verdict = own->set && verdict_on(i, own->value) == HK_VERDICT_FIXED ? HK_VERDICT_FIXED
                                                                                    : HK_VERDICT_APPLIED;
        }
        hk_publish_applied(i, &row);
    }
}

/* ---- news ---- */

static void take_values(const struct hk_tuning_page *page)
{
    uint64_t generation = atomic_load_explicit(&page->generation, memory_order_acquire);
    if (generation == tuned.generation || generation == 0)
        return; /* 0: a daemon that has yet to find out what it knows of this process */
    static struct hk_tuning_copy copy; /* guarded by the lock; too large for a small stack */
    if (!hk_tuning_page_read(page, &copy))
        return;
    tuned = copy;
    state.lapsed = false;
    atomic_store_explicit(&hk_process.generation_applied, copy.generation, memory_order_relaxed);
    hk_count(&hk_process.tunes_applied_total, 1);
    hk_control_put_in_force();
}

static void take_commands(const struct hk_tuning_page *page, struct hk_heap *heap)
{
    uint64_t flush = atomic_load_explicit(&page->flush_command, memory_order_acquire);
    uint64_t trim = atomic_load_explicit(&page->trim_command, memory_order_acquire);
    if (flush != state.flush_seen) {
        state.flush_seen = flush;
        hk_control_flush(heap);
        hk_publish_flush_done(flush);
    }
    if (trim != state.trim_seen) {
        state.trim_seen = trim;
        hk_publish_trim_done(trim, hk_control_trim(heap, 0));
    }
}

void hk_steer_attend(struct hk_heap *heap)
{
    const struct hk_tuning_page *page = atomic_load_explicit(&hk_steer_page, memory_order_acquire);
    hk_au64 *seen = atomic_load_explicit(&hk_control.seen, memory_order_acquire);
    uint64_t epoch = atomic_load_explicit(&page->epoch, memory_order_acquire);
    if (epoch == atomic_load_explicit(seen, memory_order_relaxed) || !hk_lock_try(&hk_control_lock))
        return;
    atomic_store_explicit(seen, epoch != 0 ? epoch : 1, memory_order_relaxed);
    take_values(page);
    take_commands(page, heap);
    hk_lock_drop(&hk_control_lock);
    hk_publish_process();
}

/* ---- a daemon's life ---- */

/* Looks whether the daemon that last spoke still does. */
static void watch_heartbeat(const struct hk_tuning_page *page, uint64_t now)
{
    uint64_t beat = atomic_load_explicit(&page->heartbeat, memory_order_relaxed);
    uint64_t expiry_ms = atomic_load_explicit(&page->expiry_ms, memory_order_relaxed);
    unsigned flags = atomic_load_explicit(&page->flags, memory_order_relaxed);
    bool beats = beat != state.heartbeat;
    if (beats || state.beat_ns == 0) {
        state.heartbeat = beat;
        state.beat_ns = now;
        if (beats)
            hk_publish_heard();
        state.may_hello = beats ? (flags & HK_TUNING_MAY_HELLO) != 0 : state.may_hello;
        if (beats && state.lapsed) {
            state.lapsed = false;
            hk_control_put_in_force();
        }
        return;
    }
    if (expiry_ms < LEAST_EXPIRY_MS)
        expiry_ms = LEAST_EXPIRY_MS;
    if (now - state.beat_ns > expiry_ms * NS_PER_MS && !state.lapsed) {
        state.lapsed = true;
        hk_control_put_in_force();
    }
}

void hk_steer_tick(uint64_t now)
{
    const struct hk_tuning_page *page = atomic_load_explicit(&hk_steer_page, memory_order_acquire);
    bool silent = false, allowed = false;
    if (hk_lock_try(&hk_control_lock)) {
        if (page != &empty_page)
            watch_heartbeat(page, now);
        silent = page == &empty_page || state.lapsed;
        allowed = state.may_hello;
        hk_lock_drop(&hk_control_lock);
    }
    hk_publish_process();
    if (silent)
        hk_publish_retry(now, allowed);
}

void hk_steer_page_begin(void)
{
    hk_lock_take(&hk_control_lock);
}

static void use_page(const struct hk_tuning_page *page)
{
    hk_control_look_again();
    state.heartbeat = atomic_load_explicit(&page->heartbeat, memory_order_relaxed);
    state.beat_ns = 0;
    state.trim_seen = atomic_load_explicit(&page->trim_command, memory_order_relaxed);
    state.flush_seen = atomic_load_explicit(&page->flush_command, memory_order_relaxed);
    atomic_store_explicit(&hk_steer_page, page, memory_order_release);
    /* Heaps that have none yet get their slots. */
    atomic_fetch_add_explicit(&hk_control.epoch, 1, memory_order_release);
}

void hk_steer_page_end(const struct hk_tuning_page *page)
{
    if (page != NULL)
        use_page(page);
    hk_lock_drop(&hk_control_lock);
}
