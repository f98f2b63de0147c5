/* segment_writer.c - see segment_writer.h. */
#include "tests/tools/segment_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shm/runtime_dir.h"
#include "shm/schema.h"
#include "shm/text.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define PAGE 4096u

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    abort();
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint32_t to_page(uint32_t n)
{
    return (n + PAGE - 1) / PAGE * PAGE;
}

static struct hk_header shape(unsigned class_count, unsigned cell_count)
{
    struct hk_header h = {
        .magic = HK_COUNTERS_MAGIC,
        .endian = HK_ENDIAN_MARK,
        .abi_major = HK_ABI_MAJOR,
        .abi_minor = HK_ABI_MINOR,
        .header_bytes = sizeof(struct hk_header),
        .page_bytes = PAGE,
        .pointer_bytes = sizeof(void *),
        .clock_id = CLOCK_MONOTONIC,
        .class_count = class_count,
        .class_off = sizeof(struct hk_header),
        .desc_count = HK_DESCRIPTORS,
        .desc_bytes = sizeof(struct hk_desc),
        .cell_count = cell_count,
        .cell_bytes = HK_CELL_BYTES,
        .row_off = offsetof(struct hk_slot, rows),
        .row_bytes = sizeof(struct hk_class_row),
        .applied_off = offsetof(struct hk_area, applied),
        .applied_bytes = sizeof(struct hk_applied),
        .value_count = HK_VALUES,
        .max_classes = HK_MAX_CLASSES,
        .created_ns = now_ns(),
        .root_pid = (uint32_t)getpid(),
        .version = "0.1.0-test",
    };
    h.desc_off = h.class_off + HK_MAX_CLASSES * 4;
    h.dir_off = to_page(h.desc_off + h.desc_count * h.desc_bytes);
    h.cells_off = h.dir_off + to_page(cell_count * 8);
    h.segment_bytes = h.cells_off + (uint64_t)cell_count * h.cell_bytes;
    return h;
}

/* Multiples of 16 to 128, then four steps to each doubling. */
static uint32_t class_bytes(unsigned i)
{
    if (i < 8)
        return 16 * (i + 1);
    unsigned doubling = (i - 8) / 4, step = (i - 8) % 4;
    return (128u << doubling) + (step + 1) * (32u << doubling);
}

