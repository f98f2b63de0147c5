/* control.c - see control.h. */
#include "lib/control.h"

#include <string.h>

#include "lib/bin.h"
#include "lib/lock.h"
#include "lib/options.h"
#include "lib/os.h"
#include "lib/params.h"
#include "lib/process.h"
#include "lib/publish.h"
#include "lib/retain.h"
#include "shm/tuning.h"

/* What the pointers point to while there is no segment. */
static const struct hk_tuning_page empty_page = {.epoch = 1};
static hk_au64 seen_without_wiping = 1;

struct hk_control hk_control = {.page = &empty_page, .seen = &seen_without_wiping, .epoch = 1};

struct value {
    uint64_t value;
    uint8_t source;
    bool set;
};

/* Guarded by the lock. */
static struct {
    struct hk_lock lock;
    struct value own[HK_VALUES]; /* the process's own */
    struct hk_tuning_copy tuned; /* what a daemon last said */
    bool lapsed;                 /* its heartbeat stands still: own values are in force */
    uint64_t heartbeat, beat_ns; /* last seen, and when it last changed */
    bool may_hello;              /* said by the last daemon that was heard of */
    uint64_t trim_seen, flush_seen;
} state;

/* A heap whose flush_seen is below flushes what it has. */
static hk_au64 flush_wanted;
static hk_au64 next_tick_ns;

#define TICK_NS         UINT64_C(100000000) /* how often a busy process looks at what a daemon may have done */
#define NS_PER_MS       UINT64_C(1000000)
#define LEAST_EXPIRY_MS 1000

/* ---- values ---- */

static uint64_t clamp(uint64_t v, const struct hk_tunable_info *info)
{
    return v < info->min ? info->min : v > info->max ? info->max : v;
}

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

/* The value in force at an index: a daemon's while it lives, else the process's own, else unset. */
static struct value in_force(unsigned index)
{
    const struct hk_tuning_value *t = &state.tuned.values[index];
    if (t->set && !state.lapsed && !is_unknown_choice(t->value, hk_value_info(index)))
        return (struct value){.value = t->value, .source = (uint8_t)t->source, .set = true};
    return state.own[index];
}

/* Sets the parameters from the values in force. */
static void put_in_force(void)
{
    uint64_t class_batch[HK_CLASSES] = {0};
    for (unsigned i = 0; i < HK_TUNABLES; i++) {
        uint64_t v = clamp(in_force(i).value, &hk_tunables[i]);
        atomic_store_explicit(&hk_params[i], v, memory_order_relaxed);
    }
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        unsigned index = hk_class_value_index(HK_TUNE_CLASS_refill_batch, c);
        struct value v = in_force(index);
        class_batch[c] = v.set ? clamp(v.value, hk_value_info(index)) : 0;
    }
    hk_params_derive(class_batch);
    hk_control_publish_applied();
    atomic_fetch_add_explicit(&hk_control.epoch, 1, memory_order_release);
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
    if (index < HK_TUNABLES)
        return hk_param((enum hk_tunable_id)index);
    unsigned c = class_of_value(index);
    return c < HK_CLASSES ? atomic_load_explicit(&hk_bin_params[c].batch, memory_order_relaxed) : 0;
}

void hk_control_publish_applied(void)
{
    for (unsigned i = 0; i < HK_VALUES; i++) {
        const struct hk_tuning_value *t = &state.tuned.values[i];
        const struct value *own = &state.own[i];
        struct hk_applied_row row = {.effective = effective(i)};
        if (t->set) {
            row.value = t->value;
            row.source = t->source;
            row.life_s = t->life_s;
            row.generation = state.tuned.generation;
            row.verdict = (uint16_t)verdict_on(i, t->value);
        } else if (own->set || i < HK_TUNABLES) {
            row.value = own->value;
            row.source = own->source;
            row.verdict = HK_VERDICT_APPLIED;
        }
        hk_publish_applied(i, &row);
    }
}

