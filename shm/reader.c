/* reader.c - see reader.h. */
#include "shm/reader.h"

#include <errno.h>
#include <string.h>

#define ABSENT UINT32_MAX

/* Whether count items of stride bytes, each at least item bytes, lie within [off, limit). */
static bool table_fits(uint64_t off, uint64_t count, uint64_t stride, uint64_t item, uint64_t limit)
{
    return off % 8 == 0 && stride >= item && stride % 4 == 0 && stride <= limit && count <= limit &&
           off <= limit && count * stride <= limit - off;
}

static const char *check_header(const struct hk_header *h, uint64_t file_size)
{
    if (h->magic != HK_COUNTERS_MAGIC)
        return "not a hakmem segment (magic)";
    if (h->endian != HK_ENDIAN_MARK)
        return "segment of another byte order";
    if (h->abi_major != HK_ABI_MAJOR)
        return "segment of another ABI version";
    if (h->header_bytes < sizeof *h || h->segment_bytes > file_size)
        return "segment shorter than it says";
    if (h->class_count == 0 || h->class_count > HK_MAX_CLASSES || h->max_classes < h->class_count ||
        h->max_classes > 4096)
        return "number of size classes out of bounds";
    if (h->desc_count > 4096 || h->value_count > 65536)
        return "number of descriptors out of bounds";
    if (h->cell_count == 0 || h->cell_count > HK_MAX_CELLS || h->cell_bytes > 64 * HK_KIB)
        return "number or size of cells out of bounds";
    uint64_t size = h->segment_bytes;
    if (!table_fits(h->class_off, h->class_count, 4, 4, size) ||
        !table_fits(h->desc_off, h->desc_count, h->desc_bytes, sizeof(struct hk_desc), size) ||
        !table_fits(h->dir_off, h->cell_count, 8, 8, size) ||
        !table_fits(h->cells_off, h->cell_count, h->cell_bytes, sizeof(struct hk_header), size))
        return "a table lies outside the segment";
    if (!table_fits(h->row_off, h->max_classes, h->row_bytes, 8, h->cell_bytes) ||
        !table_fits(h->applied_off, h->value_count, h->applied_bytes, sizeof(struct hk_applied),
                    h->cell_bytes))
        return "a row lies outside its cell";
    return NULL;
}

