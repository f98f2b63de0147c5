/*
 * heap.c - see heap.h: how threads come by heaps, and part with them.
 *
 * A heap is new or out of the pool. The pool is a stack (R. K. Treiber, 1986) of ids in one word with a tag
 * against ABA; its links and the heaps' states are dense arrays, so that a forked child can put the heaps
 * of lost threads there without touching (and so copying) the heaps.
 */
#include "lib/heap/heap.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "lib/base/process_counters.h"
#include "lib/entry/init.h"
#include "lib/harden/intercept.h"
#include "lib/heap/bin.h"
#include "lib/os/lock.h"
#include "lib/publish/publish.h"
#include "lib/tuning/control.h"

const struct hk_heap hk_empty_heap = {
    .bins = {[1 ... HK_CLASSES] = {.top = HK_EMPTY_TOP}},
};

__thread struct hk_heap *hk_tls_heap __attribute__((tls_model("initial-exec"))) = HK_EMPTY_HEAP;

/* The thread's heap also while hk_tls_heap is empty; and how far the thread's end has come. */
static __thread struct hk_heap *own_heap __attribute__((tls_model("initial-exec")));
static __thread uint8_t end_rounds __attribute__((tls_model("initial-exec")));
static __thread bool late __attribute__((tls_model("initial-exec")));
static __thread bool forked
    __attribute__((tls_model("initial-exec"))); /* with own_heap; nothing done since */

_Atomic(uint8_t) hk_heap_states[HK_MAX_HEAPS + 1];
static hk_au32 pool_next[HK_MAX_HEAPS + 1];
static hk_au64 pool; /* tag << 32 | id */
hk_au32 hk_heaps_made;

static pthread_key_t end_key;
static _Atomic(bool) end_key_made;

static struct {
    struct hk_lock lock;
    struct hk_heap *heap;
} late_heap;

static void pool_push(unsigned id)
{
    uint64_t head = atomic_load(&pool), then;
    do {
        atomic_store_explicit(&pool_next[id], (uint32_t)head, memory_order_relaxed);
        then = ((head >> 32) + 1) << 32 | id;
    } while (!atomic_compare_exchange_weak(&pool, &head, then));
}

static unsigned pool_pop(void)
{
    uint64_t head = atomic_load(&pool), then;
    do {
        if ((uint32_t)head == 0)
            return 0;
        then = ((head >> 32) + 1) << 32 |
               atomic_load_explicit(&pool_next[(uint32_t)head], memory_order_relaxed);
    } while (!atomic_compare_exchange_weak(&pool, &head, then));
    return (uint32_t)head;
}

unsigned hk_heap_count(void)
{
    return atomic_load_explicit(&hk_heaps_made, memory_order_acquire);
}

static struct hk_heap *heap_new(void)
{
    unsigned id = atomic_load(&hk_heaps_made);
    do {
        if (id == HK_MAX_HEAPS)
            return NULL;
        /* Mapped first: whoever counts this heap may look at it. */
        if (hk_arena_map_heap(id + 1, HK_HEAP_STRIDE) != 0)
            return NULL;
    } while (!atomic_compare_exchange_weak(&hk_heaps_made, &id, id + 1));
    struct hk_heap *heap = hk_heap_at(id + 1);
    heap->id = id + 1;
    hk_bin_init(heap);
    return heap;
}

static struct hk_heap *heap_from_pool(void)
{
    unsigned id = pool_pop();
    if (id == 0)
        return NULL;
    struct hk_heap *heap = hk_heap_at(id);
    hk_uncount(&hk_process.heaps_pooled, 1);
    if (atomic_load(&hk_heap_states[id]) == HK_HEAP_LOST)
        hk_heap_recount(heap);
    return heap;
}

static void thread_ends(void *heap);

/* Arranges for thread_ends(). May call calloc, by when the thread has its heap. */
static void watch_thread(struct hk_heap *heap)
{
    if (atomic_load_explicit(&end_key_made, memory_order_acquire))
        (void)pthread_setspecific(end_key, heap);
}

/* What malloc and free see of a thread's heap: nothing where each call is to take the slow way. */
static struct hk_heap *shown(struct hk_heap *heap)
{
    return HK_UNLIKELY(hk_is_diverted()) ? HK_EMPTY_HEAP : heap;
}

static struct hk_heap *attach(void)
{
    int saved_errno = errno;
    struct hk_heap *heap = heap_from_pool();
    if (heap == NULL)
        heap = heap_new();
    if (heap == NULL)
        return NULL;
    atomic_store(&hk_heap_states[heap->id], HK_HEAP_LIVE);
    hk_count(&hk_process.heaps_live, 1);
    uint64_t attaches = atomic_load_explicit(&heap->attaches, memory_order_relaxed);
    atomic_store_explicit(&heap->attaches, attaches + 1, memory_order_relaxed);
    own_heap = heap;
    hk_tls_heap = shown(heap);
    hk_publish_attach(heap);
    watch_thread(heap);
    errno = saved_errno;
    return heap;
}

