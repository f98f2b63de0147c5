/*
 * harden.c - see harden.h.
 *
 * A small block lies in a slab that serves its class, a big one in a run of slabs of its own; so does a small
 * one that is *guarded*: its end lies at the end of a page, behind which is one that nobody may touch. What
 * is not known (lib/harden/checked_block.h) goes the ordinary way.
 */
#include "lib/harden/harden.h"

#include <errno.h>
#include <string.h>

#include "lib/arena/big_block.h"
#include "lib/arena/misuse.h"
#include "lib/arena/zero_fill.h"
#include "lib/base/start_data.h"
#include "lib/entry/alloc.h"
#include "lib/foreign/foreign.h"
#include "lib/harden/block_table.h"
#include "lib/harden/canary.h"
#include "lib/harden/checked_block.h"
#include "lib/harden/guard_pages.h"
#include "lib/harden/harden_options.h"
#include "lib/harden/intercept.h"
#include "lib/harden/quarantine.h"
#include "lib/os/os.h"
#include "lib/os/random.h"
#include "lib/tuning/control.h"

/* Of a freed block that waits, so much is filled and looked at: programs that free buffers of tens of KiB at
 * each request would do little else (measured with redis). */
#define FILLED_MOST ((size_t)4096)

/* Guarded small blocks at a time, live or waiting: each takes a slab's addresses and two pages at least. */
#define GUARDED_MOST 512

static hk_au32 guarded;

static bool has_begun HK_EARLY;

static bool make_ready(bool late)
{
    if (has_begun)
        return true;
    if (!hk_side_init() || !hk_quarantine_init(hk_harden_options.quarantine_bytes))
        return false;
    hk_chance_begin(!late);
    hk_canary_init();
    hk_checked_late = late || hk_heap_count() != 0;
    has_begun = true;
    return true;
}

bool hk_harden_begin(void)
{
    return make_ready(false);
}

bool hk_harden_begin_live(void)
{
    return make_ready(true);
}

bool hk_harden_has_begun(void)
{
    return has_begun;
}

/* ---- malloc ---- */

static void write_canary(char *p, size_t size, const char *end)
{
    if (hk_hardens(HK_HARDEN_CANARY))
        hk_canary_write(p + size, end);
}

/* What a block needs behind its end. */
static size_t tail(void)
{
    return hk_hardens(HK_HARDEN_CANARY) ? HK_CANARY_LEAST : 0;
}

/* What comes out of a bin is believed only if it is a free block of the class. */
static hk_au16 *check_taken(void *p, unsigned size_class)
{
    size_t slab = hk_slab_of(p);
    if (slab >= hk_arena_slabs() || hk_meta_of(slab) != hk_bin_offset_of_class(size_class) ||
        !hk_slab_is_block((uint32_t)slab, size_class, p))
        hk_die_damaged(p, size_class);
    union hk_side *side = hk_side_make((uint32_t)slab);
    if (side == NULL)
        return NULL;
    hk_au16 *state = hk_checked_place(side, (uint32_t)slab, size_class, p);
    uint16_t was = atomic_load_explicit(state, memory_order_acquire);
    if (was != HK_SIDE_NEVER && was != HK_SIDE_FREE && !hk_checked_late)
        hk_die_damaged(p, size_class);
    return state;
}

static void *alloc_small(size_t size, unsigned size_class)
{
    char *p = hk_small_make(size_class);
    if (p == NULL)
        return NULL;
    hk_au16 *state = check_taken(p, size_class);
    if (state == NULL) {
        hk_small_drop(p, (uint32_t)hk_slab_of(p), size_class);
        return hk_out_of_memory();
    }
    write_canary(p, size, p + hk_classes[size_class].bytes);
    atomic_store_explicit(state, (uint16_t)(size + 1), memory_order_release);
    return p;
}

/* What a run has behind it. */
static size_t guard_bytes(void)
{
    return hk_hardens(HK_HARDEN_GUARD) ? hk_page_bytes : 0;
}

