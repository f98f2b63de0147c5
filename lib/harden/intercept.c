/* intercept.c - see intercept.h. */
#include "lib/harden/intercept.h"

#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "lib/arena/superslab_state.h"
#include "lib/base/start_data.h"
#include "lib/entry/alloc.h"
#include "lib/entry/init.h"
#include "lib/harden/harden.h"
#include "lib/harden/harden_live.h"
#include "lib/harden/pass_through.h"
#include "lib/harden/quarantine.h"
#include "lib/harden/trace.h"
#include "lib/os/os.h"
#include "lib/os/random.h"
#include "lib/tuning/environment.h"

hk_au32 hk_diversions HK_EARLY = HK_DIVERT_UNREAD;

/* ---- what is asked for ---- */

/* Allocates nothing, so it may come before the first block. */
static unsigned read_environment(void)
{
    unsigned what = 0;
    if (getauxval(AT_SECURE) != 0)
        return 0;
    /* NOLINTBEGIN(concurrency-mt-unsafe): before main */
    const char *harden = getenv("HAKMEM_HARDEN");
    const char *trace = getenv("HAKMEM_TRACE");
    const char *file = getenv("HAKMEM_TRACE_FILE");
    /* NOLINTEND(concurrency-mt-unsafe) */
    if (harden != NULL)
        what |= hk_harden_read(harden);
    if (trace != NULL && hk_route_read(trace, file))
        what |= HK_DIVERT_ROUTE;
    return what;
}

/* ---- beginnings and ends ---- */

static size_t fast_slabs(void)
{
    return atomic_load(&hk_diversions) == 0 ? hk_arena_slabs() : 0;
}

static void store_fast_slabs(size_t slabs)
{
    __atomic_store_n(&hk_arena.fast_slabs, slabs, __ATOMIC_SEQ_CST);
}

void hk_divert_arena_grew(void)
{
    store_fast_slabs(fast_slabs());
}

static void begin(unsigned what)
{
    hk_lock_take(&hk_ss.lock);
    store_fast_slabs(0);
    atomic_fetch_or(&hk_diversions, what);
    hk_lock_drop(&hk_ss.lock);
}

static void end(unsigned what)
{
    hk_lock_take(&hk_ss.lock);
    atomic_fetch_and(&hk_diversions, ~what);
    hk_divert_arena_grew();
    hk_lock_drop(&hk_ss.lock);
}

bool hk_divert_init(bool at_last)
{
    static unsigned what HK_EARLY;
    static bool is_read HK_EARLY;
    if (!hk_hardens(HK_DIVERT_UNREAD) || (environ == NULL && !at_last))
        return true;
    if (!is_read && environ != NULL)
        what = read_environment();
    is_read = true;
    if ((what & HK_HARDEN_ALL) != 0 && !hk_harden_begin())
        return false;
    if (what != 0)
        begin(what);
    end(HK_DIVERT_UNREAD);
    return true;
}

bool hk_divert_stands_back(void)
{
    if (hk_hardens(HK_DIVERT_UNREAD) && hk_stand_back_begin()) {
        hk_os_init();
        atomic_store(&hk_diversions, HK_DIVERT_NEXT);
    }
    return hk_hardens(HK_DIVERT_NEXT);
}

void hk_divert_end_route(void)
{
    end(HK_DIVERT_ROUTE);
}

void hk_divert_begin_live(unsigned modes)
{
    begin(modes | HK_DIVERT_LIVE);
}

void hk_divert_end_modes(void)
{
    atomic_fetch_and(&hk_diversions, ~(unsigned)HK_HARDEN_ALL);
}

/* Modes begin under the same lock. */
void hk_divert_end_live(void)
{
    hk_lock_take(&hk_ss.lock);
    if (!hk_hardens(HK_HARDEN_ALL))
        atomic_fetch_and(&hk_diversions, ~(unsigned)HK_DIVERT_LIVE);
    hk_divert_arena_grew();
    hk_lock_drop(&hk_ss.lock);
}

/* The fork may have come between the two stores of begin() or end(). */
void hk_divert_after_fork(void)
{
    if (hk_arena_fast_slabs() != fast_slabs())
        hk_divert_arena_grew();
    if (hk_is_diverted() || hk_harden_has_begun()) {
        hk_quarantine_after_fork();
        hk_route_after_fork();
        hk_chance_after_fork();
        hk_harden_live_after_fork();
    }
}