struct hk_heap *hk_heap_get(void)
{
    hk_control_notice_fork();
    if (HK_UNLIKELY(late))
        return NULL;
    if (own_heap == NULL) {
        if (!hk_init_ready())
            return NULL;
        return attach();
    }
    if (hk_tls_heap != own_heap) {
        hk_tls_heap = shown(own_heap);
        if (forked) {
            forked = false;
            hk_control_check(own_heap);
            hk_publish_attach(own_heap);
        }
    }
    return own_heap;
}

struct hk_heap *hk_heap_own(void)
{
    return forked ? NULL : own_heap;
}

/* Runs in the second round of a thread's destructors, when those of everybody else have run once: what
 * comes after that is late mode. */
static void thread_ends(void *arg)
{
    struct hk_heap *heap = arg;
    if (end_rounds++ == 0 && pthread_setspecific(end_key, heap) == 0)
        return;
    if (own_heap != heap)
        return;
    late = true;
    hk_tls_heap = HK_EMPTY_HEAP;
    own_heap = NULL;
    hk_heap_rest(heap);
    hk_uncount(&hk_process.heaps_live, 1);
    hk_count(&hk_process.heaps_pooled, 1);
    hk_publish_detach(heap);
    atomic_store(&hk_heap_states[heap->id], HK_HEAP_POOLED);
    pool_push(heap->id);
}

void hk_heap_init(void)
{
    if (pthread_key_create(&end_key, thread_ends) == 0)
        atomic_store_explicit(&end_key_made, true, memory_order_release);
    if (own_heap != NULL)
        watch_thread(own_heap);
}

struct hk_heap *hk_heap_late_take(void)
{
    if (!hk_init_ready())
        return NULL;
    hk_lock_take(&late_heap.lock);
    if (late_heap.heap == NULL) {
        struct hk_heap *heap = heap_new();
        if (heap != NULL) {
            atomic_store(&hk_heap_states[heap->id], HK_HEAP_SHARED);
            hk_publish_attach(heap);
            late_heap.heap = heap;
        }
    }
    if (late_heap.heap == NULL) {
        hk_lock_drop(&late_heap.lock);
        return NULL;
    }
    if (late_heap.heap->suspect)
        hk_heap_recount(late_heap.heap);
    return late_heap.heap;
}

void hk_heap_late_drop(void)
{
    hk_lock_drop(&late_heap.lock);
}

bool hk_heap_used(unsigned id)
{
    return atomic_load_explicit(&hk_heap_states[id], memory_order_acquire) != HK_HEAP_NONE;
}

bool hk_heap_live(unsigned id)
{
    return atomic_load_explicit(&hk_heap_states[id], memory_order_relaxed) == HK_HEAP_LIVE;
}

unsigned hk_heaps_behind(uint64_t generation)
{
    unsigned behind = 0, count = hk_heap_count();
    for (unsigned id = 1; id <= count; id++) {
        if (hk_heap_live(id) &&
            atomic_load_explicit(&hk_heap_at(id)->generation_seen, memory_order_relaxed) < generation)
            behind++;
    }
    return behind;
}

/* Puts the heaps of threads that are not here into the pool. */
static void pool_lost(unsigned count, unsigned own)
{
    uint64_t lost = 0;
    for (unsigned id = 1; id <= count; id++) {
        if (id == own || !hk_heap_live(id))
            continue;
        atomic_store(&hk_heap_states[id], HK_HEAP_LOST);
        pool_push(id);
        lost++;
    }
    hk_uncount(&hk_process.heaps_live, lost);
    hk_count(&hk_process.heaps_pooled, lost);
}

/* Without handlers (_Fork, clone) it may be a thread that the child began that notices the fork, and the one
 * that forked still uses its heap: all are left as they are, but publish no more. */
static void leave_alone(unsigned count)
{
    for (unsigned id = 1; id <= count; id++) {
        if (hk_heap_live(id))
            hk_heap_at(id)->slot = NULL;
    }
}

void hk_heap_after_fork(void)
{
    if (own_heap != NULL)
        pool_lost(hk_heap_count(), own_heap->id);
    else
        leave_alone(hk_heap_count());
    hk_lock_init(&late_heap.lock);
    if (late_heap.heap != NULL) {
        late_heap.heap->suspect = true;
        late_heap.heap->slot = NULL;
    }
    if (own_heap != NULL)
        own_heap->slot = NULL;
    forked = own_heap != NULL;
    hk_tls_heap = HK_EMPTY_HEAP;
}

/* The heap a thread holds, which is not always the one that malloc sees. */
intptr_t hk_heap_from_thread(void)
{
#if defined(__x86_64__)
    const char *thread; /* what it points to begins with its own address */
    __asm__("mov %%fs:0, %0" : "=r"(thread));
#else
    const char *thread = __builtin_thread_pointer();
#endif
    return (const char *)&own_heap - thread;
}