/* Enters a run of slabs at start, of which bytes may be touched and what is behind them may be guarded. */
static struct hk_side_big *enter_big(char *start, size_t bytes)
{
    uint32_t slab = (uint32_t)hk_slab_of(start);
    union hk_side *side = hk_side_make(slab);
    if (side == NULL)
        return NULL;
    size_t page = guard_bytes();
    side->big = (struct hk_side_big){.room = bytes - page};
    side->big.guarded = page != 0 && hk_guard_set((uintptr_t)start + bytes - page, page);
    if (!side->big.guarded)
        side->big.room = bytes;
    return &side->big;
}

static void *enter_block(struct hk_side_big *big, char *p, size_t size, const char *end)
{
    big->at = (uintptr_t)p;
    big->asked = size;
    write_canary(p, size, end);
    atomic_store_explicit(&big->state, HK_SIDE_LIVE, memory_order_release);
    return p;
}

/* A big block of ours for so many bytes and what they need behind them; NULL with errno. */
static char *take_run(size_t size, size_t align, bool *zeroed, struct hk_side_big **big)
{
    if (size > HK_MAX_REQUEST - 2 * hk_page_bytes)
        return hk_out_of_memory();
    size_t page = guard_bytes();
    size_t bytes = hk_round_up(size == 0 ? 1 : size, hk_page_bytes) + page;
    char *start = hk_big_make(bytes, align, zeroed);
    if (start == NULL)
        return NULL;
    *big = enter_big(start, bytes);
    if (*big != NULL)
        return start;
    hk_big_drop(start, (uint32_t)hk_slab_of(start));
    return hk_out_of_memory();
}

static void *alloc_big(size_t size, size_t align, bool *zeroed)
{
    struct hk_side_big *big = NULL;
    if (size > HK_MAX_REQUEST)
        return hk_out_of_memory();
    char *start = take_run(size + tail(), align, zeroed, &big);
    return big != NULL ? enter_block(big, start, size, start + big->room) : NULL;
}

/* A small block of which the last bytes are the last of a page. */
static void *alloc_guarded(size_t size, size_t align)
{
    struct hk_side_big *big = NULL;
    bool zeroed;
    size_t bytes = hk_round_up(size == 0 ? 1 : size, align);
    char *start = take_run(bytes, HK_MIN_ALIGN, &zeroed, &big);
    if (big == NULL)
        return NULL;
    atomic_fetch_add_explicit(&guarded, 1, memory_order_relaxed);
    big->is_small = true;
    return enter_block(big, start + hk_round_up(bytes, hk_page_bytes) - bytes, size, start + big->room);
}

static bool is_to_be_guarded(size_t size, size_t align)
{
    return hk_hardens(HK_HARDEN_GUARD) && size <= HK_SMALL_MAX && align <= hk_page_bytes &&
           hk_chance((uint32_t)hk_harden_options.guard_every) == 0 &&
           atomic_load_explicit(&guarded, memory_order_relaxed) < GUARDED_MOST;
}

static bool let_go(bool all);

static void *alloc(size_t size, size_t align, bool *zeroed)
{
    *zeroed = false;
    if (is_to_be_guarded(size, align)) {
        int saved_errno = errno;
        void *p = alloc_guarded(size, align);
        if (p != NULL)
            return p;
        errno = saved_errno;
    }
    if (size <= HK_SMALL_MAX && align <= HK_SMALL_MAX) {
        size_t bytes = hk_round_up(size + tail() != 0 ? size + tail() : 1, align);
        if (bytes <= HK_SMALL_MAX)
            return alloc_small(size, hk_class_of_size(bytes));
    }
    return alloc_big(size, align, zeroed);
}

/* Where there is no memory, what waits is given up. */
void *hk_harden_alloc(size_t size, size_t align, bool *zeroed)
{
    int saved_errno = errno;
    if (align < HK_MIN_ALIGN)
        align = HK_MIN_ALIGN; /* who asks for less gets as much as everybody */
    void *p = alloc(size, align, zeroed);
    if (HK_LIKELY(p != NULL) || size > HK_MAX_REQUEST || !let_go(true))
        return p;
    errno = saved_errno;
    return alloc(size, align, zeroed);
}

