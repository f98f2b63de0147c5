/* segment.c - see segment.h. */
#include "tests/support/segment.h"

#include <stdlib.h>
#include <string.h>

#include "shm/text.h"

const uint32_t segment_classes[SEGMENT_CLASSES] = {16, 32, 64, 256, 1024, 32768};

static uint32_t round_up(size_t n, size_t to)
{
    return (uint32_t)((n + to - 1) / to * to);
}

/* The schema's descriptors as a library of this shape would write them, into an array of its own. */
static unsigned make_descs(const struct segment_shape *shape, struct hk_desc *out)
{
    struct hk_desc all[HK_DESCRIPTORS];
    unsigned n = 0;
    hk_schema_descriptors(all);
    for (; n < shape->unknown_descs; n++) {
        struct hk_text name = hk_text_in(out[n].name, sizeof out[n].name);
        hk_text_add(&name, "counter_of_the_future_");
        hk_text_add_u64(&name, n);
        out[n].scope = (uint8_t)(1 + n % 7); /* among them scopes that do not exist yet */
        out[n].kind = HK_KIND_COUNTER;
    }
    for (unsigned i = 0; i < HK_DESCRIPTORS; i++) {
        if (shape->descs_dropped && i % shape->descs_dropped == 0)
            continue;
        out[n] = all[i];
        if (all[i].kind == HK_KIND_TUNABLE)
            out[n].offset += shape->value_shift;
        else
            out[n].offset += shape->row_shift;
        n++;
    }
    return n;
}

static void fill_header(struct hk_header *h, const struct segment_shape *shape, unsigned desc_count)
{
    *h = (struct hk_header){
        .magic = HK_COUNTERS_MAGIC,
        .endian = HK_ENDIAN_MARK,
        .abi_major = HK_ABI_MAJOR,
        .abi_minor = HK_ABI_MINOR,
        .header_bytes = (uint32_t)sizeof *h + shape->header_extra,
        .page_bytes = 4096,
        .pointer_bytes = sizeof(void *),
        .clock_id = 1,
        .class_count = shape->class_count_wanted,
        .desc_count = desc_count,
        .desc_bytes = (uint32_t)sizeof(struct hk_desc) + shape->desc_extra,
        .cell_count = shape->cell_count,
        .cell_bytes = HK_CELL_BYTES + 4 * HK_CELL_BYTES * (shape->row_shift || shape->value_shift),
        .row_bytes = (uint32_t)sizeof(struct hk_class_row) + shape->row_shift,
        .applied_bytes = sizeof(struct hk_applied),
        .value_count = HK_VALUES + shape->value_shift,
        .max_classes = HK_MAX_CLASSES,
        .root_pid = 4711,
        .version = "0.1.0",
    };
    h->class_off = h->header_bytes;
    h->desc_off = round_up(h->class_off + 4 * h->class_count, 8);
    h->dir_off = round_up(h->desc_off + h->desc_count * h->desc_bytes, 4096);
    h->cells_off = round_up(h->dir_off + 8 * h->cell_count, 4096);
    h->segment_bytes = h->cells_off + (uint64_t)h->cell_count * h->cell_bytes;
    h->row_off = (uint32_t)offsetof(struct hk_slot, rows) + round_up(shape->row_shift, 8);
    h->applied_off = (uint32_t)offsetof(struct hk_area, applied) + round_up(shape->row_shift, 8);
}

struct segment segment_make(struct segment_shape shape)
{
    shape.cell_count = shape.cell_count ? shape.cell_count : 4;
    shape.class_count_wanted = shape.class_count_wanted ? shape.class_count_wanted : SEGMENT_CLASSES;
    struct hk_desc *descs = calloc(HK_DESCRIPTORS + shape.unknown_descs, sizeof *descs);
    if (!descs)
        abort();
    struct hk_header h;
    fill_header(&h, &shape, make_descs(&shape, descs));

    struct segment s = {.size = h.segment_bytes, .shape = shape};
    s.tables_end = h.desc_off + (size_t)h.desc_count * h.desc_bytes;
    s.bytes = calloc(1, s.size);
    if (!s.bytes)
        abort();
    memcpy(s.bytes, &h, sizeof h);
    memcpy(s.bytes + h.class_off, segment_classes, 4ul * h.class_count);
    for (unsigned i = 0; i < h.desc_count; i++)
        memcpy(segment_desc(&s, i), &descs[i], sizeof descs[i]);
    free(descs);
    return s;
}

void segment_free(struct segment *segment)
{
    free(segment->bytes);
    segment->bytes = NULL;
}

struct hk_header *segment_header(const struct segment *segment)
{
    return (struct hk_header *)(void *)segment->bytes;
}

struct hk_desc *segment_desc(const struct segment *segment, unsigned index)
{
    const struct hk_header *h = segment_header(segment);
    return (struct hk_desc *)(void *)(segment->bytes + h->desc_off + (size_t)index * h->desc_bytes);
}

struct hk_desc *segment_find(const struct segment *segment, enum hk_scope scope, const char *name)
{
    for (unsigned i = 0; i < segment_header(segment)->desc_count; i++) {
        struct hk_desc *d = segment_desc(segment, i);
        if (d->scope == scope && strcmp(d->name, name) == 0)
            return d;
    }
    return NULL;
}

unsigned char *segment_cell(const struct segment *segment, unsigned cell)
{
    const struct hk_header *h = segment_header(segment);
    return segment->bytes + h->cells_off + (size_t)cell * h->cell_bytes;
}

static uint64_t *word(unsigned char *at)
{
    return (uint64_t *)(void *)at;
}

uint64_t *segment_process_word(const struct segment *segment, unsigned cell, unsigned counter)
{
    return word(segment_cell(segment, cell) + offsetof(struct hk_area, counters) + segment->shape.row_shift +
                hk_process_counters[counter].offset);
}

uint64_t *segment_heap_word(const struct segment *segment, unsigned cell, unsigned counter)
{
    return word(segment_cell(segment, cell) + offsetof(struct hk_slot, counters) + segment->shape.row_shift +
                hk_heap_counters[counter].offset);
}

uint64_t *segment_class_word(const struct segment *segment, unsigned cell, unsigned size_class,
                             unsigned counter)
{
    const struct hk_header *h = segment_header(segment);
    return word(segment_cell(segment, cell) + h->row_off + (size_t)size_class * h->row_bytes +
                segment->shape.row_shift + hk_class_counters[counter].offset);
}

struct hk_applied *segment_applied(const struct segment *segment, unsigned cell, unsigned value_index)
{
    const struct hk_header *h = segment_header(segment);
    return (struct hk_applied *)(void *)(segment_cell(segment, cell) + h->applied_off +
                                         ((size_t)value_index + segment->shape.value_shift) *
                                             h->applied_bytes);
}
