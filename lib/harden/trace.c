/* trace.c - see trace.h. */
#include "lib/harden/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/base/process_counters.h"
#include "lib/foreign/foreign.h"
#include "lib/harden/quarantine.h"
#include "lib/heap/heap.h"
#include "lib/os/lock.h"
#include "lib/os/syscall.h"
#include "lib/tuning/environment.h"
#include "shm/text.h"
#include "shm/value.h"

static struct {
    struct hk_lock lock; /* held while a call is under way, so that totals move by its doing alone */
    uint64_t told, most;
    char file[256]; /* "": stderr */
} route = {.most = 1000};

static const struct hk_tunable_info calls_value = {
    .name = "route", .type = HK_TYPE_UINT, .unit = HK_UNIT_NONE, .min = 1, .max = UINT64_C(1) << 40};

bool hk_route_read(const char *trace, const char *file)
{
    static const char word[] = "route";
    size_t len = sizeof word - 1;
    uint64_t calls = route.most;
    if (trace[0] == '\0')
        return false;
    if (strncmp(trace, word, len) != 0 || (trace[len] != '\0' && trace[len] != ':') ||
        (trace[len] == ':' &&
         hk_value_parse(&calls_value, trace + len + 1, strlen(trace + len + 1), &calls) != HK_VALUE_OK)) {
        hk_options_complain("HAKMEM_TRACE", "neither route nor route:CALLS");
        return false;
    }
    if (file != NULL && strlen(file) >= sizeof route.file) {
        hk_options_complain("HAKMEM_TRACE_FILE", "255 bytes are the most");
        return false;
    }
    if (file != NULL)
        hk_text_field(route.file, sizeof route.file, file, strlen(file));
    route.most = calls;
    return true;
}

/* ---- what moved ---- */

struct sight {
    uint64_t refills, refilled, flushes, flushed; /* of the thread's heap */
    uint64_t heap, slabs, superslabs, mapped, big, huge, big_misses, purged, failed, late;
    uint64_t mmaps, munmaps, madvises, mremaps;
    uint64_t waiting;
    unsigned length, room; /* of the bin of the block that is freed */
};

static void look_at_heap(struct sight *s, struct hk_heap *heap)
{
    s->heap = heap->id;
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        const struct hk_class_row *row = &heap->classes[c].totals;
        s->refills += hk_total(&row->refills_total);
        s->refilled += hk_total(&row->refilled_blocks_total);
        s->flushes += hk_total(&row->flushes_total);
        s->flushed += hk_total(&row->flushed_blocks_total);
    }
}

/* The size class that serves p; HK_CLASSES where none does. */
static unsigned class_at(const void *p)
{
    size_t slab = hk_slab_of(p);
    unsigned offset = p != NULL && slab < hk_arena_slabs() ? hk_meta_of(slab) : 0;
    return offset != 0 ? hk_class_of_bin_offset(offset) : HK_CLASSES;
}

static struct sight look(const void *freed)
{
    const struct hk_process_row *p = &hk_process;
    struct sight s = {
        .slabs = hk_total(&p->slabs_in_use),
        .superslabs = hk_total(&p->superslabs_mapped),
        .mapped = hk_total(&p->mapped_bytes),
        .big = hk_total(&p->big_allocs_total) + hk_total(&p->big_frees_total),
        .huge = hk_total(&p->huge_allocs_total) + hk_total(&p->huge_frees_total),
        .big_misses = hk_total(&hk_big_cache_misses),
        .purged = hk_total(&p->purged_bytes_total),
        .failed = hk_total(&p->failed_allocs_total),
        .late = hk_total(&p->late_frees_total),
        .mmaps = hk_total(&p->sys_mmap_total),
        .munmaps = hk_total(&p->sys_munmap_total),
        .madvises = hk_total(&p->sys_madvise_total),
        .mremaps = hk_total(&p->sys_mremap_total),
        .waiting = hk_total(&hk_quarantine_blocks),
    };
    struct hk_heap *heap = hk_heap_own();
    unsigned size_class = class_at(freed);
    if (heap != NULL)
        look_at_heap(&s, heap);
    if (heap != NULL && size_class < HK_CLASSES) {
        s.length = hk_bin_length(heap, size_class);
        s.room = hk_bin_of(heap, size_class)->room;
    }
    return s;
}

