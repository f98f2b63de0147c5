/* threads.c - see threads.h. */
#include "tests/model/threads.h"

#include <sys/mman.h>
#include <time.h>

#include "tests/model/calls.h"
#include "tests/model/random.h"
#include "tests/model/steps.h"

#define LIFE_LEAST  2000
#define LIFE_SPREAD 60000
#define LOOK_EVERY  64 /* operations between two looks at the clock */
#define LAST_ROUND  3  /* rounds of destructors; PTHREAD_DESTRUCTOR_ITERATIONS is 4 */

_Atomic(bool) stop_threads;
_Thread_local struct worker *self;
static _Thread_local unsigned rounds;
static pthread_key_t end_key;
static time_t end_time;

/* ---- time ---- */

static time_t now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

void set_time(unsigned seconds)
{
    end_time = now() + seconds;
}

bool time_is_up(void)
{
    return end_time != 0 && now() >= end_time;
}

/* ---- the end ---- */

/* Late blocks: some destructors of a thread run when the allocator's own has. */
static void live_on(struct worker *w, struct dice *d)
{
    struct block b = {.p = NULL};
    for (unsigned i = 0; i < 8; i++) {
        if (call_allocate(&b, below(d, one_in(d, 4) ? 100000 : 600), d)) {
            if (one_in(d, 2))
                call_resize(&b, below(d, 2000), d);
            call_release(&b, d);
        }
    }
    for (unsigned i = rounds; i < LEFTOVER_MOST; i += LAST_ROUND) {
        if (atomic_load(&w->leftover[i].state) == BLOCK_LIVE)
            call_release(&w->leftover[i], d);
    }
}

static void thread_ends(void *arg)
{
    struct worker *w = arg;
    struct dice d = dice_for(model.seed, w->number, UINT64_MAX - rounds);
    live_on(w, &d);
    if (++rounds < LAST_ROUND && pthread_setspecific(end_key, w) == 0)
        return;
    for (rounds = 0; rounds < LAST_ROUND; rounds++)
        live_on(w, &d);
    atomic_store(&w->in_use, false);
}

void threads_init(void)
{
    if (pthread_key_create(&end_key, thread_ends) != 0)
        violation(NULL, 0, "no key for threads' ends");
}

static void release_slots(struct block *blocks, size_t count, struct dice *d)
{
    for (size_t i = 0; i < count; i++) {
        if (atomic_load(&blocks[i].state) == BLOCK_LIVE)
            call_release(&blocks[i], d);
    }
}

void release_all(struct worker *w)
{
    struct dice d = dice_for(model.seed, w->number, UINT64_MAX / 2);
    release_slots(w->own, OWN_SLOTS, &d);
    release_slots(w->inbox, INBOX_SLOTS, &d);
}

/* A third to whoever takes it, a few to the destructors. */
static void bequeath(struct worker *w)
{
    struct dice d = dice_for(model.seed, w->number, UINT64_MAX / 2 + 1);
    for (size_t i = 0; i < OWN_SLOTS; i++) {
        if (atomic_load(&w->own[i].state) == BLOCK_LIVE && one_in(&d, 3))
            hand_over(&w->own[i], &d);
    }
    release_all(w);
    for (size_t i = 0; i < LEFTOVER_MOST; i++)
        (void)call_allocate(&w->leftover[i], below(&d, i % 4 == 0 ? 150000 : 3000), &d);
}

/* ---- the beginning ---- */

static struct worker *new_worker(void)
{
    for (struct worker *w = workers; w < workers + WORKERS_MOST; w++) {
        bool unused = false;
        if (atomic_compare_exchange_strong(&w->in_use, &unused, true)) {
            w->bytes = 0;
            w->operation = 0;
            return w;
        }
    }
    violation(NULL, 0, "more threads than there is room for");
}

static uint64_t life(uint64_t number)
{
    struct dice d = dice_for(model.seed, number, UINT64_MAX - 100);
    return LIFE_LEAST + below(&d, one_in(&d, 3) ? 1000 : LIFE_SPREAD);
}

static bool goes_on(const struct worker *w)
{
    if (w->operation % LOOK_EVERY == 0 && !w->in_child && time_is_up())
        atomic_store(&stop_threads, true);
    return w->operation < w->last && !atomic_load_explicit(&stop_threads, memory_order_relaxed);
}

static void *run(void *arg)
{
    struct worker *w = self = arg;
    rounds = 0;
    if (w->counts)
        call_figures(&w->other_blocks, &w->other_bytes);
    while (goes_on(w))
        step(w);
    atomic_fetch_add(&model_operations, w->operation);
    bequeath(w);
    if (pthread_setspecific(end_key, w) != 0)
        violation(NULL, 0, "the thread's end cannot be arranged for");
    return NULL;
}

pthread_t start_thread(uint64_t number, uint64_t operations, bool in_child)
{
    struct worker *w = new_worker();
    pthread_t thread;
    w->number = number;
    w->last = operations != 0 ? operations : life(number);
    w->in_child = in_child;
    w->counts = model.threads == 1 && !in_child;
    int err = pthread_create(&thread, NULL, run, w);
    if (err != 0)
        violation(NULL, 0, "no thread: error %d", err);
    return thread;
}

void run_children_threads(uint64_t number, uint64_t operations)
{
    pthread_t alone = start_thread(number + (UINT64_C(1) << 40), operations, true);
    pthread_join(alone, NULL);
    pthread_t pair[2];
    for (unsigned i = 0; i < 2; i++)
        pair[i] = start_thread(number + (UINT64_C(2) << 40) + i, operations, true);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(pair[i], NULL);
}
