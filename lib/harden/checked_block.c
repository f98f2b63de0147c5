/* checked_block.c - see checked_block.h. */
#include "lib/harden/checked_block.h"

#include <string.h>

#include "lib/arena/big_block.h"
#include "lib/arena/misuse.h"
#include "lib/base/start_data.h"
#include "lib/harden/canary.h"
#include "lib/harden/intercept.h"

bool hk_checked_late HK_EARLY;

hk_au16 *hk_checked_place(union hk_side *side, uint32_t slab, unsigned size_class, const void *p)
{
    uint32_t offset = (uint32_t)((uintptr_t)p - hk_slab_start(slab));
    return &side->small[hk_block_index(&hk_classes[size_class], offset)];
}

static enum hk_found find_small(struct hk_checked *b, unsigned size_class, union hk_side *side)
{
    if (!hk_slab_is_block(b->slab, size_class, b->p))
        hk_die_not_a_block(b->call, b->p);
    b->size_class = size_class;
    b->end = b->p + hk_classes[size_class].bytes;
    b->small = side != NULL ? hk_checked_place(side, b->slab, size_class, b->p) : NULL;
    if (b->small != NULL && atomic_load_explicit(b->small, memory_order_acquire) != HK_SIDE_NEVER)
        return HK_KNOWN;
    if (!hk_checked_late)
        hk_die_not_a_block(b->call, b->p);
    return HK_UNKNOWN;
}

static enum hk_found find_big(struct hk_checked *b, union hk_side *side)
{
    char *start = hk_checked_slab(b->slab);
    if (side == NULL || !hk_big_is_block(start, b->slab) ||
        atomic_load_explicit(&side->big.state, memory_order_acquire) == HK_SIDE_NONE)
        return HK_UNKNOWN;
    if (side->big.at != (uintptr_t)b->p)
        hk_die_not_a_block(b->call, b->p);
    b->small = NULL;
    b->big = &side->big;
    b->end = start + b->big->room;
    return HK_KNOWN;
}

enum hk_found hk_checked_find(const char *call, const void *p, struct hk_checked *b)
{
    size_t slab = hk_slab_of(p);
    if (slab >= hk_arena_slabs())
        return HK_FOREIGN;
    *b = (struct hk_checked){.call = call, .p = (char *)(uintptr_t)p, .slab = (uint32_t)slab};
    unsigned offset = hk_meta_of(slab);
    union hk_side *side = hk_side_of(b->slab);
    return offset != 0 ? find_small(b, hk_class_of_bin_offset(offset), side) : find_big(b, side);
}

void hk_checked_forget(void *p)
{
    size_t slab = hk_slab_of(p);
    union hk_side *side = slab < hk_arena_slabs() ? hk_side_of((uint32_t)slab) : NULL;
    if (side == NULL)
        return;
    unsigned offset = hk_meta_of(slab);
    if (offset == 0)
        memset(&side->big, 0, sizeof side->big);
    else
        atomic_store_explicit(hk_checked_place(side, (uint32_t)slab, hk_class_of_bin_offset(offset), p),
                              HK_SIDE_NEVER, memory_order_relaxed);
}

size_t hk_checked_asked(const struct hk_checked *b)
{
    return b->small != NULL ? (size_t)atomic_load_explicit(b->small, memory_order_relaxed) - 1
                            : b->big->asked;
}

static bool is_live(const struct hk_checked *b)
{
    return b->small != NULL ? atomic_load_explicit(b->small, memory_order_acquire) < HK_SIDE_HELD
                            : atomic_load_explicit(&b->big->state, memory_order_acquire) == HK_SIDE_LIVE;
}

void hk_checked_must_live(const struct hk_checked *b)
{
    if (!is_live(b))
        hk_die_freed(b->call, b->p, hk_checked_room(b));
}

void hk_checked_must_end(const struct hk_checked *b, size_t asked)
{
    const char *broken;
    if (hk_hardens(HK_HARDEN_CANARY) && (broken = hk_canary_broken(b->p + asked, b->end)) != NULL)
        hk_die_overflow(b->call, b->p, asked, (size_t)(broken - b->p));
}
