/*
 * publish.c - see publish.h.
 *
 * A heap without a cell of its own (none was to be had; or it is the inheritance of a forked child, whose
 * threads stayed behind) is summed with its like into one shared slot, made anew now and then.
 */
#include "lib/publish/publish.h"

#include <string.h>

#include "lib/base/process_counters.h"
#include "lib/base/start_data.h"
#include "lib/heap/bin.h"
#include "lib/os/lock.h"
#include "lib/os/os.h"
#include "lib/publish/hello.h"
#include "lib/publish/segment.h"
#include "lib/tuning/control.h"
#include "lib/tuning/environment.h"
#include "shm/derive.h"
#include "shm/text.h"

#define NS_PER_MS       UINT64_C(1000000)
#define SHARED_EVERY_NS (100 * NS_PER_MS)
#define WORK_BYTES      (256 * HK_KIB) /* what a program has used when HAKMEM_PUBLISH=work publishes it */

/* Guarded by the lock, which is only ever tried on slow paths of allocation. */
static struct {
    struct hk_lock lock;
    struct hk_segment segment;
    _Atomic(struct hk_area *) area; /* NULL: this process publishes nothing */
    struct hk_slot *shared;         /* slot of the heaps without one */
    uint32_t area_cell;
    uint32_t epoch; /* counts up at a fork: cells of an earlier one are the parent's */
    uint32_t pid, root_pid, parent_pid;
    bool forked;          /* the segment is one that an ancestor made */
    bool unfolded;        /* totals are still the parent's */
    _Atomic(bool) owed;   /* a daemon was there, and the hello did not get to it */
    _Atomic(bool) behind; /* some heap had not seen the applied generation when last counted */
    hk_au64 published_changes;
    uint64_t others_published; /* hk_process_changes at that time */
    uint64_t generation_counted;
    hk_au64 shared_due_ns;
    uint64_t full_until_ns;    /* no cell was to be had, and none is looked for before */
    hk_au64 retry_ns;          /* no hello before this */
    hk_au64 retry_interval_ns; /* how long to wait after it */
    char label[HK_LABEL_BYTES];
} pub HK_EARLY;

static struct hk_area *area(void)
{
    return atomic_load_explicit(&pub.area, memory_order_acquire);
}

static void stamp(hk_au64 *word)
{
    atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + 1, memory_order_release);
}

/* ---- rows ---- */

/* Done at each refill and flush: five words a round, which the compiler may not put together itself. */
HK_INLINE void copy_words(hk_au64 *to, const hk_au64 *from, unsigned n)
{
    unsigned i = 0;
    for (; i + 5 <= n; i += 5) {
        hk_publish_word(&to[i], &from[i]);
        hk_publish_word(&to[i + 1], &from[i + 1]);
        hk_publish_word(&to[i + 2], &from[i + 2]);
        hk_publish_word(&to[i + 3], &from[i + 3]);
        hk_publish_word(&to[i + 4], &from[i + 4]);
    }
    for (; i < n; i++)
        hk_publish_word(&to[i], &from[i]);
}

void hk_publish_class_row(const struct hk_heap *heap, struct hk_slot *slot, unsigned size_class)
{
    copy_words((hk_au64 *)&slot->rows[size_class], (const hk_au64 *)&heap->classes[size_class].totals,
               HK_CLASS_COUNTERS);
    hk_publish_word(&slot->counters.cache_bytes, &heap->cache_bytes);
    hk_publish_word(&slot->counters.generation_seen, &heap->generation_seen);
    stamp(&slot->stamp);
}

static void store_heap(struct hk_slot *slot, const struct hk_heap *heap)
{
    for (unsigned c = 0; c < HK_CLASSES; c++)
        copy_words((hk_au64 *)&slot->rows[c], (const hk_au64 *)&heap->classes[c].totals, HK_CLASS_COUNTERS);
    hk_publish_word(&slot->counters.cache_bytes, &heap->cache_bytes);
    hk_publish_word(&slot->counters.generation_seen, &heap->generation_seen);
    hk_publish_word(&slot->counters.attaches_total, &heap->attaches);
    stamp(&slot->stamp);
}

