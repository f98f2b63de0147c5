/*
 * mallctl_acts.c - see mallctl.h: what a program sets and orders, and the numbers it is given.
 *
 * There is one arena, and a thread's cache is its own. Programs that make arenas and caches of their own get
 * numbers, which every call accepts and which change nothing; some end where they are refused any.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena/purge.h"
#include "lib/base/tuned_values.h"
#include "lib/heap/bin.h"
#include "lib/include/hakmem.h"
#include "lib/jemalloc/mallctl.h"
#include "lib/os/lock.h"
#include "lib/os/os.h"
#include "lib/tuning/control.h"
#include "shm/schema.h"
#include "shm/text.h"

/* ---- numbers ---- */

/* What the flags of mallocx() have room for. */
#define ARENAS 4095
#define CACHES 4094

struct numbers {
    hk_au64 taken[64]; /* a bit each */
    hk_au32 ever;      /* numbers below this were given out once */
};

static struct numbers arenas, caches;

static void raise_to(hk_au32 *ever, uint32_t n)
{
    uint32_t now = atomic_load(ever);
    while (now < n && !atomic_compare_exchange_weak(ever, &now, n))
        ;
}

/* The lowest free number from `from` up to `below`; -1 if there is none. */
static int take_number(struct numbers *of, unsigned from, unsigned below)
{
    for (unsigned n = from; n < below; n++) {
        uint64_t bit = UINT64_C(1) << n % 64;
        if ((atomic_load(&of->taken[n / 64]) & bit) == 0 &&
            (atomic_fetch_or(&of->taken[n / 64], bit) & bit) == 0) {
            raise_to(&of->ever, n + 1);
            return (int)n;
        }
    }
    return -1;
}

static bool is_taken(struct numbers *of, uint64_t n)
{
    return n < 4096 && (atomic_load(&of->taken[n / 64]) >> n % 64 & 1) != 0;
}

/* Of two who give it back one is told that it did. */
static bool give_number(struct numbers *of, uint64_t n)
{
    uint64_t bit = UINT64_C(1) << n % 64;
    return n < 4096 && (atomic_fetch_and(&of->taken[n / 64], ~bit) & bit) != 0;
}

int hk_ctl_make_id(bool arena, unsigned *made)
{
    int n = arena ? take_number(&arenas, 1, ARENAS) : take_number(&caches, 0, CACHES);
    if (n < 0)
        return EAGAIN;
    *made = (unsigned)n;
    return 0;
}

unsigned hk_ctl_arenas(void)
{
    unsigned ever = atomic_load(&arenas.ever);
    return ever != 0 ? ever : 1;
}

bool hk_ctl_arena_lives(unsigned index)
{
    return index == 0 || is_taken(&arenas, index);
}

int hk_ctl_destroy(unsigned arena)
{
    return arena != 0 && give_number(&arenas, arena) ? 0 : EFAULT;
}

int hk_ctl_flush_cache(uint64_t id)
{
    return is_taken(&caches, id) ? hk_ctl_flush_thread() : EFAULT;
}

int hk_ctl_drop_cache(uint64_t id)
{
    return give_number(&caches, id) ? hk_ctl_flush_thread() : EFAULT;
}

/* ---- the thread's ---- */

static __thread uint32_t thread_arena __attribute__((tls_model("initial-exec")));
static __thread bool caches_off __attribute__((tls_model("initial-exec")));

unsigned hk_ctl_thread_arena(void)
{
    return thread_arena;
}

int hk_ctl_set_thread_arena(uint64_t index)
{
    if (index >= ARENAS || !hk_ctl_arena_lives((unsigned)index))
        return EFAULT;
    thread_arena = (uint32_t)index;
    return 0;
}

bool hk_ctl_thread_caches(void)
{
    return !caches_off;
}

int hk_ctl_set_thread_caches(uint64_t on)
{
    caches_off = on == 0;
    return caches_off ? hk_ctl_flush_thread() : 0;
}

int hk_ctl_flush_thread(void)
{
    hk_control_notice_fork();
    struct hk_heap *heap = hk_heap_own();
    if (heap != NULL)
        hk_heap_flush(heap);
    return 0;
}

