/* init.c - see init.h. */
#include "lib/entry/init.h"

#include <stdlib.h>
#include <sys/auxv.h>

#include "lib/arena/arena.h"
#include "lib/base/start_data.h"
#include "lib/base/tuned_values.h"
#include "lib/entry/describe.h"
#include "lib/entry/fork.h"
#include "lib/foreign/other_allocators.h"
#include "lib/harden/intercept.h"
#include "lib/heap/bin_check.h"
#include "lib/heap/heap.h"
#include "lib/os/lock.h"
#include "lib/publish/publish.h"
#include "lib/tuning/control.h"
#include "lib/tuning/environment.h"

static _Atomic(bool) ready HK_EARLY;
static struct hk_lock init_lock HK_EARLY;

bool hk_init_ready(void)
{
    if (HK_LIKELY(atomic_load_explicit(&ready, memory_order_acquire)))
        return true;
    static const uint64_t no_class_batch[HK_CLASSES];
    if (hk_divert_stands_back())
        return false;
    hk_lock_take(&init_lock);
    bool ok = atomic_load(&ready);
    if (!ok && hk_arena_init() == 0 && hk_divert_init(false)) {
        if (hk_bin_params[0].batch == 0) /* else options have been read already */
            hk_params_derive(no_class_batch);
        atomic_store_explicit(&ready, true, memory_order_release);
        ok = true;
    }
    hk_lock_drop(&init_lock);
    return ok;
}

bool hk_init_divert(bool at_last)
{
    hk_lock_take(&init_lock);
    bool ok = hk_divert_init(at_last);
    hk_lock_drop(&init_lock);
    return ok;
}

void hk_init_once(_Atomic(bool) *done, bool (*step)(void))
{
    if (atomic_load_explicit(done, memory_order_acquire))
        return;
    hk_lock_take(&init_lock);
    if (!atomic_load(done) && step())
        atomic_store_explicit(done, true, memory_order_release);
    hk_lock_drop(&init_lock);
}

void hk_init_after_fork(void)
{
    hk_lock_init(&init_lock);
}

/* Registered first, so it runs after the program's own handlers; heaps of other threads go on. */
static void at_exit(void)
{
    hk_publish_exit(hk_heap_own());
}

__attribute__((constructor(101))) static void start(void)
{
    if (hk_divert_stands_back())
        return;
    bool trust_env = getauxval(AT_SECURE) == 0;
    /* Where there is no memory yet there may be later: what can be arranged for is. */
    bool ok = hk_init_ready();
    ok = hk_init_divert(true) && ok;
    hk_control_init(trust_env);
    hk_heap_init();
    hk_others_init();
    hk_fork_init();
    hk_describe_begin();
    if (ok || hk_options_get()->publish != HK_PUBLISH_START)
        hk_publish_start(trust_env);
    (void)atexit(at_exit);
}

/* Destructors of other libraries may have freed since. After the program's own, and so once, what it has
 * freed is looked at. */
__attribute__((destructor(101))) static void finish(void)
{
    if (hk_divert_stands_back())
        return;
    at_exit();
    struct hk_heap *heap = hk_heap_own();
    if (heap != NULL)
        hk_bin_check(heap);
    if (hk_is_diverted())
        hk_divert_exit();
}
