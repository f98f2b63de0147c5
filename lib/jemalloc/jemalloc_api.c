/*
 * jemalloc_api.c - the calls that programs built for jemalloc make for blocks: mallocx, rallocx, xallocx,
 * sallocx, dallocx, sdallocx and nallocx, as jemalloc(3) describes them. Its questions are
 * lib/jemalloc/mallctl.h's.
 *
 * They lead to the blocks that malloc hands out, by its public name, and mix with it freely. An arena or a
 * cache that a caller names is accepted and changes nothing: docs/decisions/0012-jemalloc-api.md says why. A
 * size of 0, which the manual leaves undefined, stands for 1.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena/big_block.h"
#include "lib/arena/misuse.h"
#include "lib/arena/zero_fill.h"
#include "lib/base/verify.h"
#include "lib/entry/alloc.h"
#include "lib/harden/intercept.h"
#include "lib/jemalloc/mallctl.h"
#include "lib/os/os.h"
#include "lib/tuning/control.h"

#define LG_ALIGN_MASK 63
#define ZERO          0x40

/* Nothing below is in a header that programs of ours include: theirs is jemalloc's. */
HK_EXPORT void *mallocx(size_t size, int flags);
HK_EXPORT void *rallocx(void *p, size_t size, int flags);
HK_EXPORT size_t xallocx(void *p, size_t size, size_t extra, int flags);
HK_EXPORT size_t sallocx(const void *p, int flags);
HK_EXPORT void dallocx(void *p, int flags);
HK_EXPORT void sdallocx(void *p, size_t size, int flags);
HK_EXPORT size_t nallocx(size_t size, int flags);

static size_t alignment_in(int flags)
{
    size_t align = (size_t)1 << ((unsigned)flags & LG_ALIGN_MASK);
    return align > HK_MIN_ALIGN ? align : HK_MIN_ALIGN;
}

static bool wants_zeros(int flags)
{
    return ((unsigned)flags & ZERO) != 0;
}

/* What is not is the C library's, or of whoever has taken malloc's family over (lib/entry/derived_calls.c).
 */
static bool is_ours(const void *p)
{
    return hk_slab_of(p) < hk_arena_slabs();
}

static size_t usable(void *p)
{
    return is_ours(p) ? hk_usable(p) : malloc_usable_size(p);
}

/* Makes the bytes of a block from one place to another read as zero. What is checked may have a guard behind
 * it. */
static void clear(char *p, size_t from, size_t to)
{
    if (to <= from)
        return;
    if (from % hk_page_bytes == 0 && to > HK_SMALL_MAX && is_ours(p) && !hk_is_diverted())
        hk_clear(p + from, to - from);
    else
        memset(p + from, 0, to - from);
}

/* nallocx() has said, or will say, how long such a block is, and whoever asks there may write so far. Where
 * checks began while the process runs it must be as long as without them: asked about, it is
 * (lib/harden/harden.c).
 */
static void *widened(void *p)
{
    if (p != NULL && hk_hardens(HK_DIVERT_LIVE))
        (void)usable(p);
    return p;
}

/* *zeros: so many bytes read as zero. */
static void *take_diverted(const char *call, size_t size, size_t align, size_t *zeros)
{
    bool zeroed;
    void *p = widened(hk_divert_alloc(call, size, align, &zeroed));
    *zeros = p != NULL && zeroed ? usable(p) : 0;
    return p;
}

/* By the names that everybody knows. wanted: whether zeros are. */
static void *take(const char *call, size_t size, size_t align, bool wanted, size_t *zeros)
{
    *zeros = 0;
    if (HK_UNLIKELY(hk_is_diverted()) && !hk_divert_stands_back())
        return take_diverted(call, size, align, zeros);
    if (align != HK_MIN_ALIGN)
        return memalign(align, size);
    if (!wanted)
        return malloc(size);
    *zeros = size;
    return calloc(1, size);
}

static void *make(const char *call, size_t size, int flags)
{
    size_t zeros;
    void *p = take(call, size != 0 ? size : 1, alignment_in(flags), wants_zeros(flags), &zeros);
    if (p != NULL && wants_zeros(flags))
        clear(p, zeros, usable(p));
    return p;
}

static void drop(const char *call, void *p, size_t size, size_t align)
{
    if (is_ours(p)) {
        hk_free_told(call, p, size, align);
        return;
    }
    hk_called_as(call, p);
    free(p);
    hk_called_as(NULL, NULL);
}

void *mallocx(size_t size, int flags)
{
    return make("mallocx", size, flags);
}

/* ---- changing a block's size ---- */

/* Whether realloc, wherever it goes, ends at a multiple of the alignment: big blocks begin a slab. */
static bool realloc_aligns(const void *p, size_t size, size_t align)
{
    return align == HK_MIN_ALIGN || (size > HK_SMALL_MAX && align <= HK_SLAB_BYTES && is_ours(p));
}

