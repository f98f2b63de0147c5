/*
 * reader_fuzz.c - segments made by an enemy.
 *
 * An input is a list of patches to a segment that is good: offset (two bytes), length (one byte), that
 * many bytes. So nearly every input gets past the magic and the version. If the first byte is 0xff, the
 * rest is taken as the segment itself.
 */
#include <string.h>

#include "shm/derive.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/segment.h"

#define RAW 0xff

static void apply_patches(const struct segment *s, const uint8_t *data, size_t size)
{
    while (size >= 3) {
        size_t at = data[0] | (size_t)data[1] << 8, n = data[2];
        data += 3;
        size -= 3;
        n = n < size ? n : size;
        if (at + n <= s->tables_end)
            memcpy(s->bytes + at, data, n);
        data += n;
        size -= n;
    }
}

static void decode_cell(const struct hk_reader *reader, const uint8_t *filler, size_t filler_size)
{
    unsigned char *cell = malloc(reader->header.cell_bytes);
    struct hk_area_view area;
    struct hk_slot_view slot;
    struct hk_totals totals;
    FUZZ_CHECK(cell);
    for (uint32_t i = 0; i < reader->header.cell_bytes; i++)
        cell[i] = filler_size ? filler[i % filler_size] : 0xff;
    hk_reader_area(reader, cell, &area);
    hk_reader_slot(reader, cell, &slot);
    FUZZ_CHECK(memchr(area.comm, '\0', sizeof area.comm) && memchr(area.label, '\0', sizeof area.label));
    hk_totals_start(&totals, reader, &area);
    hk_totals_add_slot(&totals, &slot);
    hk_totals_finish(&totals);
    free(cell);
}

static void try_segment(const unsigned char *bytes, size_t len, uint64_t file_size, const uint8_t *filler,
                        size_t filler_size)
{
    struct hk_reader reader;
    const char *why = NULL;
    int err = hk_reader_open(&reader, bytes, len, file_size, &why);
    FUZZ_CHECK((err == 0) == (why == NULL));
    if (err)
        return;
    const struct hk_header *h = &reader.header;
    FUZZ_CHECK(hk_reader_cell_offset(&reader, h->cell_count - 1) + h->cell_bytes <= file_size);
    for (unsigned i = 0; i < HK_VALUES; i++) {
        uint32_t index = hk_reader_value_index(&reader, i);
        FUZZ_CHECK(index == UINT32_MAX || index < h->value_count);
    }
    decode_cell(&reader, filler, filler_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == RAW) {
        /* The file may be larger than what was read of it. */
        try_segment(data + 1, size - 1, size - 1, data, size);
        try_segment(data + 1, size - 1, HK_READER_HEADER_MAX * 64, data, size);
        return 0;
    }
    struct segment s = segment_make((struct segment_shape){.cell_count = 1});
    apply_patches(&s, data, size);
    unsigned char *read = malloc(s.tables_end);
    FUZZ_CHECK(read);
    memcpy(read, s.bytes, s.tables_end);
    try_segment(read, s.tables_end, s.size, data, size);
    free(read);
    segment_free(&s);
    return 0;
}
