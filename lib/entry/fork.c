/* fork.c - see fork.h. */
#include "lib/entry/fork.h"

#include <pthread.h>

#include "lib/arena/arena.h"
#include "lib/arena/big_cache.h"
#include "lib/arena/purge.h"
#include "lib/base/verify.h"
#include "lib/entry/init.h"
#include "lib/foreign/other_allocators.h"
#include "lib/harden/intercept.h"
#include "lib/heap/bin_storage.h"
#include "lib/heap/heap.h"
#include "lib/jemalloc/mallctl.h"
#include "lib/publish/publish.h"
#include "lib/tuning/control.h"

void hk_fork_child(void)
{
    hk_verify_after_fork();
    hk_init_after_fork();
    hk_others_after_fork();
    hk_arena_after_fork();
    hk_places_after_fork();
    hk_big_cache_after_fork();
    hk_retain_after_fork();
    hk_divert_after_fork();
    hk_ctl_after_fork();
    hk_control_after_fork();
    hk_publish_after_fork();
    hk_heap_after_fork();
}

/* Handlers registered before ours run before it, and may have allocated. */
static void at_fork(void)
{
    if (!hk_control_fork_seen())
        hk_fork_child();
}

void hk_fork_init(void)
{
    (void)pthread_atfork(NULL, NULL, at_fork);
}
