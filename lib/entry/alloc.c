/*
 * alloc.c - see alloc.h: what the hot path hands on, and the operations built on it.
 */
#include "lib/entry/alloc.h"

#include <errno.h>
#include <string.h>

#include "lib/arena/big_block.h"
#include "lib/arena/misuse.h"
#include "lib/arena/zero_fill.h"
#include "lib/base/process_counters.h"
#include "lib/base/verify.h"
#include "lib/entry/init.h"
#include "lib/foreign/foreign.h"
#include "lib/harden/harden_live.h"
#include "lib/harden/intercept.h"
#include "lib/heap/bin.h"
#include "lib/publish/publish.h"
#include "lib/tuning/control.h"

void *hk_out_of_memory(void)
{
    hk_count(&hk_process.failed_allocs_total, 1);
    errno = ENOMEM;
    return NULL;
}

/* ---- malloc ---- */

/* A program may live on big blocks alone: their ways are slow paths like any other. */
static void attend(void)
{
    struct hk_heap *heap = hk_tls_heap;
    hk_control_notice_fork();
    if (HK_UNLIKELY(heap == &hk_empty_heap))
        heap = hk_heap_get();
    if (HK_LIKELY(heap != NULL))
        hk_control_check(heap);
}

void *hk_big_make(size_t size, size_t align, bool *zeroed)
{
    *zeroed = false;
    if (HK_UNLIKELY(size > HK_MAX_REQUEST || align > HK_MAX_REQUEST || !hk_init_ready()))
        return hk_out_of_memory();
    attend();
    void *p = hk_big_reuse(size, align);
    hk_verify_big(p);
    if (HK_LIKELY(p != NULL)) {
        hk_publish_big(); /* the clock is for the free that comes of it */
        return hk_harden_pass(p);
    }
    p = hk_big_alloc(size, align, zeroed);
    hk_verify_big(p);
    hk_control_tick();
    return HK_LIKELY(p != NULL) ? hk_harden_pass(p) : hk_out_of_memory();
}

/* The thread may only now have got the heap, with blocks in it. any: not the newest one. */
HK_INLINE void *pop_or_supply(struct hk_heap *heap, unsigned size_class, bool any)
{
    void *block = any ? hk_bin_pop_any(heap, size_class) : hk_bin_pop(heap, hk_bin_of(heap, size_class));
    return block != NULL ? block : hk_bin_supply(heap, size_class);
}

/* A block for a thread that has no heap: past its last destructor, or there was no memory for one. */
static HK_COLD void *small_late(unsigned size_class, bool any)
{
    struct hk_heap *heap = hk_heap_late_take();
    if (heap == NULL)
        return NULL;
    void *block = pop_or_supply(heap, size_class, any);
    hk_bin_learn(heap, size_class); /* nobody else will: its blocks come back past the bin */
    hk_heap_late_drop();
    return block;
}

HK_INLINE void *small(struct hk_heap *heap, unsigned size_class, bool any)
{
    return HK_LIKELY(heap != NULL) ? pop_or_supply(heap, size_class, any) : small_late(size_class, any);
}

HK_INLINE void *small_make(unsigned size_class, bool any)
{
    struct hk_heap *heap = hk_heap_get();
    void *block = small(heap, size_class, any);
    if (HK_LIKELY(block != NULL))
        return block;
    /* What this heap and the process keep for later may be enough. */
    hk_control_trim(heap, 0);
    block = small(heap, size_class, any);
    return block != NULL ? block : hk_out_of_memory();
}

void *hk_small_make(unsigned size_class)
{
    return small_make(size_class, hk_hardens(HK_HARDEN_RANDOM));
}

HK_NOINLINE void *hk_malloc_slow(size_t size)
{
    bool zeroed;
    if (HK_UNLIKELY(hk_is_diverted()))
        return hk_divert_alloc("malloc", size, HK_MIN_ALIGN, &zeroed);
    return size <= HK_SMALL_MAX ? hk_harden_pass(small_make(hk_class_of_size(size), false))
                                : hk_big_make(size, HK_MIN_ALIGN, &zeroed);
}

/* ---- free ---- */

static HK_COLD void free_late(void *p, uint32_t slab, unsigned size_class)
{
    struct hk_heap *heap = hk_heap_late_take();
    if (heap != NULL) {
        hk_bin_count_bypass(heap, size_class);
        hk_heap_late_drop();
    }
    hk_count(&hk_process.late_frees_total, 1);
    hk_bin_bypass(slab, size_class, p);
}

