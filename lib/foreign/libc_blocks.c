/*
 * libc_blocks.c - see libc_blocks.h.
 *
 * The words around a block have meant the same in all versions from 2.31 to 2.43 (glibc, malloc/malloc.c and
 * arena.c). The word before a block is the size of its chunk, with three flag bits. A chunk that is no
 * mapping of its own is followed by another one, whose flag says that the one before is in use. One that is a
 * mapping begins where the word before its size says, and reaches to the end of the last page, or,
 * since 2.43, to its header's size before it.
 */
#include "lib/foreign/libc_blocks.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <link.h>

#include "lib/base/geometry.h"
#include "lib/os/os.h"

#define CHUNK_BEFORE_IN_USE ((size_t)1)
#define CHUNK_MMAPPED       ((size_t)2)
#define CHUNK_ARENA         ((size_t)4) /* lies in a thread arena's heap */
#define CHUNK_FLAGS         ((size_t)7)
#define CHUNK_HEADER        (2 * sizeof(size_t))
#define CHUNK_MIN           (4 * sizeof(size_t))

/* Heaps of thread arenas are aligned to their largest size, unless they are of huge pages. */
#define ARENA_HEAP_BYTES ((uintptr_t)64 << 20)

struct arena_heap {
    void *arena;
    struct arena_heap *before;
    size_t bytes;
};

static size_t chunk_word(uintptr_t block)
{
    return ((const size_t *)block)[-1];
}

/* Where the chunk of a block ends. */
static uintptr_t chunk_end(uintptr_t block)
{
    return block - CHUNK_HEADER + (chunk_word(block) & ~CHUNK_FLAGS);
}

/* Bytes from an address to the next page; 0 at its start. */
static size_t left_in_page(uintptr_t at)
{
    return -at & (hk_page_bytes - 1);
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

/* Whether [from, to) lies in the brk heap, which can be read without asking. */
static bool in_brk_heap(uintptr_t from, uintptr_t to)
{
    uintptr_t low = image_end(), high = (uintptr_t)sbrk(0);
    return low != 0 && high != UINTPTR_MAX && from >= low && from < to && to <= high;
}

/* Whether [from, to) may be read: that must not be what ends the program. Where a filter lets nothing be
 * asked it is read all the same: nearly every pointer that comes here is the C library's. */
static bool is_readable(uintptr_t from, uintptr_t to)
{
    uintptr_t page = from & ~(uintptr_t)(hk_page_bytes - 1);
    return from < to && hk_os_probe(page, hk_round_up(to - page, hk_page_bytes)) != -ENOMEM;
}

/* ---- the kinds of chunks ---- */

/* A chunk that is a mapping, or the end of one: memalign() cuts something off the front. The word before the
 * size says how much, and has a flag of its own where the mapping is of huge pages. */
static bool is_mmapped(uintptr_t block)
{
    size_t before = ((const size_t *)block)[-2] & ~CHUNK_FLAGS;
    uintptr_t chunk = block - CHUNK_HEADER, end = chunk_end(block);
    if ((chunk_word(block) & CHUNK_FLAGS) != CHUNK_MMAPPED || before > chunk || end <= block)
        return false;
    return left_in_page(chunk - before) == 0 && left_in_page(end - CHUNK_HEADER) <= 2 * CHUNK_HEADER &&
           is_readable(end - 1, end);
}

/* Whether what ends at `end` can be read. */
static bool ends_readable(uintptr_t end)
{
    uintptr_t from = end - sizeof(size_t);
    return in_brk_heap(from, end) || is_readable(from, end);
}

/* A chunk that fits together with the one behind it. */
static bool is_linked(uintptr_t block)
{
    size_t word = chunk_word(block), size = word & ~CHUNK_FLAGS;
    uintptr_t next = block + size;
    if ((word & CHUNK_MMAPPED) != 0 || size < CHUNK_MIN || size % HK_MIN_ALIGN != 0 || next < block ||
        !ends_readable(next))
        return false;
    size_t next_word = chunk_word(next), next_size = next_word & ~CHUNK_FLAGS;
    return (next_word & CHUNK_MMAPPED) == 0 && (next_word & CHUNK_BEFORE_IN_USE) != 0 &&
           next_size >= CHUNK_HEADER && next_size % HK_MIN_ALIGN == 0 &&
           chunk_end(next) >= next - CHUNK_HEADER && ends_readable(chunk_end(next));
}

/* Whether a chunk that is_linked() lies in the heap of a thread's arena. */
static bool in_arena_heap(uintptr_t block)
{
    uintptr_t start = block & ~(ARENA_HEAP_BYTES - 1);
    if ((chunk_word(block) & CHUNK_ARENA) == 0 || !is_readable(start, start + sizeof(struct arena_heap)))
        return false;
    const struct arena_heap *heap = (const struct arena_heap *)start;
    return heap->arena != NULL && ((uintptr_t)heap->arena & (HK_MIN_ALIGN - 1)) == 0 &&
           heap->bytes <= ARENA_HEAP_BYTES && (heap->bytes & (hk_page_bytes - 1)) == 0 &&
           block - start >= sizeof *heap + CHUNK_HEADER && chunk_end(block) - start <= heap->bytes;
}

/* A likely one lies in one of the mappings in which the first arena goes on where brk goes no further (a
 * limit, a neighbour), or among huge pages. */
enum hk_libc_claim hk_libc_claim(const void *p)
{
    uintptr_t block = (uintptr_t)p;
    if ((block & (HK_MIN_ALIGN - 1)) != 0 || block <= CHUNK_HEADER)
        return HK_LIBC_NO;
    bool in_brk = in_brk_heap(block - CHUNK_HEADER, block + 1);
    if (!in_brk && !is_readable(block - CHUNK_HEADER, block + 1))
        return HK_LIBC_NO;
    if (is_mmapped(block))
        return HK_LIBC_CERTAIN;
    if (!is_linked(block))
        return HK_LIBC_NO;
    return in_brk || in_arena_heap(block) ? HK_LIBC_CERTAIN : HK_LIBC_LIKELY;
}

/* The word behind a chunk belongs to it while it is in use; none lies behind one that ends its mapping. */
size_t hk_libc_usable(const void *p)
{
    uintptr_t block = (uintptr_t)p, end = chunk_end(block);
    bool ends_mapping = (chunk_word(block) & CHUNK_MMAPPED) != 0 && left_in_page(end) < CHUNK_HEADER;
    return end - block + (ends_mapping ? 0 : sizeof(size_t));
}
