/*
 * foreign.c - see foreign.h.
 *
 * A pointer is taken for the C library's by the words around it, which have meant the same in all versions
 * from 2.31 to 2.43 (glibc, malloc/malloc.c). The word before a block is the size of its chunk, with three
 * flag bits. A chunk that is no mapping of its own is followed by another one, whose flag says that the one
 * before is in use. One that is a mapping begins where the word before its size says, and reaches to the end
 * of the last page, or, since 2.43, to its header's size before it. No lock is taken to find this out.
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
#define CHUNK_FLAGS         ((size_t)7)
#define CHUNK_HEADER        (2 * sizeof(size_t))
#define CHUNK_MIN           (4 * sizeof(size_t))

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

/* Whether [from, to) lies in the brk heap, which can be read without asking. */
static bool in_brk_heap(uintptr_t from, uintptr_t to)
{
    uintptr_t low = image_end(), high = (uintptr_t)sbrk(0);
    return low != 0 && high != UINTPTR_MAX && from >= low && from < to && to <= high;
}

static bool can_be_read(uintptr_t from, uintptr_t to)
{
    return from < to && (in_brk_heap(from, to) || is_readable(from, to));
}

/* Where the chunk of the block at `at` ends. */
static uintptr_t chunk_end(uintptr_t at)
{
    return at - CHUNK_HEADER + (chunk_word((const void *)at) & ~CHUNK_FLAGS);
}

/* Bytes from an address to the next page; 0 at its start. */
static size_t left_in_page(uintptr_t at)
{
    return -at & (hk_page_bytes - 1);
}

/* A chunk that is a mapping, or the end of one: memalign() cuts something off the front. The word before the
 * size says how much, and has a flag of its own where the mapping is of huge pages. */
static bool is_mmapped_chunk(uintptr_t at)
{
    size_t word = chunk_word((const void *)at), before = ((const size_t *)at)[-2] & ~CHUNK_FLAGS;
    uintptr_t chunk = at - CHUNK_HEADER, end = chunk_end(at);
    if ((word & CHUNK_FLAGS) != CHUNK_MMAPPED || before > chunk || end <= at)
        return false;
    return left_in_page(chunk - before) == 0 && left_in_page(end - CHUNK_HEADER) <= 2 * CHUNK_HEADER &&
           is_readable(end - 1, end);
}

/* A chunk of the brk heap, of a thread's arena, or, where brk goes no further (a limit, a neighbour), of the
 * mappings in which the first arena goes on: it and the next one fit together. */
static bool is_arena_chunk(uintptr_t at)
{
    size_t word = chunk_word((const void *)at), size = word & ~CHUNK_FLAGS;
    uintptr_t next_block = at + size;
    if ((word & CHUNK_MMAPPED) != 0 || size < CHUNK_MIN || size % HK_MIN_ALIGN != 0 || next_block < at ||
        !can_be_read(next_block - sizeof(size_t), next_block))
        return false;
    size_t next = chunk_word((const void *)next_block), next_size = next & ~CHUNK_FLAGS;
    return (next & CHUNK_MMAPPED) == 0 && (next & CHUNK_BEFORE_IN_USE) != 0 && next_size >= CHUNK_HEADER &&
           next_size % HK_MIN_ALIGN == 0;
}

static bool is_libc_block(const void *p)
{
    uintptr_t at = (uintptr_t)p;
    return __libc_free != NULL && (at & (HK_MIN_ALIGN - 1)) == 0 && at > CHUNK_HEADER &&
           can_be_read(at - CHUNK_HEADER, at + 1) && (is_mmapped_chunk(at) || is_arena_chunk(at));
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
    uintptr_t at = (uintptr_t)p, end = chunk_end(at);
    /* The word behind a chunk belongs to it while it is in use; none lies behind one that ends its mapping.
     */
    bool ends_mapping = (chunk_word(p) & CHUNK_MMAPPED) != 0 && left_in_page(end) < CHUNK_HEADER;
    return end - at + (ends_mapping ? 0 : sizeof(size_t));
}
