/* family_group.c - see family_group.h. */
#include "daemon/tuning/family_group.h"

#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/tuning/tuning_writer.h"

int hk_relatives_compare(const void *a, const void *b)
{
    const struct hk_family *x = *(struct hk_family *const *)a, *y = *(struct hk_family *const *)b;
    if (x->shown_pid != y->shown_pid)
        return x->shown_pid < y->shown_pid ? -1 : 1;
    return x->uid < y->uid ? -1 : x->uid > y->uid;
}

bool hk_are_relatives(const struct hk_family *a, const struct hk_family *b)
{
    return a != b && hk_relatives_compare(&a, &b) == 0 && (a->later || b->later);
}

static void copy_wishes(struct hk_family *to, const struct hk_family *from)
{
    hk_tune_copy(&to->tuning, &from->tuning, HK_STEER_OPERATOR);
    to->decided = from->decided;
}

/* The relative whose table holds the latest decision; NULL without relatives. *top is their highest
 * generation. */
static struct hk_family *best_of(const struct hk_family *family, uint64_t *top)
{
    struct hk_family *other, *best = NULL;
    *top = 0;
    TAILQ_FOREACH(other, &family->daemon->registry.families, link)
    {
        if (!hk_are_relatives(family, other))
            continue;
        *top = other->generation > *top ? other->generation : *top;
        if (!best || other->decided > best->decided)
            best = other;
    }
    return best;
}

void hk_relatives_agree(struct hk_family *family, uint64_t now_ns)
{
    uint64_t top;
    struct hk_family *other, *best = best_of(family, &top);
    if (!best)
        return;
    bool teaches = family->decided > best->decided;
    bool unsaid = family->segment.page->generation == 0;
    if (!teaches)
        copy_wishes(family, best);
    if (family->generation + unsaid > top)
        top = family->generation + unsaid;
    family->generation = top - unsaid;
    TAILQ_FOREACH(other, &family->daemon->registry.families, link)
    {
        if (!hk_are_relatives(family, other) || (!teaches && other->generation >= top))
            continue;
        if (teaches)
            copy_wishes(other, family);
        if (other->generation < top)
            other->generation = top - 1;
        hk_tuner_publish(other, true, now_ns);
    }
}

void hk_relatives_level(struct hk_family **families, unsigned count)
{
    qsort(families, count, sizeof(struct hk_family *), hk_relatives_compare);
    for (unsigned first = 0, end; first < count; first = end) {
        uint64_t top = 0;
        for (end = first; end < count && hk_relatives_compare(&families[first], &families[end]) == 0; end++)
            top = families[end]->generation > top ? families[end]->generation : top;
        for (unsigned i = first; i < end; i++) {
            families[i]->generation = top;
            families[i]->decided = HK_DECIDED_HERE;
        }
    }
}
