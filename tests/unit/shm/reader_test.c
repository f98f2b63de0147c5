/* reader_test.c - what a reader makes of good segments, of older and newer ones, and of lies. */
#include "tests/support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shm/reader.h"
#include "tests/support/segment.h"

#define AREA_CELL 1
#define SLOT_CELL 2

static int open_segment(struct hk_reader *reader, const struct segment *s)
{
    const char *why = "not set";
    int err = hk_reader_open(reader, s->bytes, s->size, s->size, &why);
    assert_int_equal(err == 0, why == NULL);
    return err;
}

/* A value that says which word it stands in. */
static uint64_t mark(unsigned kind, unsigned i, unsigned k)
{
    return (uint64_t)kind << 48 | (uint64_t)i << 24 | k;
}

static void fill_cells(const struct segment *s)
{
    struct hk_area *area = (struct hk_area *)(void *)segment_cell(s, AREA_CELL);
    area->stamp = 5;
    area->pid = 100;
    area->parent_pid = 99;
    area->claimed_ns = 123456789;
    area->flags = HK_AREA_EXITED;
    area->trim_done = 7;
    area->flush_done = 8;
    area->trim_released_bytes = 4096;
    memcpy(area->comm, "redis-server", 13);
    memcpy(area->label, "cache", 6);
    struct hk_slot *slot = (struct hk_slot *)(void *)segment_cell(s, SLOT_CELL);
    slot->stamp = 6;
    slot->area = AREA_CELL;
    slot->state = HK_SLOT_LIVE;
    slot->heap_id = 3;
    slot->tid = 101;
    for (unsigned i = 0; i < HK_PROCESS_COUNTERS; i++)
        *segment_process_word(s, AREA_CELL, i) = mark(1, i, 0);
    for (unsigned i = 0; i < HK_HEAP_COUNTERS; i++)
        *segment_heap_word(s, SLOT_CELL, i) = mark(2, i, 0);
    for (unsigned c = 0; c < segment_header(s)->class_count; c++) {
        for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++)
            *segment_class_word(s, SLOT_CELL, c, i) = mark(3, i, c);
    }
    for (unsigned i = 0; i < HK_VALUES; i++) {
        struct hk_applied *a = segment_applied(s, AREA_CELL, i);
        a->value = mark(4, i, 0);
        a->effective = mark(5, i, 0);
        a->generation = i;
        a->life_s = i + 1;
        a->source = (uint16_t)(i % HK_SOURCES);
        a->verdict = (uint16_t)(i % HK_VERDICTS);
    }
}

static void check_applied(const struct hk_reader *reader, const struct hk_applied_view *a, unsigned index)
{
    if (hk_reader_value_index(reader, index) == UINT32_MAX) {
        assert_int_equal(a->value | a->effective | a->generation | a->life_s | a->source | a->verdict, 0);
        return;
    }
    assert_int_equal(a->value, mark(4, index, 0));
    assert_int_equal(a->effective, mark(5, index, 0));
    assert_int_equal(a->generation, index);
    assert_int_equal(a->life_s, index + 1);
    assert_int_equal(a->source, index % HK_SOURCES);
    assert_int_equal(a->verdict, index % HK_VERDICTS);
}

/* Everything fill_cells() wrote is read back; what the segment's library lacked reads as 0. */
static void check_cells(const struct hk_reader *reader, const struct segment *s)
{
    struct hk_area_view area;
    hk_reader_area(reader, segment_cell(s, AREA_CELL), &area);
    assert_int_equal(area.stamp, 5);
    assert_int_equal(area.pid, 100);
    assert_int_equal(area.parent_pid, 99);
    assert_int_equal(area.claimed_ns, 123456789);
    assert_int_equal(area.flags, HK_AREA_EXITED);
    assert_int_equal(area.trim_done, 7);
    assert_int_equal(area.flush_done, 8);
    assert_int_equal(area.trim_released_bytes, 4096);
    assert_string_equal(area.comm, "redis-server");
    assert_string_equal(area.label, "cache");
    for (unsigned i = 0; i < HK_PROCESS_COUNTERS; i++)
        assert_int_equal(area.process[i], reader->process_off[i] == UINT32_MAX ? 0 : mark(1, i, 0));
    for (unsigned i = 0; i < HK_VALUES; i++)
        check_applied(reader, &area.applied[i], i);

    struct hk_slot_view slot;
    hk_reader_slot(reader, segment_cell(s, SLOT_CELL), &slot);
    assert_int_equal(slot.stamp, 6);
    assert_int_equal(slot.area, AREA_CELL);
    assert_int_equal(slot.state, HK_SLOT_LIVE);
    assert_int_equal(slot.heap_id, 3);
    assert_int_equal(slot.tid, 101);
    for (unsigned i = 0; i < HK_HEAP_COUNTERS; i++)
        assert_int_equal(slot.heap[i], reader->heap_off[i] == UINT32_MAX ? 0 : mark(2, i, 0));
    for (unsigned c = 0; c < HK_MAX_CLASSES; c++) {
        for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++) {
            bool there = c < reader->class_count && reader->class_off[i] != UINT32_MAX;
            assert_int_equal(slot.rows[c][i], there ? mark(3, i, c) : 0);
        }
    }
}