int hk_ctl_idle(void)
{
    hakmem_thread_idle();
    return 0;
}

/* ---- giving memory back ---- */

static _Atomic(bool) background;
static hk_au64 background_threads;

/* 0: as the tunables have it. Else what was set, and 2 more. */
static _Atomic(int64_t) decay_now[2], decay_of_new[2]; /* of dirty, of muzzy pages */

bool hk_ctl_background(void)
{
    return atomic_load(&background);
}

int hk_ctl_set_background(uint64_t on)
{
    atomic_store(&background, on != 0);
    return 0;
}

uint64_t hk_ctl_background_threads(void)
{
    return atomic_load(&background_threads);
}

int hk_ctl_set_background_threads(uint64_t most)
{
    atomic_store(&background_threads, most);
    return 0;
}

int hk_ctl_purge(void)
{
    (void)hk_control_trim(hk_heap_get(), 0);
    return 0;
}

int hk_ctl_decay_now(void)
{
    hk_control_notice_fork();
    hk_retain_check(0);
    return 0;
}

int64_t hk_ctl_decay(bool muzzy, bool of_new)
{
    int64_t kept = atomic_load(of_new ? &decay_of_new[muzzy] : &decay_now[muzzy]);
    if (kept != 0)
        return kept - 2;
    return muzzy ? 0 : (int64_t)hk_param(HK_TUNE_purge_delay_ms);
}

static void set_tunable(enum hk_tunable_id id, uint64_t value)
{
    char text[24];
    struct hk_text t = hk_text_in(text, sizeof text);
    enum hk_value_error error;
    const char *name = hk_tunables[id].name;
    hk_text_add_u64(&t, value);
    (void)hk_control_set_own(name, strlen(name), text, t.len, HK_SOURCE_PROGRAM, &error);
}

/* What was retained before a program said no time or endless time. */
static struct {
    struct hk_lock lock;
    bool is_set;
    uint64_t bytes, percent;
} retained;

void hk_ctl_acts_after_fork(void)
{
    hk_lock_init(&retained.lock);
}

/* What is retained has no age here: no time keeps nothing, endless time keeps all, and between the two is
 * what was kept before. */
static void retain_for(int64_t ms)
{
    hk_lock_take(&retained.lock);
    if (ms <= 0 && !retained.is_set) {
        retained.bytes = hk_param(HK_TUNE_retain_bytes);
        retained.percent = hk_param(HK_TUNE_retain_percent);
    }
    if (ms <= 0) {
        set_tunable(HK_TUNE_retain_bytes, ms == 0 ? 0 : hk_tunables[HK_TUNE_retain_bytes].max);
        set_tunable(HK_TUNE_retain_percent, ms == 0 ? 0 : retained.percent);
    } else if (retained.is_set) {
        set_tunable(HK_TUNE_retain_bytes, retained.bytes);
        set_tunable(HK_TUNE_retain_percent, retained.percent);
    }
    retained.is_set = ms <= 0;
    hk_lock_drop(&retained.lock);
}

/* All memory is arena 0's; what a program says of one of its own changes nothing. */
static bool is_of_all(unsigned arena)
{
    return arena == 0 || arena == HK_CTL_ALL || arena == hk_ctl_arenas();
}

int hk_ctl_set_decay(unsigned arena, bool muzzy, bool of_new, uint64_t v)
{
    int64_t ms = (int64_t)v;
    if (ms < -1 || ms > INT64_MAX - 2)
        return EFAULT;
    if (!of_new && !is_of_all(arena))
        return 0;
    atomic_store(of_new ? &decay_of_new[muzzy] : &decay_now[muzzy], ms + 2);
    if (muzzy || of_new)
        return 0;
    retain_for(ms);
    return ms >= 0 ? hk_ctl_purge() : 0;
}

/* ---- sbrk, which is never used ---- */

int hk_ctl_set_dss(uint64_t text)
{
    const char *word = (const char *)(uintptr_t)text;
    if (word == NULL)
        return EINVAL;
    if (strcmp(word, "disabled") == 0)
        return 0;
    return strcmp(word, "primary") == 0 || strcmp(word, "secondary") == 0 ? EFAULT : EINVAL;
}