static void set_state(struct hk_slot *slot, unsigned state)
{
    atomic_store_explicit(&slot->state, state, memory_order_relaxed);
    stamp(&slot->stamp);
}

/* ---- cells; under the lock ---- */

static bool has_slot(const struct hk_heap *heap)
{
    return heap->slot != NULL && heap->slot_epoch == pub.epoch;
}

static struct hk_slot *claim_slot(uint32_t heap_id, unsigned state)
{
    uint32_t cell;
    struct hk_slot *slot = hk_segment_claim(&pub.segment, pub.pid, &cell);
    if (slot == NULL)
        return NULL;
    atomic_store_explicit(&slot->area, pub.area_cell, memory_order_relaxed);
    atomic_store_explicit(&slot->heap_id, heap_id, memory_order_relaxed);
    atomic_store_explicit(&slot->state, state, memory_order_relaxed);
    hk_segment_announce(&pub.segment, cell, HK_CELL_SLOT, pub.area_cell);
    return slot;
}

/* Who the process is. */
static void sign_area(struct hk_area *a)
{
    atomic_store_explicit(&a->pid, pub.pid, memory_order_relaxed);
    atomic_store_explicit(&a->parent_pid, pub.parent_pid, memory_order_relaxed);
    atomic_store_explicit(&a->claimed_ns, hk_os_now_ns(), memory_order_relaxed);
    hk_text_field(a->comm, sizeof a->comm, hk_hello_comm(), strlen(hk_hello_comm()));
    hk_text_field(a->label, sizeof a->label, pub.label, strlen(pub.label));
}

static bool claim_area(void)
{
    uint32_t cell;
    struct hk_area *a = hk_segment_claim(&pub.segment, pub.pid, &cell);
    if (a == NULL)
        return false;
    sign_area(a);
    pub.area_cell = cell;
    pub.shared = NULL;
    atomic_store_explicit(&pub.published_changes, UINT64_MAX, memory_order_relaxed);
    pub.others_published = UINT64_MAX;
    atomic_store_explicit(&pub.area, a, memory_order_release);
    hk_process_reckon();
    copy_words((hk_au64 *)&a->counters, (const hk_au64 *)&hk_process, HK_PROCESS_COUNTERS);
    hk_steer_publish_applied();
    hk_segment_announce(&pub.segment, cell, HK_CELL_AREA, cell);
    return true;
}

static void set_flag(struct hk_area *a, uint32_t flag, bool on)
{
    uint32_t flags = atomic_load_explicit(&a->flags, memory_order_relaxed);
    atomic_store_explicit(&a->flags, on ? flags | flag : flags & ~flag, memory_order_relaxed);
}

static bool is_unpublished(unsigned id)
{
    return hk_heap_used(id) && !has_slot(hk_heap_at(id));
}

static unsigned count_unpublished(void)
{
    unsigned count = hk_heap_count(), unpublished = 0;
    for (unsigned id = 1; id <= count; id++)
        unpublished += is_unpublished(id);
    return unpublished;
}

/* Stores into the shared slot what was inherited and the totals of heaps that have no slot. */
static void sum_unpublished(void)
{
    static uint64_t sum[HK_CLASSES * HK_CLASS_COUNTERS]; /* guarded by the lock */
    unsigned count = hk_heap_count();
    uint64_t cache_bytes = 0;
    for (unsigned i = 0; i < HK_COUNT_OF(sum); i++)
        sum[i] = hk_total(&((const hk_au64 *)hk_inherited)[i]);
    for (unsigned id = 1; id <= count; id++) {
        if (!is_unpublished(id))
            continue;
        struct hk_heap *heap = hk_heap_at(id);
        for (unsigned i = 0; i < HK_COUNT_OF(sum); i++) {
            const struct hk_class_row *row = &heap->classes[i / HK_CLASS_COUNTERS].totals;
            sum[i] += hk_total((const hk_au64 *)row + i % HK_CLASS_COUNTERS);
        }
        cache_bytes += hk_total(&heap->cache_bytes);
        heap->summed = true;
    }
    hk_au64 *to = (hk_au64 *)pub.shared->rows;
    for (unsigned i = 0; i < HK_COUNT_OF(sum); i++)
        atomic_store_explicit(&to[i], sum[i], memory_order_relaxed);
    atomic_store_explicit(&pub.shared->counters.cache_bytes, cache_bytes, memory_order_relaxed);
    stamp(&pub.shared->stamp);
}

