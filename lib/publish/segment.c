/* segment.c - see segment.h. */
#include "lib/publish/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/base/process_counters.h"
#include "lib/base/size_class.h"
#include "lib/os/os.h"
#include "lib/os/syscall.h"
#include "shm/schema.h"
#include "shm/text.h"
#include "shm/tuning_page.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define CELLS_WITHOUT_POPULATE 16  /* allocated at once where the kernel cannot populate single pages */
#define DUMPED_AT_ONCE         2   /* that nearly every process has: its area, its first thread's slot */
#define LATE_FD_FROM           700 /* out of the way of loops that close what they know */

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
    hk_count(&hk_process.sys_other_total, 1);
    return hk_syscall6(nr, a, b, c, d, e, f);
}

/* ---- where things are in the counters memfd ---- */

struct plan {
    uint32_t class_off, desc_off, dir_off, cells_off;
    uint64_t bytes;
    size_t first_map; /* header, directory and the first chunk of cells */
};

static struct plan make_plan(void)
{
    struct plan p;
    p.class_off = (uint32_t)hk_round_up(sizeof(struct hk_header), 8);
    p.desc_off = (uint32_t)hk_round_up(p.class_off + HK_CLASSES * sizeof(uint32_t), 8);
    p.dir_off = (uint32_t)hk_round_up(p.desc_off + HK_DESCRIPTORS * sizeof(struct hk_desc), hk_page_bytes);
    p.cells_off = (uint32_t)hk_round_up(p.dir_off + HK_MAX_CELLS * sizeof(uint64_t), hk_page_bytes);
    p.bytes = p.cells_off + (uint64_t)HK_MAX_CELLS * HK_CELL_BYTES;
    p.first_map = p.cells_off + (size_t)HK_CELLS_AT_ONCE * HK_CELL_BYTES;
    return p;
}

static hk_au64 *directory(const struct hk_segment *segment)
{
    return (hk_au64 *)((char *)segment->header + segment->header->dir_off);
}

static void fill_header(struct hk_header *h, const struct plan *p, uint32_t root_pid)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    h->endian = HK_ENDIAN_MARK;
    h->abi_major = HK_ABI_MAJOR;
    h->abi_minor = HK_ABI_MINOR;
    h->header_bytes = sizeof *h;
    h->page_bytes = (uint32_t)hk_page_bytes;
    h->pointer_bytes = sizeof(void *);
    h->clock_id = CLOCK_MONOTONIC;
    h->class_count = HK_CLASSES;
    h->class_off = p->class_off;
    h->desc_count = HK_DESCRIPTORS;
    h->desc_bytes = sizeof(struct hk_desc);
    h->desc_off = p->desc_off;
    h->cell_count = HK_MAX_CELLS;
    h->cell_bytes = HK_CELL_BYTES;
    h->dir_off = p->dir_off;
    h->cells_off = p->cells_off;
    h->row_off = offsetof(struct hk_slot, rows);
    h->row_bytes = sizeof(struct hk_class_row);
    h->applied_off = offsetof(struct hk_area, applied);
    h->applied_bytes = sizeof(struct hk_applied);
    h->value_count = HK_VALUES;
    h->max_classes = HK_MAX_CLASSES;
    h->segment_bytes = p->bytes;
    h->created_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    h->root_pid = root_pid;
    hk_text_field(h->version, sizeof h->version, HAKMEM_VERSION, strlen(HAKMEM_VERSION));
    uint32_t *sizes = (uint32_t *)((char *)h + p->class_off);
    for (unsigned c = 0; c < HK_CLASSES; c++)
        sizes[c] = hk_classes[c].bytes;
    hk_schema_descriptors((struct hk_desc *)((char *)h + p->desc_off));
    h->magic = HK_COUNTERS_MAGIC;
}

/* ---- memfds ---- */

/* A write beyond RLIMIT_FSIZE raises SIGXFSZ: look first. */
bool hk_segment_allowed(void)
{
    struct rlimit limit;
    return call(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit, 0, 0) == 0 &&
           limit.rlim_cur >= make_plan().bytes;
}