bool hk_control_set_own(const char *name, size_t name_len, const char *text, size_t text_len,
                        enum hk_source source, enum hk_value_error *error)
{
    uint32_t classes[HK_CLASSES];
    hk_control_notice_fork();
    for (unsigned c = 0; c < HK_CLASSES; c++)
        classes[c] = hk_classes[c].bytes;
    int index = hk_value_find(name, name_len, classes, HK_CLASSES, error);
    if (index < 0)
        return false;
    uint64_t value;
    *error = hk_value_parse(hk_value_info((unsigned)index), text, text_len, &value);
    if (*error != HK_VALUE_OK)
        return false;
    hk_lock_take(&state.lock);
    if (source >= state.own[index].source) {
        state.own[index] = (struct value){.value = value, .source = (uint8_t)source, .set = true};
        put_in_force();
    }
    hk_lock_drop(&state.lock);
    return true;
}

void hk_control_init(bool trust_env)
{
    for (unsigned i = 0; i < HK_TUNABLES; i++)
        state.own[i].value = state.own[i].set ? state.own[i].value : hk_tunables[i].dflt;
    hk_lock_take(&state.lock);
    put_in_force();
    hk_lock_drop(&state.lock);
    uintptr_t page = hk_os_map_anywhere(hk_page_bytes);
    if (page != 0 && hk_os_wipe_on_fork((void *)page, hk_page_bytes) == 0) {
        hk_au64 *seen = (hk_au64 *)page;
        atomic_store(seen, atomic_load(&seen_without_wiping));
        atomic_store(&hk_control.seen, seen);
    } else if (page != 0) {
        hk_os_unmap(page, hk_page_bytes);
    }
    hk_options_read(trust_env);
}

/* ---- news for the process ---- */

static void take_values(const struct hk_tuning_page *page)
{
    uint64_t generation = atomic_load_explicit(&page->generation, memory_order_acquire);
    if (generation == state.tuned.generation || generation == 0)
        return; /* 0: a daemon that has yet to find out what it knows of this process */
    static struct hk_tuning_copy copy; /* guarded by the lock; too large for a small stack */
    if (!hk_tuning_read(page, &copy))
        return;
    state.tuned = copy;
    state.lapsed = false;
    atomic_store_explicit(&hk_process.generation_applied, copy.generation, memory_order_relaxed);
    hk_count(&hk_process.tunes_applied_total, 1);
    put_in_force();
}

static void want_flush(void)
{
    atomic_fetch_add_explicit(&flush_wanted, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&hk_control.epoch, 1, memory_order_release);
}

static void flush_if_wanted(struct hk_heap *heap)
{
    uint64_t wanted = atomic_load_explicit(&flush_wanted, memory_order_relaxed);
    if (heap->flush_seen != wanted) {
        heap->flush_seen = wanted;
        hk_heap_flush(heap);
    }
}

size_t hk_control_trim(struct hk_heap *heap, size_t keep)
{
    uint64_t before = hk_total(&hk_process.purged_bytes_total);
    want_flush();
    if (heap != NULL)
        flush_if_wanted(heap);
    hk_retain_trim(keep);
    hk_publish_process();
    return (size_t)(hk_total(&hk_process.purged_bytes_total) - before);
}

static void take_commands(const struct hk_tuning_page *page, struct hk_heap *heap)
{
    uint64_t flush = atomic_load_explicit(&page->flush_command, memory_order_acquire);
    uint64_t trim = atomic_load_explicit(&page->trim_command, memory_order_acquire);
    if (flush != state.flush_seen) {
        state.flush_seen = flush;
        want_flush();
        flush_if_wanted(heap);
        hk_publish_flush_done(flush);
    }
    if (trim != state.trim_seen) {
        state.trim_seen = trim;
        hk_publish_trim_done(trim, hk_control_trim(heap, 0));
    }
}