/* What the bin does not simply go on with. */
void hk_small_drop(void *p, uint32_t slab, unsigned size_class)
{
    struct hk_heap *heap = hk_heap_get();
    if (HK_UNLIKELY(heap == NULL))
        free_late(p, slab, size_class);
    else
        hk_bin_accept(heap, size_class, p);
}

void hk_big_drop(void *p, uint32_t slab)
{
    attend();
    hk_big_free(p, slab);
    hk_control_tick();
}

void hk_free_plain(void *p)
{
    size_t slab = hk_slab_of(p);
    if (HK_UNLIKELY(slab >= hk_arena_slabs())) {
        hk_foreign_free(p);
        return;
    }
    unsigned offset = hk_meta_of(slab);
    if (offset == 0)
        hk_big_drop(p, (uint32_t)slab);
    else
        hk_small_drop(p, (uint32_t)slab, hk_class_of_bin_offset(offset));
}

/* Where calls are diverted no slab is a fast one. */
HK_NOINLINE void hk_free_slow(void *p)
{
    size_t slab = hk_slab_of(p);
    unsigned offset = slab < hk_arena_fast_slabs() ? hk_meta_of(slab) : 0;
    if (HK_LIKELY(offset != 0) &&
        HK_LIKELY(hk_bin_accept_as_before(hk_tls_heap, hk_class_of_bin_offset(offset), p)))
        return;
    if (p == NULL)
        return;
    if (HK_UNLIKELY(hk_is_diverted()))
        hk_divert_free("free", p, HK_ANY_SIZE, 1);
    else
        hk_free_plain(p);
}

HK_COLD void hk_free_told_slow(const char *call, void *p, size_t size, size_t align)
{
    if (p != NULL && hk_is_diverted()) {
        hk_divert_free(call, p, size, align);
        return;
    }
    hk_called_as(call, p);
    hk_free_slow(p);
    hk_called_as(NULL, NULL);
}

/* ---- calloc, aligned ---- */

void *hk_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (HK_UNLIKELY(__builtin_mul_overflow(count, size, &bytes)))
        return hk_out_of_memory();
    if (bytes > HK_SMALL_MAX) {
        bool zeroed;
        void *p = HK_UNLIKELY(hk_is_diverted()) ? hk_divert_alloc("calloc", bytes, HK_MIN_ALIGN, &zeroed)
                                                : hk_big_make(bytes, HK_MIN_ALIGN, &zeroed);
        if (p != NULL && !zeroed)
            hk_clear(p, bytes);
        return p;
    }
    void *p = hk_malloc(bytes);
    return HK_LIKELY(p != NULL) ? memset(p, 0, bytes) : NULL;
}

/* The call was diverted only now, as one for another size, of any alignment. */
static HK_COLD void *aligned_after_all(void *p, size_t align, size_t size)
{
    bool zeroed;
    hk_free(p);
    return hk_divert_alloc("aligned", size, align, &zeroed);
}

/* Slabs are aligned to their size, blocks lie at multiples of theirs, and the class of a size that is a
 * multiple of an alignment is one too (asserted where classes are made). */
void *hk_aligned(size_t align, size_t size)
{
    bool zeroed;
    if (HK_UNLIKELY(hk_is_diverted()))
        return hk_divert_alloc("aligned", size, align, &zeroed);
    if (HK_UNLIKELY(((size - 1) | (align - 1)) >= HK_SMALL_MAX) && (size != 0 || align > HK_SMALL_MAX))
        return hk_big_make(size, align, &zeroed);
    void *p = hk_malloc(size != 0 ? hk_round_up(size, align) : align);
    bool is_other = ((uintptr_t)p & (align - 1)) != 0 || hk_is_diverted();
    return HK_UNLIKELY(is_other) ? aligned_after_all(p, align, size) : p;
}

/* ---- usable size, realloc ---- */

size_t hk_usable(const void *p)
{
    if (p == NULL)
        return 0;
    return HK_UNLIKELY(hk_is_diverted()) ? hk_divert_usable(p) : hk_usable_plain(p);
}

size_t hk_usable_plain(const void *p)
{
    size_t slab = hk_slab_of(p);
    if (slab >= hk_arena_slabs())
        return hk_foreign_usable(p);
    unsigned offset = hk_meta_of(slab);
    if (offset == 0)
        return hk_big_usable("malloc_usable_size", p, (uint32_t)slab);
    unsigned size_class = hk_class_of_bin_offset(offset);
    if (!hk_slab_is_block((uint32_t)slab, size_class, p))
        hk_die_not_a_block("malloc_usable_size", p);
    return hk_classes[size_class].bytes;
}