static int new_memfd(const char *name, uint64_t bytes, bool late)
{
    long fd = call(SYS_memfd_create, (long)name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL, 0, 0, 0,
                   0);
    if (fd == -EINVAL) /* before Linux 6.3 */
        fd = call(SYS_memfd_create, (long)name, MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0, 0, 0);
    if (fd < 0)
        return -1;
    if (late) {
        long high = call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, LATE_FD_FROM, 0, 0, 0);
        if (high >= 0) {
            call(SYS_close, fd, 0, 0, 0, 0, 0);
            fd = high;
        }
    }
    if (call(SYS_ftruncate, fd, (long)bytes, 0, 0, 0, 0) == 0)
        return (int)fd;
    call(SYS_close, fd, 0, 0, 0, 0, 0);
    return -1;
}

static bool seal(int fd, unsigned seals)
{
    return call(SYS_fcntl, fd, F_ADD_SEALS, (long)seals, 0, 0, 0) == 0;
}

static void *map_fd(int fd, uint64_t offset, size_t bytes, int prot)
{
    long ret = call(SYS_mmap, 0, (long)bytes, prot, MAP_SHARED, fd, (long)offset);
    return (unsigned long)ret > (unsigned long)-4096L ? NULL : (void *)ret;
}

static void unmap(const void *at, size_t bytes)
{
    if (at != NULL)
        call(SYS_munmap, (long)at, (long)bytes, 0, 0, 0, 0);
}

/* Closes a descriptor unless somebody has closed it already and its number is another's by now. */
static void close_fd(int fd, bool late)
{
    struct stat st;
    if (fd < 0)
        return;
    if (late && (call(SYS_fcntl, fd, F_GET_SEALS, 0, 0, 0, 0) < 0 ||
#ifdef SYS_newfstatat
                 call(SYS_newfstatat, fd, (long)"", (long)&st, AT_EMPTY_PATH, 0, 0) != 0 ||
#else
                 call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) != 0 ||
#endif
                 st.st_nlink != 0 || (st.st_mode & S_IFMT) != S_IFREG))
        return;
    call(SYS_close, fd, 0, 0, 0, 0, 0);
}

void hk_segment_close(struct hk_segment_fds *fds, bool late)
{
    close_fd(fds->counters, late);
    close_fd(fds->tuning, late);
    fds->counters = fds->tuning = -1;
}

#define CHUNK_BYTES ((size_t)HK_CELLS_AT_ONCE * HK_CELL_BYTES)

void hk_segment_drop(struct hk_segment *segment)
{
    unmap(segment->header, make_plan().first_map);
    unmap(segment->tuning, HK_TUNING_BYTES);
    for (unsigned i = 1; i < HK_CELL_CHUNKS; i++)
        unmap(segment->chunks[i], CHUNK_BYTES);
    memset(segment, 0, sizeof *segment);
}

