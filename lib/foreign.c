/*
 * foreign.c - see foreign.h.
 *
 * A pointer is taken for the C library's if it lies in the brk heap, or starts a mapping that looks like one
 * of its mmapped chunks, or lies in what looks like a thread arena's heap or is followed by another chunk,
 * and if the size in front of it makes sense (glibc, malloc/malloc.c: a chunk's size with three flag bits
 * lies in the word before the block; the whole of a mmapped chunk is in whole pages).
 */
#include "lib/foreign.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <link.h>

#include "lib/geometry.h"
#include "lib/misuse.h"
#include "lib/os.h"
#include "lib/process.h"

extern void __libc_free(void *p) __attribute__((weak));
extern void *__libc_realloc(void *p, size_t size) __attribute__((weak));

#define CHUNK_BEFORE_IN_USE ((size_t)1)
#define CHUNK_MMAPPED       ((size_t)2)
#define CHUNK_ARENA         ((size_t)4) /* lies in a thread arena's heap */
#define CHUNK_FLAGS         ((size_t)7)
#define CHUNK_HEADER        (2 * sizeof(size_t))
#define CHUNK_MIN           (4 * sizeof(size_t))

/* Heaps of thread arenas are aligned to their largest size (glibc, malloc/arena.c). */
#define ARENA_HEAP_BYTES ((uintptr_t)64 << 20)

struct arena_heap {
    void *arena;
    struct arena_heap *before;
    size_t bytes;
};

static size_t chunk_word(const void *p)
{
    return ((const size_t *)p)[-1];
}

/* The end of the program's own image, above which its brk heap begins. */
static uintptr_t image_end(void)
{
    const ElfW(Phdr) *phdr = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    size_t count = getauxval(AT_PHNUM);
    uintptr_t base = 0, end = 0;
    for (size_t i = 0; phdr != NULL && i < count; i++) {
        if (phdr[i].p_type == PT_PHDR)
            base = (uintptr_t)phdr - phdr[i].p_vaddr;
    }
    for (size_t i = 0; phdr != NULL && i < count; i++) {
        uintptr_t segment_end = base + phdr[i].p_vaddr + phdr[i].p_memsz;
        if (phdr[i].p_type == PT_LOAD && segment_end > end)
            end = segment_end;
    }
    return end;
}

static bool in_brk_heap(const void *p)
{
    uintptr_t at = (uintptr_t)p, low = image_end(), high = (uintptr_t)sbrk(0);
    if (low == 0 || high == UINTPTR_MAX || at < low + CHUNK_HEADER || at >= high)
        return false;
    size_t size = chunk_word(p) & ~CHUNK_FLAGS;
    return size >= CHUNK_MIN && size <= high - (at - CHUNK_HEADER);
}

static uintptr_t page_of(uintptr_t at)
{
    return at & ~(uintptr_t)(hk_page_bytes - 1);
}

/* Whether [from, to) may be read: that must not be what ends the program. Where a filter lets nothing be
 * asked it is read all the same: nearly every pointer that comes here is the C library's. */
static bool is_readable(uintptr_t from, uintptr_t to)
{
    from = page_of(from);
    return hk_os_probe(from, hk_round_up(to - from, hk_page_bytes)) != -ENOMEM;
}

static bool is_mmapped_chunk(const void *p)
{
    uintptr_t at = (uintptr_t)p;
    size_t size = chunk_word(p), before = ((const size_t *)p)[-2];
    uintptr_t start = at - CHUNK_HEADER - before, whole = before + (size & ~CHUNK_FLAGS);
    return (size & CHUNK_FLAGS) == CHUNK_MMAPPED && whole >= hk_page_bytes && start < at &&
           ((start | whole) & (hk_page_bytes - 1)) == 0;
}

static bool is_arena_chunk(const void *p)
{
    uintptr_t at = (uintptr_t)p, start = at & ~(ARENA_HEAP_BYTES - 1);
    size_t size = chunk_word(p);
    if ((size & (CHUNK_ARENA | CHUNK_MMAPPED)) != CHUNK_ARENA ||
        !is_readable(start, start + sizeof(struct arena_heap)))
        return false;
    const struct arena_heap *heap = (const struct arena_heap *)start;
    size_t before = at - CHUNK_HEADER - start;
    return heap->arena != NULL && ((uintptr_t)heap->arena & (HK_MIN_ALIGN - 1)) == 0 &&
           heap->bytes <= ARENA_HEAP_BYTES && (heap->bytes & (hk_page_bytes - 1)) == 0 &&
           before >= sizeof *heap && before < heap->bytes && (size & ~CHUNK_FLAGS) >= CHUNK_MIN &&
           (size & ~CHUNK_FLAGS) <= heap->bytes - before;
}

/* Where brk goes no further (a limit, a neighbour), the C library's first arena goes on in mappings of a MiB
 * and more. All that can be known of a block there is that it and the next one fit together. */
static bool is_stray_chunk(const void *p)
{
    uintptr_t at = (uintptr_t)p;
    size_t size = chunk_word(p) & ~CHUNK_FLAGS;
    if ((chunk_word(p) & (CHUNK_ARENA | CHUNK_MMAPPED)) != 0 || size < CHUNK_MIN ||
        size % HK_MIN_ALIGN != 0 || size > ARENA_HEAP_BYTES ||
        !is_readable(at + size - sizeof(size_t), at + size))
        return false;
    size_t next = chunk_word((const char *)p + size);
    return (next & (CHUNK_ARENA | CHUNK_MMAPPED)) == 0 && (next & CHUNK_BEFORE_IN_USE) != 0 &&
           (next & ~CHUNK_FLAGS) >= CHUNK_HEADER && (next & ~CHUNK_FLAGS) % HK_MIN_ALIGN == 0;
}

static bool is_libc_block(const void *p)
{
    if (__libc_free == NULL || ((uintptr_t)p & (HK_MIN_ALIGN - 1)) != 0)
        return false;
    uintptr_t at = (uintptr_t)p;
    return in_brk_heap(p) || (at > CHUNK_HEADER && is_readable(at - CHUNK_HEADER, at + 1) &&
                              (is_mmapped_chunk(p) || is_arena_chunk(p) || is_stray_chunk(p)));
}

void hk_foreign_free(void *p)
{
    if (!is_libc_block(p))
        hk_die_not_a_block("free", p);
    hk_count(&hk_process.foreign_frees_total, 1);
    __libc_free(p);
}

void *hk_foreign_realloc(void *p, size_t size)
{
    if (__libc_realloc == NULL || !is_libc_block(p))
        hk_die_not_a_block("realloc", p);
    return __libc_realloc(p, size);
}

size_t hk_foreign_usable(const void *p)
{
    if (!is_libc_block(p))
        hk_die_not_a_block("malloc_usable_size", p);
    size_t size = chunk_word(p);
    /* The word behind an arena chunk belongs to it while it is in use. */
    return (size & ~CHUNK_FLAGS) - ((size & CHUNK_MMAPPED) != 0 ? CHUNK_HEADER : sizeof(size_t));
}
