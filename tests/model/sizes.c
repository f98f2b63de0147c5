/* sizes.c - see sizes.h. */
#include "tests/model/sizes.h"

enum { MIXED, TINY, SMALL, BIG, HUGE, EDGES, PROFILES };

static const char *const names[PROFILES] = {"mixed", "tiny", "small", "big", "huge", "edges"};

const char *profile_name(unsigned profile)
{
    return profile < PROFILES ? names[profile] : NULL;
}

/* Most are short, whatever the range. */
static size_t spread(struct dice *d, unsigned least_shift, unsigned most_shift)
{
    unsigned shift = least_shift + (unsigned)below(d, most_shift - least_shift);
    return ((size_t)1 << shift) + below(d, (size_t)1 << shift);
}

/* A little less or more than what allocators cut memory into: powers of two, quarters of them, slabs. */
static size_t edge(struct dice *d)
{
    static const size_t margins[] = {0, 1, 8, 15, 16, 17, 4096};
    size_t power = (size_t)1 << (3 + below(d, 20)), slabs = (1 + below(d, 40)) << 16;
    size_t at = one_in(d, 3) ? slabs : power + power / 4 * below(d, 4), margin = margins[below(d, 7)];
    return one_in(d, 2) ? at + margin : at - (margin < at ? margin : at);
}

static size_t mixed_size(struct dice *d)
{
    size_t r = below(d, 1000);
    if (r < 600)
        return below(d, 512);
    if (r < 850)
        return spread(d, 6, 13);
    if (r < 930)
        return spread(d, 12, 16);
    if (r < 970)
        return edge(d);
    return r < 997 ? spread(d, 15, 21) : spread(d, 20, 25);
}

static size_t any_size(unsigned profile, struct dice *d)
{
    switch (profile) {
    case TINY:
        return below(d, 257);
    case SMALL:
        return one_in(d, 4) ? below(d, 32769) : spread(d, 3, 14);
    case BIG:
        return spread(d, 15, 21);
    case HUGE:
        return one_in(d, 4) ? below(d, 4096) : spread(d, 20, 26);
    case EDGES:
        return edge(d);
    default:
        return mixed_size(d);
    }
}

size_t random_size(unsigned profile, size_t most, struct dice *d)
{
    size_t size = any_size(profile, d);
    return size <= most ? size : below(d, most < 1024 ? most + 1 : 1024);
}
