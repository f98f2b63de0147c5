/*
 * reader.h - the reading side of a segment: bytes that somebody else wrote, made safe.
 *
 * hk_reader_open() checks every offset of a header once against the file's size; the other functions
 * then decode single cells out of the caller's copy. Fields are found by name through the segment's own
 * descriptor table, so libraries older and newer than this reader are understood: what they do not have
 * reads as 0, what this reader does not know is skipped.
 *
 * Nothing here maps memory, reads a file or trusts a count it was given. Pure, thread-safe, allocates
 * nothing; fuzzed (tests/fuzz).
 */
#ifndef HAKMEM_SHM_READER_H
#define HAKMEM_SHM_READER_H

#include <stdbool.h>

#include "shm/schema.h"

/* The most of a segment's beginning that hk_reader_open() looks at. */
#define HK_READER_HEADER_MAX (64u * 1024)

struct hk_reader {
    struct hk_header header;
    uint32_t classes[HK_MAX_CLASSES]; /* bytes, ascending */
    unsigned class_count;
    /* Where this reader's counters are in the segment's rows; UINT32_MAX: the library has none. */
    uint32_t class_off[HK_CLASS_COUNTERS];
    uint32_t heap_off[HK_HEAP_COUNTERS];
    uint32_t process_off[HK_PROCESS_COUNTERS];
    /* Tunables: the segment's value index, UINT32_MAX where it has none; the library's own bounds. */
    uint32_t tunable_index[HK_TUNABLES];
    uint32_t class_tunable_index[HK_CLASS_TUNABLES];
    uint64_t tunable_min[HK_TUNABLES], tunable_max[HK_TUNABLES];
    uint64_t class_tunable_min[HK_CLASS_TUNABLES], class_tunable_max[HK_CLASS_TUNABLES];
};

struct hk_applied_view {
    uint64_t value, effective, generation;
    uint32_t life_s;
    uint16_t source, verdict;
};

struct hk_area_view {
    uint64_t stamp;
    uint32_t pid, parent_pid;
    uint64_t claimed_ns;
    uint32_t flags;
    uint64_t trim_done, flush_done, trim_released_bytes;
    char comm[HK_COMM_BYTES]; /* always NUL-terminated here */
    char label[HK_LABEL_BYTES];
    uint64_t process[HK_PROCESS_COUNTERS];
    struct hk_applied_view applied[HK_VALUES]; /* by this reader's value index */
};

struct hk_slot_view {
    uint64_t stamp;
    uint32_t area, state, heap_id, tid;
    uint64_t heap[HK_HEAP_COUNTERS];
    uint64_t rows[HK_MAX_CLASSES][HK_CLASS_COUNTERS];
};

/* Checks the first len bytes (at least a header, at most HK_READER_HEADER_MAX are used) of a segment of
 * file_size bytes. 0, or EINVAL with *why a constant sentence on what is wrong. */
int hk_reader_open(struct hk_reader *reader, const void *buf, size_t len, uint64_t file_size,
                   const char **why);

/* Offset of the i-th cell, i < header.cell_count. */
HK_INLINE uint64_t hk_reader_cell_offset(const struct hk_reader *reader, unsigned cell)
{
    return reader->header.cells_off + (uint64_t)cell * reader->header.cell_bytes;
}

/* Decode a copy of a cell: cell must point to header.cell_bytes bytes. */
void hk_reader_area(const struct hk_reader *reader, const void *cell, struct hk_area_view *out);
void hk_reader_slot(const struct hk_reader *reader, const void *cell, struct hk_slot_view *out);

/* The value index a segment uses for this reader's one; UINT32_MAX if it has none. */
uint32_t hk_reader_value_index(const struct hk_reader *reader, unsigned value_index);

#endif