/* ---- the calls ---- */

static void *alloc_plain(size_t size, size_t align, bool *zeroed)
{
    size_t bytes = size <= HK_SMALL_MAX && align <= HK_SMALL_MAX ? hk_round_up(size | (size == 0), align)
                                                                 : size;
    *zeroed = false;
    return bytes <= HK_SMALL_MAX && align <= HK_SMALL_MAX
               ? hk_harden_pass(hk_small_make(hk_class_of_size(bytes)))
               : hk_big_make(size, align, zeroed);
}

static void do_plain(struct hk_call *c)
{
    switch (c->kind) {
    case HK_CALL_ALLOC:
        c->result = alloc_plain(c->size, c->align, &c->zeroed);
        break;
    case HK_CALL_FREE:
        hk_free_plain(c->p);
        break;
    case HK_CALL_RESIZE:
        c->result = hk_resize_plain(c->p, c->size);
        break;
    }
}

static void do_checked(struct hk_call *c)
{
    switch (c->kind) {
    case HK_CALL_ALLOC:
        c->result = hk_harden_alloc(c->size, c->align, &c->zeroed);
        break;
    case HK_CALL_FREE:
        hk_harden_free(c->name, c->p, c->size, c->align);
        break;
    case HK_CALL_RESIZE:
        c->result = hk_harden_resize(c->name, c->p, c->size);
        break;
    }
}

void hk_divert_do(struct hk_call *c)
{
    hk_au32 *entered = hk_harden_enter();
    if (entered == NULL) {
        do_plain(c);
        return;
    }
    do_checked(c);
    hk_harden_leave(entered);
}

/* The first calls of all. Without memory the call itself will fail. */
static HK_COLD void find_out(void)
{
    if (!hk_divert_stands_back() && hk_init_ready() && hk_hardens(HK_DIVERT_UNREAD))
        (void)hk_init_divert(false);
}

static void hand_on(struct hk_call *c)
{
    switch (c->kind) {
    case HK_CALL_ALLOC:
        c->result = hk_stand_back_alloc(c->size, c->align);
        break;
    case HK_CALL_FREE:
        hk_stand_back_free(c->p);
        break;
    case HK_CALL_RESIZE:
        c->result = hk_stand_back_resize(c->p, c->size);
        break;
    }
}

static void perform(struct hk_call *call)
{
    if (hk_hardens(HK_DIVERT_UNREAD))
        find_out();
    if (HK_UNLIKELY(hk_harden_is_ending()))
        hk_harden_finish();
    if (hk_hardens(HK_DIVERT_NEXT))
        hand_on(call);
    else if (hk_hardens(HK_DIVERT_ROUTE))
        hk_route(call);
    else
        hk_divert_do(call);
}

void *hk_divert_alloc(const char *call, size_t size, size_t align, bool *zeroed)
{
    struct hk_call c = {.kind = HK_CALL_ALLOC, .name = call, .size = size, .align = align};
    perform(&c);
    *zeroed = c.zeroed;
    return c.result;
}

void hk_divert_free(const char *call, void *p, size_t size, size_t align)
{
    struct hk_call c = {.kind = HK_CALL_FREE, .name = call, .p = p, .size = size, .align = align};
    perform(&c);
}

void *hk_divert_resize(const char *call, void *p, size_t size)
{
    struct hk_call c = {.kind = HK_CALL_RESIZE, .name = call, .p = p, .size = size};
    perform(&c);
    return c.result;
}

/* A block that is only told of stays as it is: nothing has to change. */
void hk_divert_resize_here(const char *call, void *p, size_t size, size_t most)
{
    hk_au32 *entered = hk_harden_enter();
    if (entered == NULL)
        return;
    hk_harden_resize_here(call, p, size, most);
    hk_harden_leave(entered);
}

size_t hk_divert_usable(const void *p)
{
    if (hk_hardens(HK_DIVERT_NEXT))
        return hk_stand_back_usable(p);
    hk_au32 *entered = hk_harden_enter();
    if (entered == NULL)
        return hk_usable_plain(p);
    size_t usable = hk_harden_usable(p);
    hk_harden_leave(entered);
    return usable;
}

void hk_divert_exit(void)
{
    hk_au32 *entered = hk_harden_enter();
    if (entered == NULL)
        return;
    hk_harden_look();
    hk_harden_leave(entered);
}
