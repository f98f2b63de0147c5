/* fork.c - see fork.h. */
#include "lib/fork.h"

#include <pthread.h>

#include "lib/arena.h"
#include "lib/control.h"
#include "lib/heap.h"
#include "lib/publish.h"
#include "lib/retain.h"

void hk_fork_child(void)
{
    hk_arena_after_fork();
    hk_retain_after_fork();
    hk_control_after_fork();
    hk_publish_after_fork();
    hk_heap_after_fork();
}

void hk_fork_init(void)
{
    (void)pthread_atfork(NULL, NULL, hk_fork_child);
}
