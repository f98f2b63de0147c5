/*
 * segment.h - a counters segment in ordinary memory, laid out as a library would.
 *
 * For tests of what reads segments. The shape can be that of a library older or newer than this tree.
 * It writes with this tree's own structs, so it must not be used to test the ABI itself.
 */
#ifndef HAKMEM_TESTS_SUPPORT_SEGMENT_H
#define HAKMEM_TESTS_SUPPORT_SEGMENT_H

#include "shm/schema.h"

struct segment_shape {
    unsigned cell_count;         /* 0: 4 */
    unsigned header_extra;       /* bytes a newer header has more, a multiple of 8 */
    unsigned desc_extra;         /* bytes a newer descriptor has more, a multiple of 8 */
    unsigned row_shift;          /* bytes of newer counters before this reader's in each row, of 8 */
    unsigned descs_dropped;      /* every descs_dropped-th descriptor is left out; 0: none */
    unsigned unknown_descs;      /* descriptors that no reader knows, put first */
    unsigned value_shift;        /* values of newer tunables before this reader's */
    unsigned class_count_wanted; /* 0: all of segment_classes */
};

#define SEGMENT_CLASSES 6
extern const uint32_t segment_classes[SEGMENT_CLASSES];

struct segment {
    unsigned char *bytes; /* zeroed where nothing was written */
    size_t size;
    size_t tables_end; /* end of header, classes and descriptors */
    struct segment_shape shape;
};

/* Makes a segment; aborts where memory runs out. Release it with segment_free(). */
struct segment segment_make(struct segment_shape shape);
void segment_free(struct segment *segment);

struct hk_header *segment_header(const struct segment *segment);
struct hk_desc *segment_desc(const struct segment *segment, unsigned index);
/* The descriptor of that name and scope, NULL if it was left out. */
struct hk_desc *segment_find(const struct segment *segment, enum hk_scope scope, const char *name);
unsigned char *segment_cell(const struct segment *segment, unsigned cell);

/* Places of one counter's word: by its index in the schema's list. */
uint64_t *segment_process_word(const struct segment *segment, unsigned cell, unsigned counter);
uint64_t *segment_heap_word(const struct segment *segment, unsigned cell, unsigned counter);
uint64_t *segment_class_word(const struct segment *segment, unsigned cell, unsigned size_class,
                             unsigned counter);
/* An applied value, by this tree's value index. */
struct hk_applied *segment_applied(const struct segment *segment, unsigned cell, unsigned value_index);

#endif