static unsigned absent(const uint32_t *offsets, unsigned n)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++)
        count += offsets[i] == UINT32_MAX;
    return count;
}

static unsigned absent_fields(const struct hk_reader *r)
{
    return absent(r->class_off, HK_CLASS_COUNTERS) + absent(r->heap_off, HK_HEAP_COUNTERS) +
           absent(r->process_off, HK_PROCESS_COUNTERS) + absent(r->tunable_index, HK_TUNABLES) +
           absent(r->class_tunable_index, HK_CLASS_TUNABLES);
}

static void reads_a_segment_of_its_own_version(void **state)
{
    (void)state;
    struct segment s = segment_make((struct segment_shape){0});
    struct hk_reader reader;
    fill_cells(&s);
    assert_int_equal(open_segment(&reader, &s), 0);
    assert_int_equal(absent_fields(&reader), 0);
    assert_int_equal(reader.class_count, SEGMENT_CLASSES);
    assert_memory_equal(reader.classes, segment_classes, sizeof segment_classes);
    assert_string_equal(reader.header.version, "0.1.0");
    assert_int_equal(hk_reader_cell_offset(&reader, 0), reader.header.cells_off);
    assert_int_equal(hk_reader_cell_offset(&reader, 3) + HK_CELL_BYTES, s.size);
    for (unsigned i = 0; i < HK_TUNABLES; i++) {
        assert_int_equal(reader.tunable_min[i], hk_tunables[i].min);
        assert_int_equal(reader.tunable_max[i], hk_tunables[i].max);
    }
    assert_int_equal(reader.class_tunable_max[0], hk_class_tunables[0].max);
    check_cells(&reader, &s);
    segment_free(&s);
}

/* Every second, third, ... of this reader's counters and tunables does not exist yet over there. */
static void reads_older_libraries(void **state)
{
    (void)state;
    for (unsigned dropped = 1; dropped <= 7; dropped++) {
        struct segment s = segment_make((struct segment_shape){.descs_dropped = dropped});
        struct hk_reader reader;
        fill_cells(&s);
        assert_int_equal(open_segment(&reader, &s), 0);
        assert_int_equal(absent_fields(&reader), (HK_DESCRIPTORS + dropped - 1) / dropped);
        check_cells(&reader, &s);
        segment_free(&s);
    }
}

static void reads_newer_libraries(void **state)
{
    (void)state;
    const struct segment_shape shapes[] = {
        {.header_extra = 64},
        {.desc_extra = 40},
        {.row_shift = 24},
        {.unknown_descs = 33},
        {.value_shift = 5},
        {.header_extra = 8, .desc_extra = 8, .row_shift = 8, .unknown_descs = 1, .value_shift = 1},
        {.header_extra = 4096 - 256,
         .desc_extra = 16,
         .row_shift = 160,
         .unknown_descs = 99,
         .descs_dropped = 3},
    };
    for (unsigned i = 0; i < HK_COUNT_OF(shapes); i++) {
        struct segment s = segment_make(shapes[i]);
        struct hk_reader reader;
        segment_header(&s)->abi_minor = HK_ABI_MINOR + 7;
        fill_cells(&s);
        assert_int_equal(open_segment(&reader, &s), 0);
        check_cells(&reader, &s);
        segment_free(&s);
    }
}