/* Sums the heaps that have no slot into the shared one. */
static void store_shared(void)
{
    unsigned unpublished = count_unpublished();
    if (unpublished != hk_total(&hk_process.heaps_unpublished))
        hk_process_changed();
    atomic_store_explicit(&hk_process.heaps_unpublished, unpublished, memory_order_relaxed);
    if ((unpublished != 0 || pub.forked) && pub.shared == NULL)
        pub.shared = claim_slot(0, HK_SLOT_SHARED);
    set_flag(area(), HK_AREA_PRIVATE, unpublished != 0 && pub.shared == NULL);
    if (pub.shared != NULL)
        sum_unpublished();
}

/* Gives a heap a slot, if one is to be had. */
static void place_heap(struct hk_heap *heap, unsigned state)
{
    heap->slot = hk_os_now_ns() < pub.full_until_ns ? NULL : claim_slot(heap->id, state);
    heap->slot_epoch = pub.epoch;
    if (heap->slot != NULL) {
        store_heap(heap->slot, heap);
        return;
    }
    pub.full_until_ns = hk_os_now_ns() + SHARED_EVERY_NS;
    if (hk_count(&hk_process.heaps_unpublished, 1) == 1)
        atomic_store_explicit(&pub.shared_due_ns, 0, memory_order_relaxed);
}

/* ---- heaps come and go ---- */

/* The totals of a class over all heaps, which are set to zero, and what was inherited before, as what is left
 * of them now: live blocks as if just allocated, out of blocks just refilled, of which the others are in
 * bins. */
static void fold_class(unsigned c)
{
    struct hk_class_row *to = &hk_inherited[c];
    uint64_t allocs = hk_total(&to->allocs_total), frees = 0, flushed = 0;
    uint64_t refilled = hk_total(&to->refilled_blocks_total);
    unsigned count = hk_heap_count();
    for (unsigned id = 1; id <= count; id++) {
        struct hk_class_row *row = &hk_heap_at(id)->classes[c].totals;
        /* A child of a child: heaps that it never touched are zero, and their pages not to be written to. */
        if ((hk_total(&row->allocs_total) | hk_total(&row->frees_total) |
             hk_total(&row->refilled_blocks_total)) == 0)
            continue;
        allocs += hk_total(&row->allocs_total);
        frees += hk_total(&row->frees_total);
        refilled += hk_total(&row->refilled_blocks_total);
        flushed += hk_total(&row->flushed_blocks_total);
        /* But for the bounds, which are the bins' and still hold. */
        for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++) {
            if (i != HK_CLASS_AT(allocs_lag_blocks) && i != HK_CLASS_AT(frees_lag_blocks))
                atomic_store_explicit(&((hk_au64 *)row)[i], 0, memory_order_relaxed);
        }
    }
    atomic_store_explicit(&to->allocs_total, allocs > frees ? allocs - frees : 0, memory_order_relaxed);
    atomic_store_explicit(&to->refilled_blocks_total, refilled > flushed ? refilled - flushed : 0,
                          memory_order_relaxed);
}

/* The child's first slow path, when it has but one thread, which is the heap's. */
static void fold_totals(struct hk_heap *heap)
{
    if (!pub.unfolded)
        return;
    hk_heap_learn(heap);
    for (unsigned c = 0; c < HK_CLASSES; c++)
        fold_class(c);
    pub.unfolded = false;
}

