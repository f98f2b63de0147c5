/* address_space.c - see address_space.h. */
#include "lib/arena/address_space.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

#include "lib/base/start_data.h"
#include "lib/os/os.h"

#define FIRST_HEAPS_BYTES ((size_t)256 << 10) /* mapped together with the first group */

static struct {
    uint32_t limit;      /* its length in SuperSlabs */
    uint32_t groups;     /* with tables */
    uintptr_t meta_end;  /* meta words are mapped up to here */
    uintptr_t heaps_end; /* heaps are mapped up to here */
    bool forked;         /* tables may be mapped further than we know */
} window HK_EARLY;

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

/* Meta words of a group and those before it. 0 or -errno. */
static int map_meta_words(uintptr_t base, unsigned group)
{
    size_t bytes = (group + 1) * HK_SUPERSLABS_PER_GROUP * HK_SLABS_PER_SUPERSLAB * sizeof(uint16_t);
    uintptr_t to = base - HK_META_BELOW + hk_round_up(bytes, hk_page_bytes);
    int err = to > window.meta_end ? map_table(window.meta_end, to) : 0;
    if (err == 0 && to > window.meta_end)
        window.meta_end = to;
    return err;
}

/* Tables of the next group. 0 or -errno. */
static int map_group(uintptr_t base, unsigned group)
{
    int err = map_meta_words(base, group);
    uintptr_t at = base - HK_HEAPS_BELOW - ((size_t)group + 1) * HK_GROUP_STRIDE;
    return err == 0 ? map_table(at, at + HK_GROUP_STRIDE) : err; /* without a gap: one mapping */
}

static bool try_window(uintptr_t base, uint32_t limit)
{
    uintptr_t heaps = base - HK_HEAPS_BELOW;
    window.meta_end = base - HK_META_BELOW;
    window.heaps_end = heaps + FIRST_HEAPS_BYTES;
    if (map_table(heaps - HK_GROUP_STRIDE, window.heaps_end) != 0)
        return false;
    if (map_meta_words(base, 0) != 0) {
        hk_os_unmap(heaps - HK_GROUP_STRIDE, HK_GROUP_STRIDE + FIRST_HEAPS_BYTES);
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
        uintptr_t at = hk_os_reserve_anywhere(HK_TABLES_BELOW + bytes + HK_SUPERSLAB_BYTES);
        if (at == 0)
            continue;
        hk_os_unmap(at, HK_TABLES_BELOW + bytes + HK_SUPERSLAB_BYTES);
        uintptr_t base = hk_round_up(at + HK_TABLES_BELOW, HK_SUPERSLAB_BYTES);
        if (try_window(base, (uint32_t)(bytes >> HK_SUPERSLAB_SHIFT)))
            return true;
    }
    return false;
}

/* A base near an address: meta words and the first blocks in one GiB, the first group and the first heaps in
 * another. */
static uintptr_t base_near(uintptr_t address)
{
    uintptr_t first = HK_META_BELOW + 2 * HK_SUPERSLAB_BYTES;
    uintptr_t last = HK_GIB - HK_SUPERSLAB_BYTES;
    uintptr_t within = first + (address & (HK_GIB - 1)) % (last - first);
    return (address & ~(uintptr_t)(HK_GIB - 1)) + (within & ~(uintptr_t)(HK_SUPERSLAB_BYTES - 1));
}

bool hk_window_find(void)
{
    uint64_t seed = random_seed();
    for (unsigned z = 0; z < HK_COUNT_OF(zones); z++) {
        for (int attempt = 0; attempt < 3; attempt++) {
            seed = mix(seed);
            if (try_window(base_near(zones[z].low + seed % zones[z].span), zones[z].limit))
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

/* In steps of one length: a step that a fork found mapped and not recorded is mapped wholly. */
uintptr_t hk_window_map_places(uintptr_t end)
{
    uintptr_t from = end != 0 ? end : hk_arena_base() - HK_PLACES_BELOW, to = from + HK_PLACES_STEP;
    return to <= hk_arena_base() - HK_META_BELOW && map_table(from, to) == 0 ? to : 0;
}

void hk_window_after_fork(void)
{
    window.forked = true;
}