static void maps_value_indexes(void **state)
{
    (void)state;
    struct segment s = segment_make((struct segment_shape){.value_shift = 3, .class_count_wanted = 4});
    struct hk_reader reader;
    assert_int_equal(open_segment(&reader, &s), 0);
    assert_int_equal(hk_reader_value_index(&reader, HK_TUNE_thp), HK_TUNE_thp + 3);
    unsigned first = hk_class_value_index(HK_TUNE_CLASS_refill_batch, 0);
    assert_int_equal(hk_reader_value_index(&reader, first + 3), first + 3 + 3);
    assert_int_equal(hk_reader_value_index(&reader, first + 4), UINT32_MAX); /* no such class there */
    segment_free(&s);
}

static void check_refused(const struct segment *s, const char *expected)
{
    struct hk_reader reader;
    const char *why = NULL;
    assert_int_equal(hk_reader_open(&reader, s->bytes, s->size, s->size, &why), EINVAL);
    assert_non_null(why);
    assert_string_equal(why, expected);
}

static void refuses_what_is_no_segment_of_ours(void **state)
{
    (void)state;
    struct segment s = segment_make((struct segment_shape){0});
    struct hk_header good = *segment_header(&s), *h = segment_header(&s);
    h->magic ^= 1;
    check_refused(&s, "not a hakmem segment (magic)");
    *h = good;
    h->endian = __builtin_bswap32(h->endian);
    check_refused(&s, "segment of another byte order");
    *h = good;
    h->abi_major++;
    check_refused(&s, "segment of another ABI version");
    *h = good;
    h->segment_bytes++;
    check_refused(&s, "segment shorter than it says");
    *h = good;
    h->class_count = 0;
    check_refused(&s, "number of size classes out of bounds");
    h->class_count = HK_MAX_CLASSES + 1;
    check_refused(&s, "number of size classes out of bounds");
    *h = good;
    h->max_classes = h->class_count - 1;
    check_refused(&s, "number of size classes out of bounds");
    *h = good;
    h->desc_off = (uint32_t)h->segment_bytes - 8;
    check_refused(&s, "a table lies outside the segment");
    *h = good;
    h->cell_count++;
    check_refused(&s, "a table lies outside the segment");
    *h = good;
    h->row_off = h->cell_bytes - 8;
    check_refused(&s, "a row lies outside its cell");
    *h = good;
    h->applied_bytes = 24;
    check_refused(&s, "a row lies outside its cell");
    segment_free(&s);
}

/* A cell too small for the fields before its counters, though all rows it declares would fit. */
static void refuses_tiny_cells(void **state)
{
    (void)state;
    struct segment s = segment_make((struct segment_shape){.class_count_wanted = 1});
    struct hk_header *h = segment_header(&s);
    h->max_classes = 1;
    h->row_off = h->applied_off = 0;
    h->row_bytes = 8;
    h->value_count = 0;
    for (h->cell_bytes = 8; h->cell_bytes < offsetof(struct hk_area, counters); h->cell_bytes += 8)
        check_refused(&s, "a table lies outside the segment");
    segment_free(&s);
}

/* Tables within the segment, but not within the part of it that was read. */
static void refuses_tables_it_has_not_read(void **state)
{
    (void)state;
    struct segment s = segment_make((struct segment_shape){0});
    struct hk_header good = *segment_header(&s), *h = segment_header(&s);
    struct hk_reader reader;
    const char *why;
    uint32_t *const tables[] = {&h->class_off, &h->desc_off};
    for (unsigned i = 0; i < HK_COUNT_OF(tables); i++) {
        *tables[i] = good.cells_off;
        assert_int_equal(hk_reader_open(&reader, s.bytes, s.tables_end, s.size, &why), EINVAL);
        assert_string_equal(why, "the segment's descriptors are not at its beginning");
        *h = good;
    }
    segment_free(&s);
}

static void refuses_size_classes_out_of_order(void **state)
{
    (void)state;
    static const uint32_t bad[][3] = {{0, 32, 64}, {16, 16, 64}, {32, 16, 64}, {16, 128, 64}};
    for (unsigned i = 0; i < HK_COUNT_OF(bad); i++) {
        struct segment s = segment_make((struct segment_shape){.class_count_wanted = 3});
        memcpy(s.bytes + segment_header(&s)->class_off, bad[i], sizeof bad[i]);
        check_refused(&s, "size classes out of order");
        segment_free(&s);
    }
}

/* The first len bytes in a buffer of exactly that size, so that valgrind and sanitizers see a read past
 * it. */