static struct hk_tuning_page *make_tuning(int fd)
{
    struct hk_tuning_page *page = map_fd(fd, 0, HK_TUNING_BYTES, PROT_READ | PROT_WRITE);
    if (page == NULL)
        return NULL;
    /* Made present now: a child that reads it later must not depend on memory being there. */
    bool ok = hk_os_populate(page, hk_round_up(sizeof *page, hk_page_bytes)) == 0 ||
              call(SYS_fallocate, fd, 0, 0, HK_TUNING_BYTES, 0, 0) == 0;
    if (ok)
        hk_tuning_page_init(page);
    if (ok && call(SYS_mprotect, (long)page, HK_TUNING_BYTES, PROT_READ, 0, 0, 0) == 0 &&
        seal(fd, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return page;
    unmap(page, HK_TUNING_BYTES);
    return NULL;
}

/* Makes the beginning of the segment present, and where single pages cannot be, the first cells too. */
static bool make_present(int fd, void *at, const struct plan *p, bool *populate)
{
    *populate = hk_os_populate(at, p->dir_off + hk_page_bytes) == 0;
    if (*populate)
        return true;
    return call(SYS_fallocate, fd, 0, 0, p->cells_off + CELLS_WITHOUT_POPULATE * HK_CELL_BYTES, 0, 0) == 0;
}

/* The old segment's claims of pid. Children that share it stay behind. Cells that are written without being
 * asked for again are made present: those of the first chunk up to the last used one, all of further ones. */
static bool carry_over(struct hk_segment *fresh, const struct hk_segment *old, uint32_t pid, int fd,
                       const struct plan *p)
{
    uint32_t used = atomic_load(&old->header->cells_used);
    used = used < HK_MAX_CELLS ? used : HK_MAX_CELLS;
    char *start = (char *)fresh->header;
    uint32_t first = used < HK_CELLS_AT_ONCE ? used : HK_CELLS_AT_ONCE;
    (void)hk_os_populate(start + p->dir_off, hk_round_up(used * sizeof(uint64_t), hk_page_bytes));
    (void)hk_os_populate(start + p->cells_off, hk_round_up((size_t)first * HK_CELL_BYTES, hk_page_bytes));
    hk_au64 *to = directory(fresh), *from = directory(old);
    for (uint32_t i = 0; i < used; i++) {
        uint64_t word = atomic_load_explicit(&from[i], memory_order_relaxed);
        if (HK_DIR_KIND(word) != HK_CELL_FREE && HK_DIR_PID(word) == pid)
            atomic_store_explicit(&to[i], word, memory_order_relaxed);
    }
    atomic_store(&fresh->header->cells_used, used);
    for (unsigned i = 1; i < HK_CELL_CHUNKS; i++) {
        if (old->chunks[i] == NULL)
            continue;
        fresh->chunks[i] = map_fd(fd, p->cells_off + i * CHUNK_BYTES, CHUNK_BYTES, PROT_READ | PROT_WRITE);
        if (fresh->chunks[i] == NULL)
            return false;
        (void)hk_os_populate(fresh->chunks[i], CHUNK_BYTES);
    }
    return true;
}

/* Everything that can fail, beside what is in use. */
static bool prepare(struct hk_segment *fresh, const struct hk_segment *old, uint32_t root_pid, uint32_t pid,
                    const struct plan *p, const struct hk_segment_fds *fds)
{
    if (fds->counters < 0 || fds->tuning < 0 || (fresh->tuning = make_tuning(fds->tuning)) == NULL)
        return false;
    fresh->header = map_fd(fds->counters, 0, p->first_map, PROT_READ | PROT_WRITE);
    if (fresh->header == NULL || !make_present(fds->counters, fresh->header, p, &fresh->populate))
        return false;
    fill_header(fresh->header, p, root_pid);
    fresh->chunks[0] = (char *)fresh->header + p->cells_off;
    fresh->cells = fresh->populate ? HK_MAX_CELLS : CELLS_WITHOUT_POPULATE;
    /* Mapped before they are sealed: then nobody else can map them writable. */
    return (old->header == NULL || carry_over(fresh, old, pid, fds->counters, p)) &&
           seal(fds->counters, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
}

/* ---- core dumps: what nobody has written is left out of them ---- */

static void set_dumped(const char *from, const char *to, bool dumped)
{
    if (from < to) /* where the system refuses, all is as before */
        (void)hk_os_set_dumped((void *)(uintptr_t)from, (size_t)(to - from), dumped);
}

static size_t in_pages(size_t bytes)
{
    return hk_round_up(bytes, hk_page_bytes);
}

/* Of cells from..to-1, where they are mapped. from begins a page. */
static void set_cells_dumped(const struct hk_segment *segment, uint32_t from, uint32_t to, bool dumped)
{
    while (from < to) {
        const char *chunk = segment->chunks[from / HK_CELLS_AT_ONCE];
        size_t at = (size_t)(from % HK_CELLS_AT_ONCE) * HK_CELL_BYTES;
        uint32_t end = from - from % HK_CELLS_AT_ONCE + HK_CELLS_AT_ONCE;
        end = end < to ? end : to;
        if (chunk != NULL)
            set_dumped(chunk + at, chunk + in_pages(at + (size_t)(end - from) * HK_CELL_BYTES), dumped);
        from = end;
    }
}

/* All cells whose page has one of the first n. */
static uint32_t in_pages_of_cells(uint32_t n)
{
    return (uint32_t)(in_pages((size_t)n * HK_CELL_BYTES) / HK_CELL_BYTES);
}

/* After a segment has been mapped, of which cells below used are written. */
static void leave_out_unused(struct hk_segment *segment, uint32_t used)
{
    const char *start = (const char *)segment->header, *dir = start + segment->header->dir_off;
    const char *tuning = (const char *)segment->tuning;
    segment->dumped = in_pages_of_cells(used > DUMPED_AT_ONCE ? used : DUMPED_AT_ONCE);
    set_dumped(dir + in_pages(segment->dumped * sizeof(uint64_t)), start + segment->header->cells_off, false);
    set_cells_dumped(segment, segment->dumped, HK_MAX_CELLS, false);
    set_dumped(tuning + in_pages(HK_TUNING_DEAD_OFF), tuning + in_pages(HK_TUNING_BYTES), false);
}

/* Before a cell is written for the first time here. Those below it, the lowest being claimed first, have been
 * claimed by somebody: so what is dumped stays one range. */
static void take_in(struct hk_segment *segment, uint32_t cell)
{
    const char *dir = (const char *)segment->header + segment->header->dir_off;
    uint32_t now = in_pages_of_cells(cell + 1);
    if (cell < segment->dumped)
        return;
    set_dumped(dir + in_pages(segment->dumped * sizeof(uint64_t)), dir + in_pages(now * sizeof(uint64_t)),
               true);
    set_cells_dumped(segment, segment->dumped, now, true);
    segment->dumped = now;
}

/* ---- a segment made anew ---- */

static bool move_onto(void *from, size_t bytes, void *to)
{
    hk_count(&hk_process.sys_mremap_total, 1);
    long ret = HK_SYSCALL(SYS_mremap, from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    return (unsigned long)ret <= (unsigned long)-4096L;
}

/* One that follows the first. It can hardly fail where that did not; what did fail is not seen, and does no
 * harm. */
static void move_too(void *from, size_t bytes, void *to)
{
    if (from != NULL && !move_onto(from, bytes, to))
        unmap(from, bytes);
}

/* Puts the new memfds where the old ones are mapped. From then on stores of other threads go to the new
 * pages; those that still went to the old ones are made good by their writers' next. */
static bool take_place(struct hk_segment *segment, const struct hk_segment *fresh, const struct plan *p)
{
    if (!move_onto(fresh->header, p->first_map, segment->header))
        return false;
    for (unsigned i = 1; i < HK_CELL_CHUNKS; i++)
        move_too(fresh->chunks[i], CHUNK_BYTES, segment->chunks[i]);
    move_too(fresh->tuning, HK_TUNING_BYTES, segment->tuning);
    segment->populate = fresh->populate;
    segment->dead_present = false;
    segment->cells = fresh->cells;
    return true;
}

bool hk_segment_make(struct hk_segment *segment, uint32_t root_pid, uint32_t pid, bool late,
                     struct hk_segment_fds *fds)
{
    struct plan p = make_plan();
    struct hk_segment fresh;
    memset(&fresh, 0, sizeof fresh);
    fds->counters = fds->tuning = -1;
    fds->counters = new_memfd("hakmem-counters", p.bytes, late);
    fds->tuning = new_memfd("hakmem-tuning", HK_TUNING_BYTES, late);
    if (!prepare(&fresh, segment, root_pid, pid, &p, fds) ||
        (segment->header != NULL && !take_place(segment, &fresh, &p))) {
        hk_segment_drop(&fresh);
        hk_segment_close(fds, late);
        return false;
    }
    if (segment->header == NULL)
        *segment = fresh;
    /* Not before it has moved: mremap moves one mapping, and the marks divide it. */
    leave_out_unused(segment, atomic_load(&segment->header->cells_used));
    return true;
}

/* ---- cells ---- */

/* Maps one more chunk by duplicating the mapping of the page before it, which needs no descriptor. */
static char *map_behind(const char *before)
{
    hk_count(&hk_process.sys_mremap_total, 1);
    long ret = HK_SYSCALL(SYS_mremap, before + CHUNK_BYTES - hk_page_bytes, 0, CHUNK_BYTES + hk_page_bytes,
                          MREMAP_MAYMOVE);
    return (unsigned long)ret > (unsigned long)-4096L ? NULL : (char *)ret + hk_page_bytes;
}

/* A forked child has those chunks that its parent had mapped; brothers may have filled more. */
static char *map_chunk(struct hk_segment *segment, unsigned chunk)
{
    for (unsigned i = 1; i <= chunk; i++) {
        if (segment->chunks[i] != NULL)
            continue;
        if ((segment->chunks[i] = map_behind(segment->chunks[i - 1])) == NULL)
            return NULL;
        /* A duplicate has its original's mark. */
        uint32_t first = i * HK_CELLS_AT_ONCE;
        set_cells_dumped(segment, segment->dumped > first ? segment->dumped : first, first + HK_CELLS_AT_ONCE,
                         false);
    }
    return segment->chunks[chunk];
}

static bool make_dead_present(struct hk_segment *segment)
{
    uintptr_t page = (uintptr_t)segment->tuning;
    uintptr_t from = (page + HK_TUNING_DEAD_OFF) & ~(uintptr_t)(hk_page_bytes - 1);
    size_t bytes = hk_round_up(page + HK_TUNING_BYTES - from, hk_page_bytes);
    if (!segment->dead_present && hk_os_probe(from, bytes) == 0) {
        segment->dead_present = true;
        set_dumped((const char *)from, (const char *)from + bytes, true);
    }
    return segment->dead_present;
}

/* The table of the dead is first read when somebody else has claimed something: most processes have no
 * children, and no memory for it. */
static bool is_dead(struct hk_segment *segment, uint32_t cell, uint64_t word, uint32_t pid)
{
    const hk_au16 *dead = (const hk_au16 *)((const char *)segment->tuning + HK_TUNING_DEAD_OFF);
    uint16_t sequence = HK_DIR_SEQ(word);
    if (!segment->dead_present && (HK_DIR_PID(word) == pid || !make_dead_present(segment)))
        return false;
    return sequence != 0 && atomic_load_explicit(&dead[cell], memory_order_acquire) == sequence;
}

/* Address of a cell, present and writable. */
static void *cell_at(struct hk_segment *segment, uint32_t cell)
{
    char *chunk = map_chunk(segment, cell / HK_CELLS_AT_ONCE);
    if (chunk == NULL)
        return NULL;
    char *at = chunk + (size_t)(cell % HK_CELLS_AT_ONCE) * HK_CELL_BYTES;
    char *page = at - ((uintptr_t)at & (hk_page_bytes - 1));
    if (segment->populate && hk_os_populate(page, hk_page_bytes) != 0)
        return NULL;
    take_in(segment, cell);
    return at;
}

/* The lowest cell that is free or whose claimant is dead, claimed; segment->cells if there is none. */
static uint32_t claim(struct hk_segment *segment, uint32_t pid)
{
    hk_au64 *dir = directory(segment);
    const uint32_t words_in_page = (uint32_t)(hk_page_bytes / sizeof(uint64_t));
    for (uint32_t i = 0; i < segment->cells; i++) {
        if (i % words_in_page == 0 && i != 0 && hk_os_populate(&dir[i], hk_page_bytes) != 0)
            break;
        uint64_t word = atomic_load_explicit(&dir[i], memory_order_acquire);
        if (HK_DIR_KIND(word) != HK_CELL_FREE && !is_dead(segment, i, word, pid))
            continue;
        uint16_t sequence = (uint16_t)(HK_DIR_SEQ(word) + 1);
        uint64_t mine = HK_DIR_WORD(HK_CELL_CLAIMED, 0, sequence != 0 ? sequence : 1, pid);
        if (atomic_compare_exchange_strong(&dir[i], &word, mine))
            return i;
    }
    return segment->cells;
}

void *hk_segment_claim(struct hk_segment *segment, uint32_t pid, uint32_t *cell)
{
    *cell = claim(segment, pid);
    if (*cell == segment->cells)
        return NULL;
    void *at = cell_at(segment, *cell);
    if (at != NULL) {
        memset(at, 0, HK_CELL_BYTES);
        return at;
    }
    hk_au64 *word = &directory(segment)[*cell];
    uint16_t sequence = HK_DIR_SEQ(atomic_load_explicit(word, memory_order_relaxed));
    atomic_store_explicit(word, HK_DIR_WORD(HK_CELL_FREE, 0, sequence, 0), memory_order_release);
    return NULL;
}

void hk_segment_announce(struct hk_segment *segment, uint32_t cell, unsigned kind, uint32_t area)
{
    hk_au64 *word = &directory(segment)[cell];
    uint64_t mine = atomic_load_explicit(word, memory_order_relaxed);
    atomic_store_explicit(word, HK_DIR_WORD(kind, area, HK_DIR_SEQ(mine), HK_DIR_PID(mine)),
                          memory_order_release);
    uint32_t used = atomic_load(&segment->header->cells_used);
    while (used < cell + 1 && !atomic_compare_exchange_weak(&segment->header->cells_used, &used, cell + 1))
        ;
}