/* ---- free ---- */

static size_t filled(size_t bytes)
{
    return bytes < FILLED_MOST ? bytes : FILLED_MOST;
}

/* A guarded block that waits cannot be touched at all; else it is filled. */
static void hide(struct hk_checked *b)
{
    if (b->small != NULL) {
        hk_freed_fill(b->p, filled(hk_checked_room(b)));
    } else if (b->big->guarded && hk_guard_extend(hk_slab_start(b->slab), b->big->room)) {
        b->big->room = 0;
    } else {
        char *start = hk_checked_slab(b->slab);
        hk_freed_fill(start, filled(b->big->room));
    }
}

static void check_untouched(const struct hk_checked *b)
{
    const char *start = hk_checked_slab(b->slab), *touched = NULL;
    if (b->small != NULL)
        touched = hk_freed_touched(b->p, filled(hk_checked_room(b)));
    else if (b->big->room != 0)
        touched = hk_freed_touched(start, filled(b->big->room));
    if (touched != NULL)
        hk_die_written(b->p, b->small != NULL ? hk_checked_room(b) : b->big->asked, touched);
}

static void release_small(struct hk_checked *b)
{
    if (hk_hardens(HK_HARDEN_ZERO))
        memset(b->p, 0, hk_checked_room(b));
    atomic_store_explicit(b->small, HK_SIDE_FREE, memory_order_release);
    hk_small_drop(b->p, b->slab, b->size_class);
}

/* A run whose guard cannot be taken away is lost. */
static void release_big(struct hk_checked *b)
{
    char *start = hk_checked_slab(b->slab);
    size_t bytes = hk_big_usable(b->call, start, b->slab);
    if (b->big->guarded && !hk_guard_drop((uintptr_t)start + b->big->room, bytes - b->big->room))
        return;
    if (hk_hardens(HK_HARDEN_ZERO))
        hk_clear(start, bytes);
    if (b->big->is_small)
        atomic_fetch_sub_explicit(&guarded, 1, memory_order_relaxed);
    memset(b->big, 0, sizeof *b->big);
    hk_big_drop(start, b->slab);
}

static void release(struct hk_checked *b)
{
    if (b->small != NULL)
        release_small(b);
    else
        release_big(b);
}

/* A block that waits. Its slab or run cannot have gone, so anything else is an address that a fork left
 * behind. */
static bool find_held(void *p, struct hk_checked *b)
{
    size_t slab = hk_slab_of(p);
    unsigned offset = hk_meta_of(slab), size_class = hk_class_of_bin_offset(offset);
    if (offset != 0 && !hk_slab_is_block((uint32_t)slab, size_class, p))
        return false;
    union hk_side *side = hk_side_of((uint32_t)slab);
    if (side == NULL || (offset == 0 && side->big.at != (uintptr_t)p) ||
        hk_checked_find("free", p, b) != HK_KNOWN)
        return false;
    return b->small != NULL ? atomic_load_explicit(b->small, memory_order_acquire) == HK_SIDE_HELD
                            : atomic_load_explicit(&b->big->state, memory_order_acquire) == HK_SIDE_FREED;
}

/* What has waited long enough, or all. Returns whether there was any. */
static bool let_go(bool all)
{
    void *p;
    bool any = false;
    while ((p = hk_quarantine_take(all)) != NULL) {
        struct hk_checked b;
        if (find_held(p, &b)) {
            check_untouched(&b);
            release(&b);
            any = true;
        }
    }
    return any;
}

bool hk_harden_let_go(void)
{
    return let_go(true);
}

static void look_at(void *p)
{
    struct hk_checked b;
    if (find_held(p, &b))
        check_untouched(&b);
}

void hk_harden_look(void)
{
    hk_quarantine_visit(look_at);
}