static int open_copy(struct hk_reader *reader, const struct segment *s, size_t len, uint64_t file_size)
{
    const char *why = "not set";
    unsigned char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, s->bytes, len);
    int err = hk_reader_open(reader, copy, len, file_size, &why);
    assert_int_equal(err == 0, why == NULL);
    free(copy);
    return err;
}

static void refuses_every_truncation(void **state)
{
    (void)state;
    struct segment s = segment_make((struct segment_shape){0});
    struct hk_reader reader;
    for (size_t len = 0; len < s.tables_end; len++) {
        assert_int_equal(open_copy(&reader, &s, len, s.size), EINVAL); /* too little was read */
        assert_int_equal(open_copy(&reader, &s, len, len), EINVAL);    /* the file is too short */
    }
    for (size_t size = s.tables_end; size < s.size; size += 8)
        assert_int_equal(open_copy(&reader, &s, s.tables_end, size), EINVAL);
    assert_int_equal(open_copy(&reader, &s, s.tables_end, s.size), 0);
    segment_free(&s);
}

static void check_offsets(const uint32_t *offsets, unsigned n, uint64_t limit)
{
    for (unsigned i = 0; i < n; i++)
        assert_true(offsets[i] == UINT32_MAX || (offsets[i] % 8 == 0 && (uint64_t)offsets[i] + 8 <= limit));
}

/* What a reader promises once it has accepted a header: no access past the segment or a cell. */
static void check_bounds(const struct hk_reader *r, uint64_t file_size)
{
    const struct hk_header *h = &r->header;
    assert_uint_in_range(r->class_count, 1, HK_MAX_CLASSES);
    assert_int_equal((h->dir_off | h->cells_off | h->row_off | h->applied_off) % 8, 0);
    assert_true(hk_reader_cell_offset(r, h->cell_count - 1) + h->cell_bytes <= file_size);
    assert_true(h->dir_off + 8ull * h->cell_count <= file_size);
    assert_true(h->row_off + (uint64_t)h->row_bytes * r->class_count <= h->cell_bytes);
    assert_true(h->applied_off + (uint64_t)h->applied_bytes * h->value_count <= h->cell_bytes);
    check_offsets(r->class_off, HK_CLASS_COUNTERS, h->row_bytes);
    check_offsets(r->heap_off, HK_HEAP_COUNTERS, h->cell_bytes - offsetof(struct hk_slot, counters));
    check_offsets(r->process_off, HK_PROCESS_COUNTERS, h->cell_bytes - offsetof(struct hk_area, counters));
    for (unsigned i = 0; i < HK_VALUES; i++) {
        uint32_t index = hk_reader_value_index(r, i);
        assert_true(index == UINT32_MAX || index < h->value_count);
    }
    assert_int_equal(h->version[sizeof h->version - 1], '\0');
}

/* Opens a damaged segment; if it is accepted, decodes a cell of exactly cell_bytes. */
static bool try_damaged(const struct segment *s)
{
    struct hk_reader reader;
    if (open_copy(&reader, s, s->tables_end, s->size) != 0)
        return false;
    check_bounds(&reader, s->size);
    unsigned char *cell = malloc(reader.header.cell_bytes);
    assert_non_null(cell);
    memset(cell, 0xa5, reader.header.cell_bytes);
    struct hk_area_view area;
    struct hk_slot_view slot;
    hk_reader_area(&reader, cell, &area);
    hk_reader_slot(&reader, cell, &slot);
    assert_int_equal(area.comm[sizeof area.comm - 1], '\0');
    assert_int_equal(area.label[sizeof area.label - 1], '\0');
    free(cell);
    return true;
}

static const uint64_t nasty[] = {0,          1,          3,          7,          8,
                                 255,        256,        4095,       4096,       4097,
                                 65535,      65536,      65537,      0x7fffffff, 0x80000000,
                                 0xfffffff8, 0xffffffff, UINT64_MAX, 1 << 20,    (uint64_t)1 << 32};

/* Each word of header and tables, of each width, replaced by each of the values that overflow checks
 * get wrong. */