/* Index of a named counter in one of this reader's lists, or -1. */
static int find_counter(const struct hk_counter_info *list, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(list[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

static int find_tunable(const struct hk_tunable_info *list, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(list[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

static void record_counter(const struct hk_counter_info *list, unsigned n, uint32_t *off,
                           const struct hk_desc *d, uint32_t row_bytes)
{
    int i = find_counter(list, n, d->name);
    if (i >= 0 && d->offset % 8 == 0 && d->offset <= row_bytes - 8)
        off[i] = d->offset;
}

/* A descriptor that is out of bounds or unknown is skipped: it describes nothing this reader reads. */
static void record(struct hk_reader *r, const struct hk_desc *d)
{
    const struct hk_header *h = &r->header;
    int i;
    switch (d->scope) {
    case HK_SCOPE_CLASS:
        record_counter(hk_class_counters, HK_CLASS_COUNTERS, r->class_off, d, h->row_bytes);
        break;
    case HK_SCOPE_HEAP:
        record_counter(hk_heap_counters, HK_HEAP_COUNTERS, r->heap_off, d,
                       h->cell_bytes - (uint32_t)offsetof(struct hk_slot, counters));
        break;
    case HK_SCOPE_PROCESS:
        record_counter(hk_process_counters, HK_PROCESS_COUNTERS, r->process_off, d,
                       h->cell_bytes - (uint32_t)offsetof(struct hk_area, counters));
        break;
    case HK_SCOPE_TUNABLE:
        i = find_tunable(hk_tunables, HK_TUNABLES, d->name);
        if (i >= 0 && d->offset < h->value_count) {
            r->tunable_index[i] = d->offset;
            r->tunable_min[i] = d->min;
            r->tunable_max[i] = d->max;
        }
        break;
    case HK_SCOPE_TUNABLE_PER_CLASS:
        i = find_tunable(hk_class_tunables, HK_CLASS_TUNABLES, d->name);
        if (i >= 0 && h->max_classes <= h->value_count && d->offset <= h->value_count - h->max_classes) {
            r->class_tunable_index[i] = d->offset;
            r->class_tunable_min[i] = d->min;
            r->class_tunable_max[i] = d->max;
        }
        break;
    default:
        break;
    }
}

int hk_reader_open(struct hk_reader *reader, const void *buf, size_t len, uint64_t file_size,
                   const char **why)
{
    const unsigned char *bytes = buf;
    memset(reader, 0, sizeof *reader);
    memset(reader->class_off, 0xff, sizeof reader->class_off);
    memset(reader->heap_off, 0xff, sizeof reader->heap_off);
    memset(reader->process_off, 0xff, sizeof reader->process_off);
    memset(reader->tunable_index, 0xff, sizeof reader->tunable_index);
    memset(reader->class_tunable_index, 0xff, sizeof reader->class_tunable_index);

    struct hk_header *h = &reader->header;
    *why = "segment shorter than its header";
    if (len < sizeof *h || file_size < sizeof *h)
        return EINVAL;
    memcpy(h, bytes, sizeof *h);
    h->version[sizeof h->version - 1] = '\0';
    *why = check_header(h, file_size);
    if (*why)
        return EINVAL;
    *why = "the segment's descriptors are not at its beginning";
    if (h->class_off + 4ull * h->class_count > len ||
        h->desc_off + (uint64_t)h->desc_bytes * h->desc_count > len)
        return EINVAL;

    memcpy(reader->classes, bytes + h->class_off, 4ull * h->class_count);
    reader->class_count = h->class_count;
    *why = "size classes out of order";
    for (unsigned i = 0; i < reader->class_count; i++) {
        if (reader->classes[i] <= (i ? reader->classes[i - 1] : 0))
            return EINVAL;
    }
    for (unsigned i = 0; i < h->desc_count; i++) {
        struct hk_desc d;
        memcpy(&d, bytes + h->desc_off + (size_t)i * h->desc_bytes, sizeof d);
        d.name[sizeof d.name - 1] = '\0';
        record(reader, &d);
    }
    *why = NULL;
    return 0;
}

static uint64_t word_at(const unsigned char *cell, uint32_t base, uint32_t off)
{
    uint64_t v = 0;
    if (off != ABSENT)
        memcpy(&v, cell + base + off, sizeof v);
    return v;
}

uint32_t hk_reader_value_index(const struct hk_reader *reader, unsigned value_index)
{
    if (value_index < HK_TUNABLES)
        return reader->tunable_index[value_index];
    unsigned id = (value_index - HK_TUNABLES) / HK_MAX_CLASSES;
    unsigned size_class = (value_index - HK_TUNABLES) % HK_MAX_CLASSES;
    if (reader->class_tunable_index[id] == ABSENT || size_class >= reader->class_count)
        return ABSENT;
    return reader->class_tunable_index[id] + size_class;
}

static void read_applied(const struct hk_reader *reader, const unsigned char *cell, uint32_t index,
                         struct hk_applied_view *out)
{
    struct hk_applied a;
    memcpy(&a, cell + reader->header.applied_off + (size_t)index * reader->header.applied_bytes, sizeof a);
    *out = (struct hk_applied_view){
        .value = a.value,
        .effective = a.effective,
        .generation = a.generation,
        .life_s = a.life_s,
        .source = a.source,
        .verdict = a.verdict,
    };
}

void hk_reader_area(const struct hk_reader *reader, const void *cell, struct hk_area_view *out)
{
    const unsigned char *bytes = cell;
    struct hk_area area;
    memset(out, 0, sizeof *out);
    memcpy(&area, bytes, offsetof(struct hk_area, counters));
    out->stamp = area.stamp;
    out->pid = area.pid;
    out->parent_pid = area.parent_pid;
    out->claimed_ns = area.claimed_ns;
    out->flags = area.flags;
    out->trim_done = area.trim_done;
    out->flush_done = area.flush_done;
    out->trim_released_bytes = area.trim_released_bytes;
    memcpy(out->comm, area.comm, sizeof out->comm - 1);
    memcpy(out->label, area.label, sizeof out->label - 1);
    for (unsigned i = 0; i < HK_PROCESS_COUNTERS; i++)
        out->process[i] = word_at(bytes, offsetof(struct hk_area, counters), reader->process_off[i]);
    for (unsigned i = 0; i < HK_VALUES; i++) {
        uint32_t index = hk_reader_value_index(reader, i);
        if (index != ABSENT)
            read_applied(reader, bytes, index, &out->applied[i]);
    }
}

void hk_reader_slot(const struct hk_reader *reader, const void *cell, struct hk_slot_view *out)
{
    const unsigned char *bytes = cell;
    struct hk_slot slot;
    memset(out, 0, sizeof *out);
    memcpy(&slot, bytes, offsetof(struct hk_slot, counters));
    out->stamp = slot.stamp;
    out->area = slot.area;
    out->state = slot.state;
    out->heap_id = slot.heap_id;
    out->tid = slot.tid;
    for (unsigned i = 0; i < HK_HEAP_COUNTERS; i++)
        out->heap[i] = word_at(bytes, offsetof(struct hk_slot, counters), reader->heap_off[i]);
    for (unsigned c = 0; c < reader->class_count; c++) {
        uint32_t row = reader->header.row_off + c * reader->header.row_bytes;
        for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++)
            out->rows[c][i] = word_at(bytes, row, reader->class_off[i]);
    }
}