static void attend_process(struct hk_heap *heap)
{
    const struct hk_tuning_page *page = atomic_load_explicit(&hk_control.page, memory_order_acquire);
    hk_au64 *seen = atomic_load_explicit(&hk_control.seen, memory_order_acquire);
    uint64_t epoch = atomic_load_explicit(&page->epoch, memory_order_acquire);
    if (epoch == atomic_load_explicit(seen, memory_order_relaxed) || !hk_lock_try(&state.lock))
        return;
    atomic_store_explicit(seen, epoch != 0 ? epoch : 1, memory_order_relaxed);
    take_values(page);
    take_commands(page, heap);
    hk_lock_drop(&state.lock);
    hk_publish_process();
}

void hk_control_attend(struct hk_heap *heap)
{
    attend_process(heap);
    uint64_t epoch = atomic_load_explicit(&hk_control.epoch, memory_order_acquire);
    if (heap->epoch != epoch) {
        heap->epoch = epoch;
        hk_publish_place(heap);
        flush_if_wanted(heap);
        atomic_store_explicit(&heap->generation_seen,
                              atomic_load_explicit(&hk_process.generation_applied, memory_order_relaxed),
                              memory_order_relaxed);
        hk_count(&hk_process_changes, 1); /* heaps_behind may have become less */
    }
}

/* ---- time ---- */

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
            put_in_force();
        }
        return;
    }
    if (expiry_ms < LEAST_EXPIRY_MS)
        expiry_ms = LEAST_EXPIRY_MS;
    if (now - state.beat_ns > expiry_ms * NS_PER_MS && !state.lapsed) {
        state.lapsed = true;
        put_in_force();
    }
}

static void tick(uint64_t now)
{
    hk_retain_tick(now);
    const struct hk_tuning_page *page = atomic_load_explicit(&hk_control.page, memory_order_acquire);
    bool silent = false, allowed = false;
    if (hk_lock_try(&state.lock)) {
        if (page != &empty_page)
            watch_heartbeat(page, now);
        silent = page == &empty_page || state.lapsed;
        allowed = state.may_hello;
        hk_lock_drop(&state.lock);
    }
    hk_publish_process();
    if (silent)
        hk_publish_retry(now, allowed);
}

void hk_control_tick(void)
{
    uint64_t now = hk_os_now_ns();
    hk_publish_clock(now);
    uint64_t due = atomic_load_explicit(&next_tick_ns, memory_order_relaxed);
    if (now >= due && atomic_compare_exchange_strong(&next_tick_ns, &due, now + TICK_NS))
        tick(now);
}

void hk_control_page_begin(void)
{
    hk_lock_take(&state.lock);
}

/* Makes the next slow path look at the page, whatever it saw of this one or another before: no page gets as
 * far as this epoch. 0 is for a fork unnoticed. */
static void look_again(void)
{
    atomic_store_explicit(atomic_load(&hk_control.seen), UINT64_MAX, memory_order_relaxed);
}

static void use_page(const struct hk_tuning_page *page)
{
    look_again();
    state.heartbeat = atomic_load_explicit(&page->heartbeat, memory_order_relaxed);
    state.beat_ns = 0;
    state.trim_seen = atomic_load_explicit(&page->trim_command, memory_order_relaxed);
    state.flush_seen = atomic_load_explicit(&page->flush_command, memory_order_relaxed);
    atomic_store_explicit(&hk_control.page, page, memory_order_release);
    /* Heaps that have none yet get their slots. */
    atomic_fetch_add_explicit(&hk_control.epoch, 1, memory_order_release);
}

void hk_control_page_end(const struct hk_tuning_page *page)
{
    if (page != NULL)
        use_page(page);
    hk_lock_drop(&state.lock);
}

bool hk_control_fork_seen(void)
{
    const hk_au64 *seen = atomic_load_explicit(&hk_control.seen, memory_order_relaxed);
    return seen != &seen_without_wiping && atomic_load_explicit(seen, memory_order_relaxed) != 0;
}

void hk_control_after_fork(void)
{
    hk_lock_init(&state.lock);
    look_again(); /* the parent may not have seen what is there */
}