static void survives_every_damaged_word(void **state)
{
    (void)state;
    struct segment s = segment_make((struct segment_shape){.cell_count = 1});
    unsigned accepted = 0, refused = 0;
    for (size_t width = 2; width <= 8; width *= 2) {
        for (size_t at = 0; at + width <= s.tables_end; at += width) {
            unsigned char kept[8];
            memcpy(kept, s.bytes + at, width);
            for (unsigned i = 0; i < HK_COUNT_OF(nasty); i++) {
                memcpy(s.bytes + at, &nasty[i], width);
                if (try_damaged(&s))
                    accepted++;
                else
                    refused++;
            }
            memcpy(s.bytes + at, kept, width);
        }
    }
    assert_true(accepted > 0 && refused > 0);
    assert_true(try_damaged(&s));
    segment_free(&s);
}

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void survives_random_damage(void **state)
{
    (void)state;
    uint64_t x = UINT64_C(0x9e3779b97f4a7c15);
    struct segment good = segment_make((struct segment_shape){.cell_count = 1});
    struct segment s = segment_make((struct segment_shape){.cell_count = 1});
    for (unsigned round = 0; round < 20000; round++) {
        memcpy(s.bytes, good.bytes, s.tables_end);
        for (unsigned n = 1 + next_random(&x) % 4; n > 0; n--) {
            /* Half of the damage hits the header, which has most of the meaning. */
            size_t limit = next_random(&x) % 2 ? sizeof(struct hk_header) : s.tables_end;
            uint64_t v = next_random(&x) % 2 ? nasty[next_random(&x) % HK_COUNT_OF(nasty)] : next_random(&x);
            memcpy(s.bytes + next_random(&x) % (limit - 8) / 4 * 4, &v, 1 + next_random(&x) % 8);
        }
        (void)try_damaged(&s);
    }
    segment_free(&s);
    segment_free(&good);
}

static void skips_descriptors_out_of_bounds(void **state)
{
    (void)state;
    struct segment s = segment_make((struct segment_shape){0});
    struct hk_reader reader;
    segment_find(&s, HK_SCOPE_CLASS, "frees_total")->offset = (uint32_t)sizeof(struct hk_class_row);
    segment_find(&s, HK_SCOPE_CLASS, "refills_total")->offset += 4;
    segment_find(&s, HK_SCOPE_HEAP, "cache_bytes")->offset = HK_CELL_BYTES;
    segment_find(&s, HK_SCOPE_PROCESS, "big_bytes")->offset = UINT32_MAX & ~7u;
    segment_find(&s, HK_SCOPE_TUNABLE, "thp")->offset = HK_VALUES;
    segment_find(&s, HK_SCOPE_TUNABLE_PER_CLASS, "refill_batch")->offset = HK_VALUES - HK_MAX_CLASSES + 1;
    assert_int_equal(open_segment(&reader, &s), 0);
    assert_int_equal(absent_fields(&reader), 6);
    check_bounds(&reader, s.size);
    segment_free(&s);
}

static void ends_every_string(void **state)
{
    (void)state;
    struct segment s = segment_make((struct segment_shape){0});
    struct hk_reader reader;
    struct hk_area_view view;
    memset(segment_header(&s)->version, 'v', HK_VERSION_BYTES);
    struct hk_desc *d = segment_find(&s, HK_SCOPE_PROCESS, "big_bytes");
    memset(d->name, 'n', sizeof d->name);
    struct hk_area *area = (struct hk_area *)(void *)segment_cell(&s, AREA_CELL);
    memset(area->comm, 'c', sizeof area->comm);
    memset(area->label, 'l', sizeof area->label);
    assert_int_equal(open_segment(&reader, &s), 0);
    assert_int_equal(absent_fields(&reader), 1);
    hk_reader_area(&reader, segment_cell(&s, AREA_CELL), &view);
    assert_string_equal(reader.header.version, "vvvvvvvvvvvvvvv");
    assert_string_equal(view.comm, "ccccccccccccccc");
    assert_int_equal(strlen(view.label), HK_LABEL_BYTES - 1);
    segment_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_segment_of_its_own_version),
        cmocka_unit_test(reads_older_libraries),
        cmocka_unit_test(reads_newer_libraries),
        cmocka_unit_test(maps_value_indexes),
        cmocka_unit_test(refuses_what_is_no_segment_of_ours),
        cmocka_unit_test(refuses_tiny_cells),
        cmocka_unit_test(refuses_tables_it_has_not_read),
        cmocka_unit_test(refuses_size_classes_out_of_order),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_every_damaged_word),
        cmocka_unit_test(survives_random_damage),
        cmocka_unit_test(skips_descriptors_out_of_bounds),
        cmocka_unit_test(ends_every_string),
    };
    return cmocka_run_group_tests_name("shm.reader", tests, NULL, NULL);
}
