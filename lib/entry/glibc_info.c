/*
 * glibc_info.c - glibc's questions about the heap: mallinfo, mallinfo2, malloc_info, malloc_stats,
 * malloc_trim, mallopt, answered with this allocator's own figures.
 *
 * The one file of the library that touches stdio, because malloc_info() is handed a FILE.
 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>

#include "lib/entry/alloc.h"
#include "lib/heap/totals.h"
#include "lib/os/stderr_line.h"
#include "lib/tuning/control.h"
#include "shm/text.h"

/* In glibc's terms: arena is what is mapped for blocks that are not mmapped themselves, hblkhd the rest. */
HK_EXPORT struct mallinfo2 mallinfo2(void)
{
    struct hk_figures f;
    hk_figures_take(&f);
    /* Of two moments: neither difference need exist. */
    size_t arena = f.mapped_bytes > f.huge_bytes ? f.mapped_bytes - f.huge_bytes : 0;
    size_t live = f.live_bytes > f.huge_bytes ? f.live_bytes - f.huge_bytes : 0;
    return (struct mallinfo2){
        .arena = arena,
        .ordblks = f.free_blocks,
        .hblks = f.huge_blocks,
        .hblkhd = f.huge_bytes,
        .uordblks = live,
        .fordblks = arena > live ? arena - live : 0,
        .fsmblks = f.bin_bytes,
        .keepcost = f.retained_bytes,
    };
}

static int as_int(size_t n)
{
    return n > INT_MAX ? INT_MAX : (int)n;
}

HK_EXPORT struct mallinfo mallinfo(void)
{
    struct mallinfo2 m = mallinfo2();
    return (struct mallinfo){
        .arena = as_int(m.arena),
        .ordblks = as_int(m.ordblks),
        .hblks = as_int(m.hblks),
        .hblkhd = as_int(m.hblkhd),
        .uordblks = as_int(m.uordblks),
        .fordblks = as_int(m.fordblks),
        .fsmblks = as_int(m.fsmblks),
        .keepcost = as_int(m.keepcost),
    };
}

static void add_attribute(struct hk_text *t, const char *name, uint64_t v)
{
    hk_text_add(t, " ");
    hk_text_add(t, name);
    hk_text_add(t, "=\"");
    hk_text_add_u64(t, v);
    hk_text_add(t, "\"");
}

static void add_total(struct hk_text *t, const char *type, uint64_t count, uint64_t bytes)
{
    hk_text_add(t, "<total type=\"");
    hk_text_add(t, type);
    hk_text_add(t, "\"");
    add_attribute(t, "count", count);
    add_attribute(t, "size", bytes);
    hk_text_add(t, "/>\n");
}

/* The form of glibc's document, with what there is here. */
HK_EXPORT int malloc_info(int options, FILE *out)
{
    if (options != 0)
        return EINVAL;
    struct hk_figures f;
    hk_figures_take(&f);
    char text[1024];
    struct hk_text t = hk_text_in(text, sizeof text);
    hk_text_add(&t, "<malloc version=\"hakmem-" HAKMEM_VERSION "\">\n<heap nr=\"0\">\n");
    add_total(&t, "live", f.live_blocks, f.live_bytes);
    add_total(&t, "bins", f.free_blocks, f.bin_bytes);
    add_total(&t, "partial", f.slabs, f.partial_bytes);
    add_total(&t, "retained", f.retained_bytes / HK_SLAB_BYTES, f.retained_bytes);
    add_total(&t, "mmap", f.huge_blocks, f.huge_bytes);
    hk_text_add(&t, "<system type=\"current\"");
    add_attribute(&t, "size", f.mapped_bytes);
    hk_text_add(&t, "/>\n</heap>\n</malloc>\n");
    return fputs(text, out) < 0 ? EIO : 0;
}

static void report_figure(const char *name, uint64_t v)
{
    char line[96];
    struct hk_text t = hk_text_in(line, sizeof line);
    hk_text_add(&t, name);
    hk_text_add_u64(&t, v);
    hk_report(line);
}

HK_EXPORT void malloc_stats(void)
{
    struct hk_figures f;
    hk_figures_take(&f);
    report_figure("mapped bytes    ", f.mapped_bytes);
    report_figure("live bytes      ", f.live_bytes);
    report_figure("bytes in bins   ", f.bin_bytes);
    report_figure("partial bytes   ", f.partial_bytes);
    report_figure("retained bytes  ", f.retained_bytes);
    report_figure("allocations     ", f.allocs);
    report_figure("frees           ", f.frees);
    report_figure("huge blocks     ", f.huge_blocks);
    report_figure("heaps in use    ", f.heaps);
}

HK_EXPORT int malloc_trim(size_t pad)
{
    struct hk_heap *heap = hk_heap_get();
    return hk_control_trim(heap, pad) != 0;
}

static int set_bytes(const char *name, size_t name_len, int value)
{
    char text[24];
    struct hk_text t = hk_text_in(text, sizeof text);
    enum hk_value_error error;
    hk_text_add_u64(&t, value < 0 ? UINT64_C(1) << 40 : (uint64_t)value);
    return hk_control_set_own(name, name_len, text, t.len, HK_SOURCE_PROGRAM, &error);
}

/* The settings that mean something here; others of glibc's are accepted and change nothing. */
HK_EXPORT int mallopt(int param, int value)
{
    static const char retain_bytes[] = "retain_bytes";
    switch (param) {
    case M_TRIM_THRESHOLD:
        return set_bytes(retain_bytes, sizeof retain_bytes - 1, value);
    case M_MXFAST:
    case M_TOP_PAD:
    case M_MMAP_THRESHOLD:
    case M_MMAP_MAX:
    case M_CHECK_ACTION:
    case M_PERTURB:
    case M_ARENA_TEST:
    case M_ARENA_MAX:
        return 1;
    default:
        return 0;
    }
}
