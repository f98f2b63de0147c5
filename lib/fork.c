/* fork.c - see fork.h. */
#include "lib/fork.h"

#include <pthread.h>

#include "lib/arena.h"
#include "lib/big_cache.h"
#include "lib/control.h"
#include "lib/divert.h"
#include "lib/heap.h"
#include "lib/init.h"
#include "lib/mallctl.h"
#include "lib/other_allocators.h"
#include "lib/places.h"
#include "lib/publish.h"
#include "lib/retain.h"
#include "lib/verify.h"

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
