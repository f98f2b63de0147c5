/* misuse.c - see misuse.h. */
#include "lib/arena/misuse.h"

#include <stdlib.h>

#include "lib/arena/arena.h"
#include "lib/os/stderr_line.h"
#include "shm/text.h"

__thread struct hk_called hk_called __attribute__((tls_model("initial-exec")));

void hk_die(const char *line)
{
    hk_report(line);
    abort();
}

static void add_pointer(struct hk_text *t, const void *p)
{
    hk_text_add_hex(t, (uintptr_t)p);
}

static void add_call(struct hk_text *t, const char *call, const void *p)
{
    hk_text_add(t, hk_called.call != NULL && hk_called.p == p ? hk_called.call : call);
    hk_text_add(t, "(");
    add_pointer(t, p);
    hk_text_add(t, "): ");
}

static void add_bytes(struct hk_text *t, const char *what, uint64_t bytes)
{
    hk_text_add(t, what);
    hk_text_add_u64(t, bytes);
    hk_text_add(t, " bytes");
}

/* "inside a block of 64 bytes that starts at 0x..., 16 bytes in" */
static void add_inside(struct hk_text *t, uintptr_t start, uint64_t bytes, const void *p)
{
    add_bytes(t, "inside a block of ", bytes);
    hk_text_add(t, " that starts at ");
    hk_text_add_hex(t, start);
    add_bytes(t, ", ", (uintptr_t)p - start);
    hk_text_add(t, " in");
}

static void describe_small(struct hk_text *t, const void *p, uint32_t slab, unsigned size_class)
{
    uint32_t bytes = hk_classes[size_class].bytes;
    uintptr_t start = hk_slab_start(slab);
    uintptr_t block = start + ((uintptr_t)p - start) / bytes * bytes;
    if (block + bytes > start + HK_SLAB_BYTES)
        hk_text_add(t, "in the unused end of a slab");
    else if (block == (uintptr_t)p)
        hk_text_add(t, "a block that is already free");
    else
        add_inside(t, block, bytes, p);
}

/* The big or huge block that covers a slab, looked for downwards; -1 if there is none. */
static int64_t covering(uint32_t slab, const void *p)
{
    enum { FAR = 1 << 16 }; /* slabs: 4 GiB */
    for (uint32_t s = slab, steps = 0; steps < FAR; s--, steps++) {
        const struct hk_slab *record = hk_slab_at(s);
        unsigned kind = atomic_load_explicit(&record->kind, memory_order_relaxed);
        if (kind == HK_SLAB_SMALL)
            return -1;
        if (kind == HK_SLAB_BIG || kind == HK_SLAB_HUGE)
            return (uintptr_t)p < hk_slab_start(s) + record->bytes ? (int64_t)s : -1;
        if (s == 0)
            break;
    }
    return -1;
}

static void describe(struct hk_text *t, const void *p)
{
    size_t slab = hk_slab_of(p);
    if (slab >= hk_arena_slabs()) {
        hk_text_add(t, "not from this allocator, nor the C library's heap");
        return;
    }
    unsigned offset = hk_meta_of(slab);
    if (offset != 0) {
        describe_small(t, p, (uint32_t)slab, hk_class_of_bin_offset(offset));
        return;
    }
    int64_t block = covering((uint32_t)slab, p);
    if (block < 0)
        hk_text_add(t, "in free memory: freed before, or never allocated");
    else
        add_inside(t, hk_slab_start((uint32_t)block), hk_slab_at((uint32_t)block)->bytes, p);
}

void hk_die_not_a_block(const char *call, const void *p)
{
    char line[256];
    struct hk_text t = hk_text_in(line, sizeof line);
    add_call(&t, call, p);
    hk_text_add(&t, "the pointer is ");
    describe(&t, p);
    hk_die(line);
}

void hk_die_interior(const void *p, uint32_t slab)
{
    (void)slab;
    hk_die_not_a_block("free", p);
}

void hk_die_double_free(const void *p, unsigned size_class)
{
    char line[256];
    struct hk_text t = hk_text_in(line, sizeof line);
    add_bytes(&t, "double free: the block of ", hk_classes[size_class].bytes);
    hk_text_add(&t, " at ");
    add_pointer(&t, p);
    hk_text_add(&t, ", or another of its slab, was freed before");
    hk_die(line);
}

void hk_die_freed_twice(const void *p, unsigned size_class)
{
    char line[256];
    struct hk_text t = hk_text_in(line, sizeof line);
    add_bytes(&t, "double free: the block of ", hk_classes[size_class].bytes);
    hk_text_add(&t, " at ");
    add_pointer(&t, p);
    hk_text_add(&t, " was freed twice");
    hk_die(line);
}

/* ---- of a checked allocator ---- */

void hk_die_freed(const char *call, const void *p, size_t bytes)
{
    char line[256];
    struct hk_text t = hk_text_in(line, sizeof line);
    add_call(&t, call, p);
    add_bytes(&t, "the block of ", bytes);
    hk_text_add(&t, " was freed before");
    hk_die(line);
}

void hk_die_overflow(const char *call, const void *p, size_t bytes, size_t at)
{
    char line[256];
    struct hk_text t = hk_text_in(line, sizeof line);
    add_call(&t, call, p);
    add_bytes(&t, "overflow: the block has ", bytes);
    hk_text_add(&t, ", and byte ");
    hk_text_add_u64(&t, at);
    hk_text_add(&t, " from its start was written to");
    hk_die(line);
}

void hk_die_written(const void *p, size_t bytes, const void *byte)
{
    char line[256];
    struct hk_text t = hk_text_in(line, sizeof line);
    add_bytes(&t, "use after free: the block of ", bytes);
    hk_text_add(&t, " at ");
    add_pointer(&t, p);
    hk_text_add(&t, " was freed, and the byte at ");
    add_pointer(&t, byte);
    hk_text_add(&t, " was written to since");
    hk_die(line);
}

void hk_die_size(const char *call, const void *p, size_t told, size_t asked)
{
    char line[256];
    struct hk_text t = hk_text_in(line, sizeof line);
    add_call(&t, call, p);
    add_bytes(&t, "wrong size: the caller says ", told);
    add_bytes(&t, ", the block has ", asked);
    hk_die(line);
}

void hk_die_align(const char *call, const void *p, size_t align)
{
    char line[256];
    struct hk_text t = hk_text_in(line, sizeof line);
    add_call(&t, call, p);
    hk_text_add(&t, "wrong alignment: the block is not aligned to ");
    hk_text_add_u64(&t, align);
    hk_die(line);
}

void hk_die_damaged(const void *p, unsigned size_class)
{
    char line[256];
    struct hk_text t = hk_text_in(line, sizeof line);
    add_bytes(&t, "damaged: a bin for blocks of ", hk_classes[size_class].bytes);
    hk_text_add(&t, " holds ");
    add_pointer(&t, p);
    hk_text_add(&t, ", which is no free one");
    hk_die(line);
}