static void ensure_area(struct hk_heap *heap)
{
    if (pub.segment.header == NULL || area() != NULL)
        return;
    fold_totals(heap);
    if (claim_area())
        store_shared();
}

void hk_publish_attach(struct hk_heap *heap)
{
    if (pub.segment.header == NULL)
        return;
    hk_lock_take(&pub.lock);
    ensure_area(heap);
    if (area() != NULL) {
        if (has_slot(heap)) {
            set_state(heap->slot, HK_SLOT_LIVE);
            hk_publish_word(&heap->slot->counters.attaches_total, &heap->attaches);
        } else {
            bool summed = heap->summed;
            heap->summed = false;
            place_heap(heap, HK_SLOT_LIVE);
            if (summed && heap->slot != NULL)
                store_shared(); /* what it no longer is part of */
        }
    } else {
        heap->slot = NULL;
    }
    hk_lock_drop(&pub.lock);
    hk_publish_process();
}

void hk_publish_place(struct hk_heap *heap)
{
    if (area() != NULL && !has_slot(heap))
        hk_publish_attach(heap);
}

void hk_publish_detach(struct hk_heap *heap)
{
    struct hk_slot *slot = hk_publish_slot(heap);
    if (slot != NULL)
        set_state(slot, HK_SLOT_POOLED);
    hk_publish_process();
}

/* ---- the process ---- */

static void store_process(struct hk_area *a)
{
    uint64_t generation = hk_total(&hk_process.generation_applied);
    if (pub.behind || generation != pub.generation_counted) {
        unsigned behind = hk_heaps_behind(generation);
        pub.generation_counted = generation;
        pub.behind = behind != 0;
        atomic_store_explicit(&hk_process.heaps_behind, behind, memory_order_relaxed);
        pub.others_published = UINT64_MAX;
    }
    /* What a reader sees applied has its verdicts stored. */
    atomic_thread_fence(memory_order_release);
    hk_process_reckon();
    /* A program of big blocks comes here with each: then only what those change is copied. */
    enum { BIG = HK_PROCESS_AT(retained_bytes), BIG_WORDS = HK_PROCESS_AT(big_cache_hits_total) + 1 - BIG };
    uint64_t others = hk_total(&hk_process_changes);
    if (others == pub.others_published)
        copy_words((hk_au64 *)&a->counters + BIG, (const hk_au64 *)&hk_process + BIG, BIG_WORDS);
    else
        copy_words((hk_au64 *)&a->counters, (const hk_au64 *)&hk_process, HK_PROCESS_COUNTERS);
    pub.others_published = others;
    stamp(&a->stamp);
}

void hk_publish_process(void)
{
    struct hk_area *a = area();
    if (a == NULL)
        return;
    /* Whoever finds the lock taken leaves its changes to the holder, who looks again, but not for ever. */
    for (int round = 0; round < 3; round++) {
        uint64_t changes = hk_process_version();
        if ((changes == hk_total(&pub.published_changes) && !pub.behind) || !hk_lock_try(&pub.lock))
            return;
        atomic_store_explicit(&pub.published_changes, changes, memory_order_relaxed);
        hk_process_tell();
        store_process(a);
        bool again = hk_process_version() != changes;
        hk_lock_drop(&pub.lock);
        if (!again)
            return;
    }
}

void hk_publish_clock(uint64_t now_ns)
{
    atomic_store_explicit(&hk_process.last_slow_path_ns, now_ns, memory_order_relaxed);
    struct hk_area *a = area();
    if (a == NULL || (hk_process_can_wait_at(now_ns) && !pub.behind))
        return;
    atomic_store_explicit(&a->counters.last_slow_path_ns, now_ns, memory_order_relaxed);
    stamp(&a->stamp);
    hk_publish_process();
    if (hk_total(&hk_process.heaps_unpublished) != 0 && now_ns >= hk_total(&pub.shared_due_ns) &&
        hk_lock_try(&pub.lock)) {
        atomic_store_explicit(&pub.shared_due_ns, now_ns + SHARED_EVERY_NS, memory_order_relaxed);
        store_shared();
        hk_lock_drop(&pub.lock);
    }
}