/* No program expects that a block can't shrink: without memory it stays as it is. */
static HK_COLD void *shrink_failed(void *p, int saved_errno)
{
    errno = saved_errno;
    return p;
}

static void *move_to_smaller(void *p, size_t size)
{
    int saved_errno = errno;
    void *to = hk_malloc(size);
    if (HK_UNLIKELY(to == NULL))
        return shrink_failed(p, saved_errno);
    memcpy(to, p, size);
    hk_free(p);
    return to;
}

/* What a block of so many bytes that grows to size gets: who grows it once will grow it again, and each time
 * copies all of it. A quarter more costs at most one class and halves what is copied in all. */
static size_t grown(size_t usable, size_t size)
{
    size_t with_room = usable + usable / 4;
    return size >= with_room || with_room > HK_SMALL_MAX ? size : with_room;
}

static void *move_to_larger(void *p, size_t usable, size_t size)
{
    size_t bytes = hk_is_diverted() ? size : grown(usable, size);
    void *to = hk_malloc(bytes);
    if (HK_UNLIKELY(to == NULL))
        return NULL;
    if (bytes != size)
        (void)hk_harden_pass(to); /* it would be known as one of another size */
    memcpy(to, p, usable);
    hk_free(p);
    return to;
}

static void *move(void *p, size_t usable, size_t size)
{
    return HK_LIKELY(size > usable) ? move_to_larger(p, usable, size) : move_to_smaller(p, size);
}

void *hk_big_change(void *p, uint32_t slab, size_t size)
{
    hk_control_notice_fork();
    void *resized = hk_big_resize(p, slab, size);
    hk_verify_big(resized != NULL ? resized : p);
    hk_control_tick();
    return resized;
}

static void *resize_big(void *p, uint32_t slab, size_t size)
{
    size_t usable = hk_big_usable("realloc", p, slab);
    void *resized = hk_big_change(p, slab, size);
    return resized != NULL ? hk_harden_pass(resized) : move(p, usable, size);
}

void *hk_resize_plain(void *p, size_t size)
{
    size_t slab = hk_slab_of(p);
    if (HK_UNLIKELY(slab >= hk_arena_slabs()))
        return hk_foreign_realloc(p, size);
    unsigned offset = hk_meta_of(slab);
    if (offset == 0)
        return resize_big(p, (uint32_t)slab, size);
    unsigned size_class = hk_class_of_bin_offset(offset);
    if (HK_UNLIKELY(!hk_slab_is_block((uint32_t)slab, size_class, p)))
        hk_die_not_a_block("realloc", p);
    if (hk_class_fits(&hk_classes[size_class], size))
        return p; /* the short way was not taken */
    return move(p, hk_classes[size_class].bytes, size);
}

static hk_au64 zero_reallocs;

uint64_t hk_zero_reallocs(void)
{
    return hk_total(&zero_reallocs);
}

/* What does not stay as it is. */
static HK_NOINLINE void *resize(void *p, size_t size)
{
    if (p == NULL)
        return hk_malloc(size);
    if (size == 0) {
        hk_count_along(&zero_reallocs, 1);
        hk_free(p);
        return NULL;
    }
    return HK_UNLIKELY(hk_is_diverted()) ? hk_divert_resize("realloc", p, size) : hk_resize_plain(p, size);
}

/* Most blocks that grow a little stay where they are. As in hk_free(), stale words of the arena lead to the
 * slow way, which reads them properly. */
void *hk_realloc(void *p, size_t size)
{
    uintptr_t base = HK_PLAIN(hk_arena.base);
    size_t slab = ((uintptr_t)p - base) >> HK_SLAB_SHIFT;
    if (HK_LIKELY(slab < HK_PLAIN(hk_arena.fast_slabs))) {
        const uint16_t *metas = (const uint16_t *)(base - HK_META_BELOW);
        unsigned offset = HK_PLAIN(metas[slab]);
        if (HK_LIKELY(offset != 0)) {
            const struct hk_class_info *info = &hk_classes[hk_class_of_bin_offset(offset)];
            if (HK_LIKELY(hk_class_fits(info, size)) &&
                HK_LIKELY(hk_block_starts(info, (uint32_t)((uintptr_t)p & (HK_SLAB_BYTES - 1)))))
                return p;
        }
    }
    return resize(p, size);
}
