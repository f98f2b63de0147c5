/* control.c - see control.h. */
#include "lib/tuning/control.h"

#include <string.h>

#include "lib/arena/purge.h"
#include "lib/base/process_counters.h"
#include "lib/base/start_data.h"
#include "lib/base/tuned_values.h"
#include "lib/harden/harden_live.h"
#include "lib/heap/bin.h"
#include "lib/os/os.h"
#include "lib/publish/publish.h"
#include "lib/publish/tuning_reader.h"
#include "lib/tuning/environment.h"

static hk_au64 seen_without_wiping = 1;

struct hk_control hk_control = {.seen = &seen_without_wiping, .epoch = 1};
struct hk_lock hk_control_lock HK_EARLY;

/* The process's own; guarded by the lock. */
static struct hk_setting own[HK_VALUES] = {
#define HK_TUNABLE(name, type, unit, min, max, default_, ...) [HK_TUNE_##name].value = (default_),
#include "shm/tunables.def"
};

/* A heap whose flush_seen is below flushes what it has. */
static hk_au64 flush_wanted HK_EARLY;
static hk_au64 next_tick_ns HK_EARLY;

#define TICK_NS UINT64_C(100000000) /* how often a busy process sees to what comes with time */

/* ---- values ---- */

static uint64_t clamp(uint64_t v, const struct hk_tunable_info *info)
{
    return v < info->min ? info->min : v > info->max ? info->max : v;
}

/* The value in force at an index: a daemon's while it lives, else the process's own, else unset. */
static struct hk_setting in_force(unsigned index)
{
    struct hk_setting v;
    return hk_steer_value(index, &v) ? v : own[index];
}

const struct hk_setting *hk_control_own(unsigned index)
{
    return &own[index];
}

void hk_control_put_in_force(void)
{
    uint64_t class_batch[HK_CLASSES] = {0};
    for (unsigned i = 0; i < HK_TUNABLES; i++) {
        uint64_t v = clamp(in_force(i).value, &hk_tunables[i]);
        atomic_store_explicit(&hk_params[i], v, memory_order_relaxed);
    }
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        unsigned index = hk_class_value_index(HK_TUNE_CLASS_refill_batch, c);
        struct hk_setting v = in_force(index);
        class_batch[c] = v.set ? clamp(v.value, hk_value_info(index)) : 0;
    }
    hk_params_derive(class_batch);
    hk_harden_want(hk_param(HK_TUNE_harden));
    hk_steer_publish_applied();
    atomic_fetch_add_explicit(&hk_control.epoch, 1, memory_order_release);
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
    hk_lock_take(&hk_control_lock);
    if (source >= own[index].source) {
        own[index] = (struct hk_setting){.value = value, .source = (uint8_t)source, .set = true};
        hk_control_put_in_force();
    }
    hk_lock_drop(&hk_control_lock);
    return true;
}

void hk_control_init(bool trust_env)
{
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

/* ---- what every heap is to do ---- */

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

void hk_control_flush(struct hk_heap *heap)
{
    want_flush();
    if (heap != NULL)
        flush_if_wanted(heap);
}

size_t hk_control_trim(struct hk_heap *heap, size_t keep)
{
    uint64_t before = hk_total(&hk_process.purged_bytes_total);
    hk_control_flush(heap);
    hk_retain_trim(keep);
    hk_publish_process();
    return (size_t)(hk_total(&hk_process.purged_bytes_total) - before);
}

void hk_control_attend(struct hk_heap *heap)
{
    const hk_au64 *seen = atomic_load_explicit(&hk_control.seen, memory_order_acquire);
    if (hk_steer_news(seen))
        hk_steer_attend(heap);
    uint64_t epoch = atomic_load_explicit(&hk_control.epoch, memory_order_acquire);
    if (heap->epoch != epoch) {
        heap->epoch = epoch;
        hk_publish_place(heap);
        flush_if_wanted(heap);
        atomic_store_explicit(&heap->generation_seen,
                              atomic_load_explicit(&hk_process.generation_applied, memory_order_relaxed),
                              memory_order_relaxed);
        hk_process_changed(); /* heaps_behind may have become less */
    }
}

/* ---- time ---- */

static void publish_applied(void)
{
    hk_lock_take(&hk_control_lock);
    hk_steer_publish_applied();
    hk_lock_drop(&hk_control_lock);
}

static void tick(uint64_t now)
{
    hk_retain_tick(now);
    if (HK_UNLIKELY(hk_harden_tick()))
        publish_applied();
    hk_steer_tick(now);
}

void hk_control_tick(void)
{
    uint64_t now = hk_os_now_ns();
    hk_publish_clock(now);
    uint64_t due = atomic_load_explicit(&next_tick_ns, memory_order_relaxed);
    if (now >= due && atomic_compare_exchange_strong(&next_tick_ns, &due, now + TICK_NS))
        tick(now);
}

void hk_control_look_again(void)
{
    atomic_store_explicit(atomic_load(&hk_control.seen), UINT64_MAX, memory_order_relaxed);
}

bool hk_control_fork_seen(void)
{
    const hk_au64 *seen = atomic_load_explicit(&hk_control.seen, memory_order_relaxed);
    return seen != &seen_without_wiping && atomic_load_explicit(seen, memory_order_relaxed) != 0;
}

void hk_control_after_fork(void)
{
    hk_lock_init(&hk_control_lock);
    hk_control_look_again(); /* the parent may not have seen what is there */
}