/* ---- telling ---- */

static void add_number(struct hk_text *t, const char *before, uint64_t n, const char *after)
{
    hk_text_add(t, before);
    hk_text_add_u64(t, n);
    hk_text_add(t, after);
}

/* The call as it was written. */
static void add_call(struct hk_text *t, const struct hk_call *c)
{
    hk_text_add(t, c->name);
    hk_text_add(t, "(");
    if (c->kind != HK_CALL_ALLOC)
        hk_text_add_hex(t, (uintptr_t)c->p);
    if (c->kind == HK_CALL_RESIZE || (c->kind == HK_CALL_FREE && c->size != HK_ANY_SIZE))
        hk_text_add(t, ", ");
    if (c->kind != HK_CALL_FREE || c->size != HK_ANY_SIZE)
        hk_text_add_u64(t, c->size);
    if (c->align > HK_MIN_ALIGN)
        add_number(t, ", aligned to ", c->align, "");
    hk_text_add(t, ")");
    if (c->kind != HK_CALL_FREE) {
        hk_text_add(t, " = ");
        hk_text_add_hex(t, (uintptr_t)c->result);
    }
}

static void add_if(struct hk_text *t, bool is_so, const char *text)
{
    if (is_so)
        hk_text_add(t, text);
}

static void add_moved(struct hk_text *t, const char *before, uint64_t from, uint64_t to, const char *after)
{
    if (to > from)
        add_number(t, before, to - from, after);
}

static void add_alloc_way(struct hk_text *t, const struct sight *a, const struct sight *b)
{
    if (b->refills != a->refills)
        add_number(t, ", refill of ", b->refilled - a->refilled, "");
    else
        add_if(t, a->heap == b->heap, b->heap != 0 ? ", hit" : ", by the shared heap");
    add_if(t, b->refills != a->refills && b->slabs == a->slabs, " from partial slabs");
    add_moved(t, " with ", a->slabs, b->slabs, " new slab");
}

static void add_free_way(struct hk_text *t, const struct sight *a, const struct sight *b)
{
    if (b->waiting > a->waiting)
        hk_text_add(t, ", quarantined");
    else if (b->late != a->late)
        hk_text_add(t, ", straight home, for the thread has ended");
    else if (b->flushes != a->flushes)
        add_number(t, ", bin full: flush of ", b->flushed - a->flushed, "");
    else if (b->flushed != a->flushed)
        hk_text_add(t, ", straight home, for the bin never had any");
    else
        hk_text_add(t, a->room != 0 ? ", hit" : ", bin given new room");
    add_moved(t, ", emptied ", b->slabs, a->slabs, " slab");
}

static void add_big_way(struct hk_text *t, const struct hk_call *c, const struct sight *a,
                        const struct sight *b)
{
    hk_text_add(t, b->huge != a->huge ? ": huge" : ": big");
    add_if(t, c->kind == HK_CALL_ALLOC, b->big_misses != a->big_misses ? ", not cached" : ", kept one");
    add_if(t, c->kind == HK_CALL_FREE && b->waiting > a->waiting, ", quarantined");
}

static void add_way(struct hk_text *t, const struct hk_call *c, unsigned size_class, const struct sight *a,
                    const struct sight *b)
{
    if (c->kind != HK_CALL_FREE && c->result == NULL)
        hk_text_add(t, ": no memory");
    else if (c->kind == HK_CALL_RESIZE)
        hk_text_add(t, c->result != c->p ? ": moved" : ": stays");
    else if (size_class == HK_CLASSES)
        add_big_way(t, c, a, b);
    else
        add_number(t, ": class ", hk_classes[size_class].bytes, "");
    add_if(t, b->heap != 0 && a->heap != b->heap, ", heap attached");
    if (c->kind == HK_CALL_ALLOC && size_class < HK_CLASSES)
        add_alloc_way(t, a, b);
    else if (c->kind == HK_CALL_FREE && size_class < HK_CLASSES)
        add_free_way(t, a, b);
}