/* Of two who free a block one goes on. Returns the size that was asked for. */
static size_t claim(struct hk_checked *b)
{
    if (b->small != NULL) {
        uint16_t was = atomic_load_explicit(b->small, memory_order_acquire);
        if (was >= HK_SIDE_HELD || !atomic_compare_exchange_strong(b->small, &was, HK_SIDE_HELD))
            hk_die_freed(b->call, b->p, hk_checked_room(b));
        return was - 1u;
    }
    uint64_t live = HK_SIDE_LIVE;
    if (!atomic_compare_exchange_strong(&b->big->state, &live, HK_SIDE_FREED))
        hk_die_freed(b->call, b->p, b->big->asked);
    return b->big->asked;
}

/* Of a block that was widened it is no longer known what was asked for. */
static bool may_be_asked(const struct hk_checked *b, size_t asked, size_t size)
{
    bool is_wide = hk_hardens(HK_DIVERT_LIVE) && asked == hk_checked_room(b);
    return size == asked || (is_wide && size < asked);
}

static void check_told(const struct hk_checked *b, size_t asked, size_t size, size_t align)
{
    if (!hk_hardens(HK_HARDEN_SIZED))
        return;
    if (size != HK_ANY_SIZE && !may_be_asked(b, asked, size))
        hk_die_size(b->call, b->p, size, asked);
    if (((uintptr_t)b->p & (align - 1)) != 0)
        hk_die_align(b->call, b->p, align);
}

/* What the block holds in all. */
static size_t held_bytes(const struct hk_checked *b)
{
    return b->small != NULL ? hk_checked_room(b) : hk_big_usable(b->call, hk_checked_slab(b->slab), b->slab);
}

/* Huge ones do not: few would take up all that there may be. */
static bool may_wait(const struct hk_checked *b)
{
    size_t bytes = held_bytes(b);
    return (hk_hardens(HK_HARDEN_QUARANTINE) || (b->small == NULL && b->big->guarded)) &&
           bytes <= HK_BIG_MAX && hk_quarantine_fits(bytes);
}

static void free_known(struct hk_checked *b, size_t size, size_t align)
{
    size_t asked = claim(b);
    check_told(b, asked, size, align);
    hk_checked_must_end(b, asked);
    if (!may_wait(b)) {
        release(b);
        return;
    }
    size_t bytes = held_bytes(b);
    hide(b);
    hk_quarantine_put(b->p, bytes);
    (void)let_go(!hk_hardens(HK_HARDEN_STATE)); /* all, where checks ended meanwhile */
}

void hk_harden_free(const char *call, void *p, size_t size, size_t align)
{
    struct hk_checked b;
    int saved_errno = errno;
    hk_control_notice_fork();
    switch (hk_checked_find(call, p, &b)) {
    case HK_FOREIGN:
        hk_foreign_free(p);
        break;
    case HK_UNKNOWN:
        hk_free_plain(p);
        break;
    case HK_KNOWN:
        free_known(&b, size, align);
        break;
    }
    errno = saved_errno;
}

/* ---- realloc ---- */

/* Where it is, if its class would be the same. */
static bool resize_small(struct hk_checked *b, size_t size)
{
    size_t bytes = size + tail();
    if (size > HK_SMALL_MAX || bytes > HK_SMALL_MAX || bytes == 0 || hk_class_of_size(bytes) != b->size_class)
        return false;
    write_canary(b->p, size, b->end);
    atomic_store_explicit(b->small, (uint16_t)(size + 1), memory_order_release);
    return true;
}

/* By the ordinary way, that moves pages and knows room behind; guards are taken away for it. NULL: to be
 * copied. */