static void *resize(void *p, size_t size)
{
    if (!is_ours(p))
        return realloc(p, size);
    return HK_UNLIKELY(hk_is_diverted()) ? widened(hk_divert_resize("rallocx", p, size))
                                         : hk_realloc(p, size);
}

/* All that the smaller of the two has: a caller may count on what is behind the size it asked for. */
static void *replace(void *p, size_t had, size_t size, int flags)
{
    size_t zeros;
    char *to = take("rallocx", size, alignment_in(flags), false, &zeros);
    if (to == NULL)
        return NULL;
    size_t has = usable(to), kept = had < has ? had : has;
    memcpy(to, p, kept);
    if (wants_zeros(flags))
        clear(to, kept, has);
    drop("rallocx", p, HK_ANY_SIZE, 1);
    return to;
}

/* At least half of it stays in use, it is as long as nallocx() says of such a block, and nothing is known of
 * it elsewhere that would change. */
static bool may_stay(const void *p, size_t had, size_t size, int flags)
{
    return size <= had && nallocx(size, flags) <= had && had / 2 < size &&
           ((uintptr_t)p & (alignment_in(flags) - 1)) == 0 && !hk_is_diverted();
}

static void *change(void *p, size_t size, int flags)
{
    size_t align = alignment_in(flags);
    bool aligns = realloc_aligns(p, size, align);
    if (aligns && !wants_zeros(flags))
        return resize(p, size);
    size_t had = usable(p);
    if (may_stay(p, had, size, flags))
        return p;
    if (!aligns || size < had)
        return replace(p, had, size, flags);
    void *to = resize(p, size);
    if (to != NULL)
        clear(to, had, usable(to));
    return to;
}

void *rallocx(void *p, size_t size, int flags)
{
    if (p == NULL)
        return make("rallocx", size, flags);
    hk_called_as("rallocx", p);
    void *to = change(p, size != 0 ? size : 1, flags);
    hk_called_as(NULL, NULL);
    return to;
}

static bool resize_big_here(void *p, uint32_t slab, size_t size)
{
    hk_control_notice_fork();
    bool is_done = hk_big_resize_here(p, slab, size);
    hk_verify_big(p);
    hk_control_tick();
    return is_done;
}

/* Small blocks have the size of their class. */
static void resize_here(void *p, size_t had, size_t size, size_t most)
{
    size_t slab = hk_slab_of(p);
    if (hk_meta_of(slab) != 0)
        return;
    if ((most > had || most < had) && resize_big_here(p, (uint32_t)slab, most))
        return;
    if (size > had)
        (void)resize_big_here(p, (uint32_t)slab, size);
}

static size_t usable_as(const char *call, void *p)
{
    hk_called_as(call, p);
    size_t bytes = usable(p);
    hk_called_as(NULL, NULL);
    return bytes;
}

size_t xallocx(void *p, size_t size, size_t extra, int flags)
{
    size_t had = usable_as("xallocx", p), most, align = alignment_in(flags);
    if (!is_ours(p) || size > HK_MAX_REQUEST || ((uintptr_t)p & (align - 1)) != 0)
        return had;
    if (size == 0)
        size = 1;
    if (__builtin_add_overflow(size, extra, &most) || most > HK_MAX_REQUEST)
        most = HK_MAX_REQUEST;
    if (HK_UNLIKELY(hk_is_diverted()))
        hk_divert_resize_here("xallocx", p, size, most);
    else
        resize_here(p, had, size, most);
    size_t has = usable(p);
    if (wants_zeros(flags))
        clear(p, had, has);
    return has;
}

/* ---- the others ---- */

size_t sallocx(const void *p, int flags)
{
    (void)flags;
    return usable_as("sallocx", (void *)(uintptr_t)p);
}

void dallocx(void *p, int flags)
{
    (void)flags;
    drop("dallocx", p, HK_ANY_SIZE, 1);
}

void sdallocx(void *p, size_t size, int flags)
{
    drop("sdallocx", p, size, alignment_in(flags));
}

/* A block that is checked from the process's start is as long as was asked for, so that what this says is
 * never more than there is; where checks began later it is at least so long as without them. */
size_t nallocx(size_t size, int flags)
{
    size_t align = alignment_in(flags);
    if (size > HK_CTL_LARGEST || align > HK_CTL_LARGEST)
        return 0;
    if (size == 0)
        size = 1;
    if (hk_hardens(HK_HARDEN_ALL) && !hk_hardens(HK_DIVERT_LIVE))
        return size;
    if (size > HK_SMALL_MAX || align > HK_SMALL_MAX)
        return hk_round_up(size, hk_page_bytes);
    return hk_classes[hk_class_of_size(hk_round_up(size, align))].bytes;
}
