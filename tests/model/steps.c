/* steps.c - see steps.h. */
#include "tests/model/steps.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/model/calls.h"
#include "tests/model/forks.h"
#include "tests/model/sizes.h"

#define OWN_BYTES_MOST ((size_t)40 << 20) /* of a thread */
#define BURST_MOST     3000
#define BURST_BYTES    ((size_t)8 << 20)

/* ---- parcels ---- */

/* A place with a block in it is BLOCK_LIVE, an empty one BLOCK_NONE; BUSY is somebody's hands on it. */
static struct block parcels[PARCELS];

static void copy_block(struct block *to, const struct block *from)
{
    to->p = from->p;
    to->size = from->size;
    to->usable = from->usable;
    to->align = from->align;
    to->seed = from->seed;
    to->whole = from->whole;
}

static bool grab(struct block *parcel, unsigned state)
{
    return atomic_compare_exchange_strong(&parcel->state, &state, BLOCK_BUSY);
}

void hand_over(struct block *b, struct dice *d)
{
    struct block *parcel = &parcels[below(d, PARCELS)];
    if (!grab(parcel, BLOCK_NONE)) {
        call_release(b, d);
        return;
    }
    atomic_store(&b->state, BLOCK_NONE);
    copy_block(parcel, b);
    b->p = NULL;
    atomic_store(&parcel->state, BLOCK_LIVE);
}

bool take_over(struct block *b, struct dice *d)
{
    struct block *parcel = &parcels[below(d, PARCELS)];
    if (!grab(parcel, BLOCK_LIVE))
        return false;
    atomic_store(&b->state, BLOCK_BUSY);
    copy_block(b, parcel);
    atomic_store(&parcel->state, BLOCK_NONE);
    atomic_store(&b->state, BLOCK_LIVE);
    return true;
}

void release_parcels(void)
{
    struct dice d = dice_for(model.seed, 0, 1);
    for (size_t i = 0; i < PARCELS; i++) {
        if (atomic_load(&parcels[i].state) == BLOCK_LIVE)
            call_release(&parcels[i], &d);
    }
}

void check_parcels(void)
{
    for (size_t i = 0; i < PARCELS; i++) {
        if (atomic_load(&parcels[i].state) == BLOCK_LIVE)
            call_verify(&parcels[i]);
    }
}

/* ---- what a thread does ---- */

/* What others do decides nothing in a thread's own slots: what it takes over lies apart. */
static void look_for_parcel(struct worker *w, struct dice *d)
{
    struct block *b = &w->inbox[below(d, INBOX_SLOTS)];
    bool resizes = one_in(d, 4);
    size_t size = random_size(model.profile, 100000, d);
    if (atomic_load(&b->state) == BLOCK_LIVE)
        call_release(b, d);
    if (take_over(b, d)) {
        call_verify(b);
        if (resizes)
            call_resize(b, size, d);
    }
}

static size_t room(const struct worker *w)
{
    return w->bytes < OWN_BYTES_MOST ? OWN_BYTES_MOST - w->bytes : 0;
}

static void get(struct worker *w, struct block *b, struct dice *d)
{
    if (call_allocate(b, random_size(model.profile, room(w), d), d))
        w->bytes += b->size;
}

/* A little more mostly, as programs do that build something up. */
static void change_size(struct worker *w, struct block *b, struct dice *d)
{
    size_t size = one_in(d, 3) ? random_size(model.profile, room(w), d)
                               : b->size + below(d, b->size / 4 + 64);
    w->bytes -= b->size;
    if (size > room(w))
        size = below(d, 1024);
    call_resize(b, size, d);
    w->bytes += b->size;
}

static void let_go(struct worker *w, struct block *b, struct dice *d, bool to_others)
{
    w->bytes -= b->size;
    if (to_others)
        hand_over(b, d);
    else
        call_release(b, d);
}

static void one_call(struct worker *w, struct dice *d)
{
    struct block *b = &w->own[below(d, OWN_SLOTS)];
    size_t what = below(d, 100);
    if (atomic_load_explicit(&b->state, memory_order_relaxed) != BLOCK_LIVE)
        get(w, b, d);
    else if (what < 18)
        change_size(w, b, d);
    else if (what < 28)
        call_verify(b);
    else
        let_go(w, b, d, what < 42);
}

/* Of one size, and freed in one of the orders that programs have: the last first, the first first, any. */
static void burst(struct dice *d)
{
    static _Thread_local struct block blocks[BURST_MOST];
    size_t size = random_size(model.profile, 65536, d), order = below(d, 3);
    size_t most = BURST_BYTES / (size + 1), count = 1 + below(d, most < BURST_MOST ? most : BURST_MOST),
           n = 0;
    while (n < count && call_allocate(&blocks[n], size, d))
        n++;
    for (size_t i = 0; i < n; i++) {
        size_t at = order == 0 ? i : order == 1 ? n - 1 - i : (i * 1021 + 7) % n;
        if (atomic_load_explicit(&blocks[at].state, memory_order_relaxed) == BLOCK_LIVE)
            call_release(&blocks[at], d);
    }
    for (size_t i = 0; i < n; i++) {
        if (atomic_load_explicit(&blocks[i].state, memory_order_relaxed) == BLOCK_LIVE)
            call_release(&blocks[i], d);
    }
}

static void trace(const struct worker *w, size_t what)
{
    if (model.trace)
        fprintf(stderr, "operation %" PRIu64 ": %zu, %zu bytes held\n", w->operation, what, w->bytes);
}

void step(struct worker *w)
{
    struct dice d = dice_for(model.seed, w->number, w->operation);
    size_t what = below(&d, 10000);
    bool forks = model.fork_every != 0 && !w->in_child && one_in(&d, model.fork_every);
    trace(w, what);
    if (what < 4)
        burst(&d);
    else if (what < 10)
        call_wrongly(&d);
    else if (what < 20)
        call_about(&d);
    else if (what < 500)
        look_for_parcel(w, &d);
    else
        one_call(w, &d);
    if (forks)
        fork_and_check(w, &d);
    w->operation++;
}