static void *resize_big(struct hk_checked *b, size_t size)
{
    char *start = hk_checked_slab(b->slab);
    size_t held = hk_big_usable(b->call, start, b->slab);
    size_t page = guard_bytes();
    if (size <= HK_SMALL_MAX || size > HK_MAX_REQUEST / 2 || b->p != start)
        return NULL;
    if (b->big->guarded && !hk_guard_drop((uintptr_t)start + b->big->room, held - b->big->room))
        return NULL;
    size_t asked = b->big->asked;
    memset(b->big, 0, sizeof *b->big);
    size_t bytes = hk_round_up(size + tail(), hk_page_bytes) + page;
    char *now = hk_big_change(start, b->slab, bytes);
    if (now == NULL) {
        bytes = held;
        size = asked;
    }
    char *at = now != NULL ? now : start;
    struct hk_side_big *big = enter_big(at, bytes);
    if (big != NULL) /* else it goes on unknown */
        (void)enter_block(big, at, size, at + big->room);
    return now;
}

static void *resize_by_copy(struct hk_checked *b, size_t asked, size_t size)
{
    bool zeroed;
    int saved_errno = errno;
    void *to = hk_harden_alloc(size, HK_MIN_ALIGN, &zeroed);
    if (to != NULL) {
        memcpy(to, b->p, asked < size ? asked : size);
        hk_harden_free(b->call, b->p, HK_ANY_SIZE, 1);
        return to;
    }
    if (size > asked)
        return NULL;
    /* No program expects that a block can't shrink: without memory it stays as it is. */
    errno = saved_errno;
    return b->p;
}

static void *resize_known(struct hk_checked *b, size_t size)
{
    hk_checked_must_live(b);
    size_t asked = hk_checked_asked(b);
    hk_checked_must_end(b, asked);
    if (b->small != NULL)
        return resize_small(b, size) ? b->p : resize_by_copy(b, asked, size);
    void *resized = resize_big(b, size);
    return resized != NULL ? resized : resize_by_copy(b, asked, size);
}

void *hk_harden_resize(const char *call, void *p, size_t size)
{
    struct hk_checked b;
    hk_control_notice_fork();
    switch (hk_checked_find(call, p, &b)) {
    case HK_FOREIGN:
        return hk_foreign_realloc(p, size);
    case HK_UNKNOWN:
        return hk_resize_plain(p, size);
    default:
        return resize_known(&b, size);
    }
}

/* What the block's class, or its pages, have room for. */
static size_t room_for(const struct hk_checked *b)
{
    size_t room = hk_checked_room(b) - tail();
    return b->small != NULL && room > HK_SMALL_MAX ? HK_SMALL_MAX : room;
}

void hk_harden_resize_here(const char *call, void *p, size_t size, size_t most)
{
    struct hk_checked b;
    if (hk_hardens(HK_DIVERT_LIVE))
        return; /* it was asked about, and is as long as it can be */
    if (hk_checked_find(call, p, &b) != HK_KNOWN)
        return;
    hk_checked_must_live(&b);
    hk_checked_must_end(&b, hk_checked_asked(&b));
    size_t room = room_for(&b), now = most < room ? most : room;
    if (now < size || (b.small == NULL && b.p != hk_checked_slab(b.slab)))
        return;
    if (b.small != NULL)
        (void)resize_small(&b, now);
    else
        (void)enter_block(b.big, b.p, now, b.end);
}

/* What a block is said to have it has for good, also when checks end: all that its class or its pages have,
 * and no canary any more. Returns that. */
static size_t widen(struct hk_checked *b)
{
    hk_checked_must_end(b, hk_checked_asked(b));
    size_t room = hk_checked_room(b);
    if (b->small == NULL) {
        b->big->asked = room;
        return room;
    }
    uint16_t was = atomic_load_explicit(b->small, memory_order_relaxed);
    while (was < HK_SIDE_HELD && !atomic_compare_exchange_weak(b->small, &was, (uint16_t)(room + 1))) {
    }
    return room;
}

size_t hk_harden_usable(const void *p)
{
    struct hk_checked b;
    if (hk_checked_find("malloc_usable_size", p, &b) != HK_KNOWN)
        return hk_usable_plain(p);
    hk_checked_must_live(&b);
    return hk_hardens(HK_DIVERT_LIVE) ? widen(&b) : hk_checked_asked(&b);
}