void hk_publish_applied(unsigned index, const struct hk_applied_row *row)
{
    struct hk_area *a = area();
    if (a == NULL)
        return;
    struct hk_applied *to = &a->applied[index];
    atomic_store_explicit(&to->value, row->value, memory_order_relaxed);
    atomic_store_explicit(&to->effective, row->effective, memory_order_relaxed);
    atomic_store_explicit(&to->generation, row->generation, memory_order_relaxed);
    atomic_store_explicit(&to->life_s, row->life_s, memory_order_relaxed);
    atomic_store_explicit(&to->source, row->source, memory_order_relaxed);
    atomic_store_explicit(&to->verdict, row->verdict, memory_order_relaxed);
    stamp(&a->stamp);
}

void hk_publish_flush_done(uint64_t number)
{
    struct hk_area *a = area();
    if (a != NULL) {
        atomic_store_explicit(&a->flush_done, number, memory_order_release);
        stamp(&a->stamp);
    }
}

void hk_publish_trim_done(uint64_t number, uint64_t released)
{
    struct hk_area *a = area();
    if (a != NULL) {
        atomic_store_explicit(&a->trim_released_bytes, released, memory_order_relaxed);
        atomic_store_explicit(&a->trim_done, number, memory_order_release);
        stamp(&a->stamp);
    }
}

void hk_publish_label(const char *label, size_t len)
{
    hk_control_notice_fork();
    hk_lock_take(&pub.lock);
    hk_text_field(pub.label, sizeof pub.label, label, len);
    struct hk_area *a = area();
    if (a != NULL) {
        memcpy(a->label, pub.label, sizeof a->label);
        stamp(&a->stamp);
    }
    hk_lock_drop(&pub.lock);
}

/* ---- hello; under the lock ---- */

/* Makes a segment, or one in place of an old one, and everything known is stored into it. */
static bool make_segment(bool late, struct hk_segment_fds *fds)
{
    uint32_t pid = hk_hello_pid();
    if (pub.root_pid == 0)
        pub.root_pid = pid;
    if (!hk_segment_make(&pub.segment, pub.root_pid, pid, late, fds))
        return false;
    pub.pid = pid;
    struct hk_area *a = area();
    if (a == NULL) {
        if (claim_area())
            return true;
        hk_segment_drop(&pub.segment);
        return false;
    }
    memset(a, 0, sizeof *a);
    sign_area(a);
    hk_steer_publish_applied();
    store_process(a);
    return true;
}

/* Slots for heaps that have none, current totals into the slots of the others. */
static void place_heaps(void)
{
    unsigned count = hk_heap_count();
    for (unsigned id = 1; id <= count; id++) {
        struct hk_heap *heap = hk_heap_at(id);
        if (!hk_heap_used(id) || !has_slot(heap))
            continue; /* its holder will ask for one, or it stays with the shared ones */
        atomic_store_explicit(&heap->slot->area, pub.area_cell, memory_order_relaxed);
        atomic_store_explicit(&heap->slot->heap_id, id, memory_order_relaxed);
        atomic_store_explicit(&heap->slot->state, hk_heap_live(id) ? HK_SLOT_LIVE : HK_SLOT_POOLED,
                              memory_order_relaxed);
        store_heap(heap->slot, heap);
    }
    if (pub.shared != NULL) {
        atomic_store_explicit(&pub.shared->area, pub.area_cell, memory_order_relaxed);
        atomic_store_explicit(&pub.shared->state, HK_SLOT_SHARED, memory_order_relaxed);
    }
    store_shared();
}

