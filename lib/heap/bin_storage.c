/* bin_storage.c - see bin_storage.h. */
#include "lib/heap/bin_storage.h"

#include "lib/arena/arena.h"
#include "lib/os/lock.h"

#define LEAST_SHIFT 4
#define LEVELS      10 /* 16, 32, ... 8192 blocks */

HK_STATIC_ASSERT((HK_PLACES_MOST + 1) * sizeof(void *) + HK_CACHE_LINE <= HK_PLACES_STEP,
                 "one step has room for the longest array");
HK_STATIC_ASSERT(HK_PLACES_MOST == 1 << (LEAST_SHIFT + LEVELS - 1), "the longest array is the last level's");

static struct {
    struct hk_lock lock;
    void **unused[LEVELS]; /* linked through their second place: the first one stays empty */
    uintptr_t next, end;   /* never used so far */
} places;

static unsigned level_for(unsigned blocks)
{
    unsigned level = 0;
    while ((1u << (LEAST_SHIFT + level)) < blocks)
        level++;
    return level;
}

unsigned hk_places_capacity(unsigned blocks)
{
    return 1u << (LEAST_SHIFT + level_for(blocks));
}

static size_t bytes_of(unsigned level)
{
    return hk_round_up(((size_t)(1u << (LEAST_SHIFT + level)) + 1) * sizeof(void *), HK_CACHE_LINE);
}

/* A fork in between loses the array, at worst. */
static void **take_unused(unsigned level)
{
    void **array = places.unused[level];
    if (array != NULL) {
        places.unused[level] = (void **)array[1];
        array[1] = NULL;
    }
    return array;
}

static void **take_new(unsigned level)
{
    size_t bytes = bytes_of(level);
    if (places.end - places.next < bytes) {
        uintptr_t end = hk_arena_map_places(places.end);
        if (end == 0)
            return NULL;
        if (places.end == 0)
            places.next = hk_arena_base() - HK_PLACES_BELOW;
        atomic_signal_fence(memory_order_seq_cst); /* a fork in between: all is as before */
        places.end = end;
    }
    void **array = (void **)places.next;
    places.next += bytes;
    return array;
}

void **hk_places_take(unsigned blocks)
{
    unsigned level = level_for(blocks);
    hk_lock_take(&places.lock);
    void **array = take_unused(level);
    if (array == NULL)
        array = take_new(level);
    hk_lock_drop(&places.lock);
    return array;
}

void hk_places_give(void **array, unsigned capacity)
{
    unsigned level = level_for(capacity);
    hk_lock_take(&places.lock);
    array[1] = (void *)places.unused[level];
    places.unused[level] = array;
    hk_lock_drop(&places.lock);
}

void hk_places_after_fork(void)
{
    hk_lock_init(&places.lock);
}