/* What the call asked of the system. */
static void add_system(struct hk_text *t, const struct sight *a, const struct sight *b)
{
    add_moved(t, ", ", a->superslabs, b->superslabs, " SuperSlab mapped");
    add_moved(t, ", ", b->superslabs, a->superslabs, " SuperSlab unmapped");
    add_moved(t, ", ", a->purged, b->purged, " bytes purged");
    add_moved(t, ", mmap ", a->mmaps, b->mmaps, "");
    add_moved(t, ", munmap ", a->munmaps, b->munmaps, "");
    add_moved(t, ", madvise ", a->madvises, b->madvises, "");
    add_moved(t, ", mremap ", a->mremaps, b->mremaps, "");
}

/* No descriptor stays open: the program may close any. */
static void put_out(const char *line, size_t len)
{
    long fd = 2;
    if (route.file[0] != '\0')
        fd = HK_SYSCALL(SYS_openat, AT_FDCWD, route.file,
                        O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        return;
    HK_SYSCALL(SYS_write, fd, line, len);
    if (route.file[0] != '\0')
        HK_SYSCALL(SYS_close, fd);
}

static void begin_line(struct hk_text *t, const struct hk_call *c)
{
    add_number(t, "hakmem: route ", (uint64_t)HK_SYSCALL(SYS_gettid, 0), "");
    add_number(t, " ", route.told, " ");
    add_call(t, c);
}

static void tell(const struct hk_call *c, unsigned size_class, const struct sight *a, const struct sight *b)
{
    char line[320];
    struct hk_text t = hk_text_in(line, sizeof line - 1);
    begin_line(&t, c);
    add_way(&t, c, size_class, a, b);
    add_system(&t, a, b);
    line[t.len] = '\n';
    put_out(line, t.len + 1);
}

static void tell_foreign(const struct hk_call *c, const char *owner)
{
    char line[320];
    struct hk_text t = hk_text_in(line, sizeof line - 1);
    begin_line(&t, c);
    hk_text_add(&t, ": ");
    hk_text_add(&t, c->kind == HK_CALL_RESIZE && c->result == NULL ? "no memory" : owner);
    line[t.len] = '\n';
    put_out(line, t.len + 1);
}

static void end_if_all_told(void)
{
    if (route.told == route.most)
        hk_divert_end_route();
}

/* The owner's functions are called, and maybe the linker: under no lock. */
static void route_foreign(struct hk_call *call)
{
    const char *owner = hk_foreign_owner(call->p);
    hk_divert_do(call);
    int saved_errno = errno;
    hk_lock_take(&route.lock);
    if (route.lock.nested == 0 && route.told < route.most) {
        route.told++;
        tell_foreign(call, owner);
        end_if_all_told();
    }
    hk_lock_drop(&route.lock);
    errno = saved_errno;
}

/* A realloc that moves calls malloc and free: those are part of it. */
void hk_route(struct hk_call *call)
{
    if (call->kind != HK_CALL_ALLOC && hk_slab_of(call->p) >= hk_arena_slabs()) {
        route_foreign(call);
        return;
    }
    hk_lock_take(&route.lock);
    if (route.lock.nested != 0 || route.told == route.most) {
        hk_lock_drop(&route.lock);
        hk_divert_do(call);
        return;
    }
    struct sight before = look(call->p);
    unsigned size_class = class_at(call->p);
    hk_divert_do(call);
    int saved_errno = errno;
    struct sight after = look(call->p);
    route.told++;
    tell(call, call->kind == HK_CALL_FREE ? size_class : class_at(call->result), &before, &after);
    end_if_all_told();
    hk_lock_drop(&route.lock);
    errno = saved_errno;
}

void hk_route_after_fork(void)
{
    hk_lock_init(&route.lock);
}
