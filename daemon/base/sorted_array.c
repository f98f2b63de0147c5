/* sorted_array.c - see sorted_array.h. */
#include "daemon/base/sorted_array.h"

#include <stddef.h>
#include <string.h>

unsigned hk_sorted_bound(const void *items, unsigned count, unsigned size, const void *key, hk_before *before)
{
    unsigned low = 0, high = count;
    while (low < high) {
        unsigned mid = low + (high - low) / 2;
        if (before((const char *)items + (size_t)mid * size, key))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void hk_sorted_open(void *items, unsigned count, unsigned size, unsigned at)
{
    char *gap = (char *)items + (size_t)at * size;
    memmove(gap + size, gap, (size_t)(count - at) * size);
}
