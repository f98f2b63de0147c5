/* window.c - see window.h. */
#include "lib/window.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

#include "lib/os.h"

static struct {
    uint32_t limit;      /* its length in SuperSlabs */
    uint32_t groups;     /* with tables */
    uintptr_t meta_end;  /* meta words are mapped up to here */
    uintptr_t heaps_end; /* heaps are mapped up to here */
    bool forked;         /* tables may be mapped further than we know */
} window;

struct zone {
    uintptr_t low, span;
    uint32_t limit; /* SuperSlabs */
};

/* Where windows are tried: between other programs' favourite places and far below the mmap area (47 bits);
 * within 8 TiB, for emulators and valgrind; within 39 bits. */
static const struct zone zones[] = {
    {(uintptr_t)32 << 40, (uintptr_t)40 << 40, HK_MAX_SUPERSLABS},
    {(uintptr_t)1 << 40, (uintptr_t)5 << 40, HK_MAX_SUPERSLABS},
    {(uintptr_t)48 << 30, (uintptr_t)128 << 30, 32768},
};

/* S. Vigna's splitmix64 finaliser: what the kernel gave for stack protectors must not show through. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t random_seed(void)
{
    uint64_t words[2] = {0, 0};
    const void *from_kernel = (const void *)getauxval(AT_RANDOM);
    if (from_kernel)
        memcpy(words, from_kernel, sizeof words);
    return mix(words[0] ^ mix(words[1] ^ (uintptr_t)&words));
}

static int map_table(uintptr_t from, uintptr_t to)
{
    int err = hk_os_map_at(from, to - from);
    return err == -EEXIST && window.forked ? 0 : err;
}

/* Tables of the next group. 0 or -errno. */
static int map_group(uintptr_t base, unsigned group)
{
    uintptr_t meta_to = base - HK_META_BELOW +
                        hk_round_up((group + 1) * HK_SUPERSLABS_PER_GROUP * HK_SLABS_PER_SUPERSLAB *
                                        sizeof(uint16_t),
                                    hk_page_bytes);
    if (meta_to > window.meta_end) {
        int err = map_table(window.meta_end, meta_to);
        if (err != 0)
            return err;
        window.meta_end = meta_to;
    }
    uintptr_t at = base - HK_GROUPS_BELOW + (size_t)group * HK_GROUP_STRIDE;
    return map_table(at, at + HK_GROUP_STRIDE); /* without a gap: groups are one mapping */
}

static bool try_window(uintptr_t base, uint32_t limit)
{
    base &= ~(uintptr_t)(HK_SUPERSLAB_BYTES - 1);
    window.meta_end = base - HK_META_BELOW;
    window.heaps_end = base - HK_HEAPS_BELOW;
    if (map_group(base, 0) != 0) {
        if (window.meta_end != base - HK_META_BELOW)
            hk_os_unmap(base - HK_META_BELOW, window.meta_end - (base - HK_META_BELOW));
        return false;
    }
    window.groups = 1;
    window.limit = limit;
    __atomic_store_n(&hk_arena.base, base, __ATOMIC_RELEASE);
    return true;
}

/* Where none of the zones is to be had: a range the kernel names, mapped only to learn where it is. */
static bool try_kernels_choice(void)
{
    for (size_t bytes = (size_t)64 << 30; bytes >= (size_t)1 << 30; bytes /= 4) {
        uintptr_t at = hk_os_reserve_anywhere(HK_GROUPS_BELOW + bytes + HK_SUPERSLAB_BYTES);
        if (at == 0)
            continue;
        hk_os_unmap(at, HK_GROUPS_BELOW + bytes + HK_SUPERSLAB_BYTES);
        uintptr_t base = hk_round_up(at + HK_GROUPS_BELOW, HK_SUPERSLAB_BYTES);
        if (try_window(base, (uint32_t)(bytes >> HK_SUPERSLAB_SHIFT)))
            return true;
    }
    return false;
}

bool hk_window_find(void)
{
    uint64_t seed = random_seed();
    for (unsigned z = 0; z < HK_COUNT_OF(zones); z++) {
        for (int attempt = 0; attempt < 3; attempt++) {
            seed = mix(seed);
            if (try_window(zones[z].low + seed % zones[z].span, zones[z].limit))
                return true;
        }
    }
    return try_kernels_choice();
}

bool hk_window_map_tables(uint32_t superslabs)
{
    if (superslabs > window.limit)
        return false;
    while (window.groups * HK_SUPERSLABS_PER_GROUP < superslabs) {
        if (map_group(hk_arena_base(), window.groups) != 0)
            return false;
        window.groups++;
    }
    return true;
}

bool hk_window_map_heap(unsigned id, size_t stride)
{
    enum { AT_ONCE = 16 };
    uintptr_t need = hk_arena_base() - HK_HEAPS_BELOW + ((size_t)id + 1) * stride;
    while (window.heaps_end < need) {
        size_t step = hk_round_up(AT_ONCE * stride, hk_page_bytes);
        if (map_table(window.heaps_end, window.heaps_end + step) != 0)
            return false;
        window.heaps_end += step;
    }
    return true;
}

uintptr_t hk_window_map_places(uintptr_t end, size_t bytes)
{
    uintptr_t from = end != 0 ? end : hk_arena_base() - HK_PLACES_BELOW;
    uintptr_t to = from + hk_round_up(bytes, HK_SLAB_BYTES);
    return to <= hk_arena_base() - HK_META_BELOW && map_table(from, to) == 0 ? to : 0;
}

void hk_window_after_fork(void)
{
    window.forked = true;
}