void writer_make(struct segment_writer *w, unsigned class_count, unsigned cell_count)
{
    struct hk_header h = shape(class_count, cell_count);
    *w = (struct segment_writer){.size = h.segment_bytes, .class_count = class_count, .own = h};
    w->counters_fd = memfd_create("hakmem-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    w->tuning_fd = memfd_create("hakmem-tuning", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    must(w->counters_fd >= 0 && w->tuning_fd >= 0, "memfd_create");
    must(ftruncate(w->counters_fd, (off_t)w->size) == 0, "ftruncate");
    must(ftruncate(w->tuning_fd, HK_TUNING_BYTES) == 0, "ftruncate");
    w->base = mmap(NULL, w->size, PROT_READ | PROT_WRITE, MAP_SHARED, w->counters_fd, 0);
    struct hk_tuning_page *fresh = mmap(NULL, HK_TUNING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
                                        w->tuning_fd, 0);
    must(w->base != MAP_FAILED && fresh != MAP_FAILED, "mmap");
    hk_tuning_page_init(fresh);
    munmap(fresh, HK_TUNING_BYTES);
    w->page = mmap(NULL, HK_TUNING_BYTES, PROT_READ, MAP_SHARED, w->tuning_fd, 0);
    must(w->page != MAP_FAILED, "mmap");

    w->header = (struct hk_header *)(void *)w->base;
    *w->header = h;
    w->classes = (uint32_t *)(void *)(w->base + h.class_off);
    for (unsigned i = 0; i < class_count; i++)
        w->classes[i] = class_bytes(i);
    hk_schema_descriptors((struct hk_desc *)(void *)(w->base + h.desc_off));
    int common = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    must(fcntl(w->counters_fd, F_ADD_SEALS, common | F_SEAL_FUTURE_WRITE) == 0, "F_ADD_SEALS");
    must(fcntl(w->tuning_fd, F_ADD_SEALS, common) == 0, "F_ADD_SEALS");
}

void writer_close(struct segment_writer *w)
{
    munmap(w->base, w->size);
    munmap(w->page, HK_TUNING_BYTES);
    close(w->counters_fd);
    close(w->tuning_fd);
}

uint64_t *writer_directory(const struct segment_writer *w)
{
    return (uint64_t *)(void *)(w->base + w->own.dir_off);
}

static unsigned char *cell_at(const struct segment_writer *w, unsigned cell)
{
    return w->base + w->own.cells_off + (size_t)cell * w->own.cell_bytes;
}

struct hk_area *writer_area(const struct segment_writer *w)
{
    return (struct hk_area *)(void *)cell_at(w, w->area);
}

struct hk_slot *writer_slot(const struct segment_writer *w, unsigned index)
{
    return (struct hk_slot *)(void *)cell_at(w, w->slots[index]);
}

/* The claim of the dead, if the word is one. */
static bool is_dead(const struct segment_writer *w, unsigned cell, uint64_t word)
{
    const hk_au16 *dead = (const hk_au16 *)(const void *)((const char *)w->page + HK_TUNING_DEAD_OFF);
    uint16_t sequence = atomic_load_explicit(&dead[cell], memory_order_acquire);
    return word != 0 && sequence != 0 && sequence == HK_DIR_SEQ(word);
}

/* Claims a cell and clears it. Returns the cell, or cell_count. */
static unsigned claim(struct segment_writer *w)
{
    hk_au64 *directory = (hk_au64 *)(void *)writer_directory(w);
    for (unsigned i = 0; i < w->own.cell_count; i++) {
        uint64_t word = atomic_load(&directory[i]);
        if (HK_DIR_KIND(word) != HK_CELL_FREE && !is_dead(w, i, word))
            continue;
        uint16_t sequence = (uint16_t)(HK_DIR_SEQ(word) + 1);
        uint64_t mine = HK_DIR_WORD(HK_CELL_CLAIMED, 0, sequence ? sequence : 1, getpid());
        if (!atomic_compare_exchange_strong(&directory[i], &word, mine))
            continue;
        memset(cell_at(w, i), 0, HK_CELL_BYTES);
        return i;
    }
    return w->own.cell_count;
}

/* The cell is ready to be read. area: of a slot; an area is its own. */
static void announce(struct segment_writer *w, unsigned cell, enum hk_cell_kind kind, unsigned area)
{
    hk_au64 *word = (hk_au64 *)(void *)writer_directory(w) + cell;
    uint64_t mine = atomic_load(word);
    atomic_store(word, HK_DIR_WORD(kind, area, HK_DIR_SEQ(mine), HK_DIR_PID(mine)));
    uint32_t used = atomic_load(&w->header->cells_used);
    while (used < cell + 1 && !atomic_compare_exchange_weak(&w->header->cells_used, &used, cell + 1))
        ;
}

/* The value a library has of its own. */
static uint64_t own_value(const struct hk_tunable_info *info, unsigned index)
{
    return index < HK_TUNABLES ? info->dflt : 0;
}

/* As before any tuning. */
static void say_own_values(struct segment_writer *w)
{
    for (unsigned i = 0; i < HK_VALUES; i++) {
        struct hk_applied *a = &writer_area(w)->applied[i];
        a->value = a->effective = own_value(hk_value_info(i), i);
        a->verdict = i < HK_TUNABLES ? HK_VERDICT_APPLIED : HK_VERDICT_NONE;
    }
}

bool writer_claim_area(struct segment_writer *w, const char *comm, const char *label)
{
    unsigned cell = claim(w);
    if (cell == w->own.cell_count)
        return false;
    w->area = cell;
    w->slot_count = 0;
    w->epoch_seen = 0;
    struct hk_area *area = writer_area(w);
    area->pid = (uint32_t)getpid();
    area->parent_pid = (uint32_t)getppid();
    area->claimed_ns = now_ns();
    hk_text_field(area->comm, sizeof area->comm, comm, strlen(comm));
    hk_text_field(area->label, sizeof area->label, label, strlen(label));
    say_own_values(w);
    writer_touch_area(w);
    announce(w, cell, HK_CELL_AREA, cell);
    return true;
}

bool writer_claim_slot(struct segment_writer *w)
{
    if (w->slot_count == HK_COUNT_OF(w->slots))
        return false;
    unsigned cell = claim(w);
    if (cell == w->own.cell_count)
        return false;
    w->slots[w->slot_count++] = cell;
    struct hk_slot *slot = writer_slot(w, w->slot_count - 1);
    slot->area = w->area;
    slot->state = HK_SLOT_LIVE;
    slot->heap_id = w->slot_count;
    slot->tid = (uint32_t)getpid();
    slot->counters.attaches_total = 1;
    writer_area(w)->counters.heaps_live = w->slot_count;
    writer_touch_slot(w, w->slot_count - 1);
    announce(w, cell, HK_CELL_SLOT, w->area);
    writer_touch_area(w);
    return true;
}

void writer_touch_area(struct segment_writer *w)
{
    atomic_fetch_add_explicit(&writer_area(w)->stamp, 1, memory_order_release);
}

void writer_touch_slot(struct segment_writer *w, unsigned slot)
{
    atomic_fetch_add_explicit(&writer_slot(w, slot)->stamp, 1, memory_order_release);
}

void writer_count(struct segment_writer *w, unsigned slot, unsigned size_class, uint64_t allocs,
                  uint64_t frees, uint64_t refills, uint64_t refilled)
{
    struct hk_class_row *row = &writer_slot(w, slot)->rows[size_class];
    row->allocs_total += allocs;
    row->frees_total += frees;
    row->refills_total += refills;
    row->refilled_blocks_total += refilled;
    struct hk_process_row *process = &writer_area(w)->counters;
    process->last_slow_path_ns = now_ns();
    process->slabs_in_use = process->slabs_in_use ? process->slabs_in_use : 1;
    process->mapped_bytes = 2 * HK_MIB;
    writer_touch_slot(w, slot);
    writer_touch_area(w);
}

static void apply_value(struct segment_writer *w, unsigned index, const struct hk_tuning_value *v,
                        uint64_t generation)
{
    const struct hk_tunable_info *info = hk_value_info(index);
    struct hk_applied *a = &writer_area(w)->applied[index];
    bool steered = v->set && v->source >= HK_SOURCE_POLICY && v->source < HK_SOURCES;
    uint64_t value = steered ? v->value : own_value(info, index);
    uint64_t effective = value;
    if (steered && (value < info->min || value > info->max))
        effective = value < info->min ? info->min : info->max;
    a->verdict = effective != value ? HK_VERDICT_CLAMPED : HK_VERDICT_APPLIED;
    if (!steered && index >= HK_TUNABLES)
        a->verdict = HK_VERDICT_NONE;
    a->value = value;
    a->effective = effective;
    a->generation = steered ? generation : 0;
    a->life_s = steered ? v->life_s : 0;
    a->source = steered ? v->source : HK_SOURCE_DEFAULT;
}

static void apply(struct segment_writer *w, const struct hk_tuning_copy *copy)
{
    struct hk_area *area = writer_area(w);
    for (unsigned i = 0; i < HK_VALUES; i++)
        apply_value(w, i, &copy->values[i], copy->generation);
    w->generation_applied = copy->generation;
    area->counters.generation_applied = copy->generation;
    area->counters.tunes_applied_total++;
    writer_touch_area(w);
}

/* The process's own values are in force instead of the daemon's, or no longer; what it last said stays on
 * record. */
static void set_lapsed(struct segment_writer *w, bool lapsed)
{
    w->lapsed = lapsed;
    struct hk_area *area = writer_area(w);
    for (unsigned i = 0; i < HK_VALUES; i++) {
        struct hk_applied *a = &area->applied[i];
        if (a->source < HK_SOURCE_POLICY)
            continue;
        if (a->verdict != (lapsed ? HK_VERDICT_APPLIED : HK_VERDICT_LAPSED))
            continue;
        a->effective = lapsed ? own_value(hk_value_info(i), i) : a->value;
        a->verdict = lapsed ? HK_VERDICT_LAPSED : HK_VERDICT_APPLIED;
    }
    writer_touch_area(w);
}

static void watch_heartbeat(struct segment_writer *w)
{
    uint64_t beat = atomic_load(&w->page->heartbeat), now = now_ns();
    if (beat != w->heartbeat_seen) {
        w->heartbeat_seen = beat;
        w->heartbeat_ns = now;
        if (w->lapsed)
            set_lapsed(w, false);
        return;
    }
    uint64_t expiry_ns = atomic_load(&w->page->expiry_ms) * UINT64_C(1000000);
    if (!w->lapsed && beat != 0 && now - w->heartbeat_ns > expiry_ns)
        set_lapsed(w, true);
}

void writer_slow_path(struct segment_writer *w)
{
    struct hk_area *area = writer_area(w);
    struct hk_tuning_copy copy;
    area->counters.last_slow_path_ns = now_ns();
    writer_touch_area(w);
    watch_heartbeat(w);
    uint64_t epoch = atomic_load_explicit(&w->page->epoch, memory_order_acquire);
    if (epoch == w->epoch_seen || !hk_tuning_page_read(w->page, &copy))
        return;
    w->epoch_seen = epoch;
    if (copy.generation > w->generation_applied)
        apply(w, &copy);
    uint64_t trim = atomic_load(&w->page->trim_command), flush = atomic_load(&w->page->flush_command);
    if (trim > area->trim_done) {
        area->trim_released_bytes = area->counters.retained_bytes;
        area->counters.purged_bytes_total += area->counters.retained_bytes;
        area->counters.retained_bytes = 0;
        area->counters.trims_total++;
        area->trim_done = trim;
    }
    if (flush > area->flush_done)
        area->flush_done = flush;
    writer_touch_area(w);
}

void writer_carry_over(struct segment_writer *to, const struct segment_writer *from)
{
    const unsigned char *old_area = (const unsigned char *)writer_area(from);
    unsigned char *area = (unsigned char *)writer_area(to);
    size_t head = offsetof(struct hk_area, flags);
    memcpy(area + head, old_area + head, sizeof(struct hk_area) - head);
    for (unsigned i = 0; i < from->slot_count && writer_claim_slot(to); i++) {
        head = offsetof(struct hk_slot, counters);
        memcpy((unsigned char *)writer_slot(to, i) + head, (const unsigned char *)writer_slot(from, i) + head,
               sizeof(struct hk_slot) - head);
        writer_touch_slot(to, i);
    }
    to->generation_applied = from->generation_applied;
    to->lapsed = from->lapsed;
    writer_touch_area(to);
}

static void fill_hello(struct hk_hello *hello, const struct segment_writer *w, uint32_t flags,
                       uint32_t root_pid)
{
    const struct hk_area *area = writer_area(w);
    *hello = (struct hk_hello){.magic = HK_HELLO_MAGIC,
                               .abi_major = HK_ABI_MAJOR,
                               .abi_minor = HK_ABI_MINOR,
                               .bytes = sizeof *hello,
                               .pid = (uint32_t)getpid(),
                               .root_pid = root_pid ? root_pid : (uint32_t)getpid(),
                               .flags = flags,
                               .version = "0.1.0-test"};
    memcpy(hello->comm, area->comm, sizeof hello->comm);
    memcpy(hello->label, area->label, sizeof hello->label);
    ssize_t n = readlink("/proc/self/exe", hello->exe, sizeof hello->exe - 1);
    hello->exe[n > 0 ? n : 0] = '\0';
}

int writer_hello(const char *dir, const struct segment_writer *w, const int *fds, unsigned fd_count,
                 uint32_t flags, uint32_t root_pid, size_t extra)
{
    static char message[256 * 1024];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(64 * sizeof(int))];
    } control = {0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (s < 0 || hk_runtime_socket(dir, HK_HELLO_SOCKET, address.sun_path, sizeof address.sun_path) != 0)
        return -1;
    struct hk_hello hello;
    fill_hello(&hello, w, flags, root_pid);
    memcpy(message, &hello, sizeof hello);
    struct iovec bytes = {.iov_base = message, .iov_len = sizeof hello + extra};
    struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1};
    if (fd_count > 0) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&header);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
    }
    if (connect(s, (struct sockaddr *)&address, sizeof address) == 0 &&
        sendmsg(s, &header, MSG_NOSIGNAL) >= 0)
        return s;
    int saved = errno;
    close(s);
    errno = saved;
    return -1;
}