/* Returns whether a daemon was there to be greeted. */
static bool greet(bool late)
{
    struct hk_segment_fds fds = {-1, -1};
    int fd = hk_segment_allowed() ? hk_hello_connect(late) : -1;
    if (fd < 0)
        return false;
    bool repeated = pub.segment.header != NULL;
    pub.owed = true;
    hk_steer_page_begin();
    bool made = make_segment(late, &fds);
    hk_steer_page_end(made ? pub.segment.tuning : NULL);
    if (made) {
        place_heaps();
        unsigned flags = (repeated ? HK_HELLO_REPEATED : 0u) | (pub.forked ? HK_HELLO_CHILD : 0u);
        hk_count(&hk_process.hellos_total, 1);
        pub.owed = hk_hello_send(fd, &fds, pub.pid, pub.root_pid, flags, pub.label) != 0;
    }
    hk_segment_close(&fds, late);
    hk_hello_close(fd, late);
    return true;
}

void hk_publish_start(bool trust_env)
{
    const struct hk_options *options = hk_options_get();
    hk_text_field(pub.label, sizeof pub.label, options->label, strlen(options->label));
    if (options->publish == HK_PUBLISH_OFF)
        return;
    hk_hello_init(trust_env);
    if (options->publish == HK_PUBLISH_START && !hk_hello_expected())
        return;
    hk_hello_name();
    if (options->publish != HK_PUBLISH_START)
        return;
    hk_lock_take(&pub.lock);
    greet(false);
    hk_lock_drop(&pub.lock);
}

/* Whether a first hello may still come, after start. */
static bool may_begin(void)
{
    switch (hk_options_get()->publish) {
    case HK_PUBLISH_RETRY:
        return true;
    case HK_PUBLISH_WORK:
        return hk_total(&hk_process.slabs_in_use) * HK_SLAB_BYTES + hk_total(&hk_process.big_bytes) >=
               WORK_BYTES;
    default:
        return false;
    }
}

void hk_publish_retry(uint64_t now_ns, bool allowed)
{
    if (!allowed && !((pub.segment.header == NULL || pub.owed) && may_begin()))
        return;
    if (now_ns < hk_total(&pub.retry_ns) || !hk_lock_try(&pub.lock))
        return;
    /* Jitter by the address of this process's own state: a host's processes must not come all at once. */
    uint64_t jitter = (hk_arena_base() >> HK_SUPERSLAB_SHIFT ^ pub.pid) % 256 * NS_PER_MS;
    bool greeted = greet(true);
    uint64_t wait = hk_hello_next_wait(hk_total(&pub.retry_interval_ns), greeted);
    atomic_store_explicit(&pub.retry_interval_ns, wait, memory_order_relaxed);
    atomic_store_explicit(&pub.retry_ns, now_ns + wait + jitter, memory_order_relaxed);
    hk_lock_drop(&pub.lock);
}

void hk_publish_heard(void)
{
    atomic_store_explicit(&pub.retry_interval_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&pub.retry_ns, 0, memory_order_relaxed);
}

void hk_publish_exit(struct hk_heap *heap)
{
    hk_control_notice_fork();
    struct hk_area *a = area();
    if (a == NULL)
        return;
    if (heap != NULL)
        hk_heap_settle(heap);
    /* Tried only: exit() may have been called where it must not be, out of a signal handler. */
    if (!hk_lock_try(&pub.lock))
        return;
    set_flag(a, HK_AREA_EXITED, true);
    if (pub.shared != NULL)
        store_shared();
    store_process(a);
    hk_lock_drop(&pub.lock);
}

/* What happened in the parent, it has counted. */
static void begin_events_anew(void)
{
    enum { GAUGE, COUNTER };
    hk_process_inherit();
#define HK_PROCESS_COUNTER(name, kind, unit, help)                                                           \
    if ((kind) == COUNTER)                                                                                   \
        atomic_store_explicit(&hk_process.name, 0, memory_order_relaxed);
#include "shm/counters.def"
}

void hk_publish_after_fork(void)
{
    hk_lock_init(&pub.lock);
    pub.epoch++;
    pub.shared = NULL;
    pub.full_until_ns = 0;
    if (pub.segment.header != NULL) {
        pub.forked = true;
        pub.unfolded = true;
        begin_events_anew();
        pub.parent_pid = pub.pid;
        pub.pid = hk_hello_pid();
    }
    atomic_store(&pub.area, NULL);
}
