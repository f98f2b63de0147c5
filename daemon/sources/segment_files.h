/*
 * segment_files.h - the two memfds of a family as the daemon holds them: checked, read by copy, written.
 *
 * Counters are read with pread alone, so that nothing the process does to the file can hurt. The tuning
 * memfd is mapped: it cannot shrink. Every number that comes from either is somebody else's.
 */
#ifndef HAKMEM_DAEMON_SOURCES_SEGMENT_FILES_H
#define HAKMEM_DAEMON_SOURCES_SEGMENT_FILES_H

#include <sys/types.h>

#include "shm/reader.h"
#include "shm/tuning_page.h"

#define HK_SEGMENT_BYTES_MAX (64 * HK_MIB)
#define HK_TUNING_BYTES_MAX  (64 * HK_KIB)
#define HK_CELL_BYTES_MAX    (16 * HK_KIB)

struct hk_segment {
    int counters_fd, tuning_fd; /* owned */
    dev_t device;               /* of the counters memfd: with inode, which one it is */
    ino_t inode;
    struct hk_reader reader;
    struct hk_tuning_page *page;
    hk_au16 *dead; /* the dead table, HK_MAX_CELLS */
};

/* Takes both descriptors, whatever it returns: 0, or EINVAL with *why a constant sentence on what was
 * wrong with them and nothing left open. */
int hk_segment_open(struct hk_segment *segment, int counters_fd, int tuning_fd, const char **why);
void hk_segment_close(struct hk_segment *segment);

/* Copies the directory words of the cells ever claimed, cell_count at most, into words (HK_MAX_CELLS).
 * Returns how many. */
unsigned hk_segment_directory(const struct hk_segment *segment, uint64_t *words);

/* The stamp of a cell below cell_count. */
uint64_t hk_segment_stamp(const struct hk_segment *segment, unsigned cell);

/* Copies a cell and decodes it; false if it cannot be read. */
bool hk_segment_area(const struct hk_segment *segment, unsigned cell, struct hk_area_view *out);
bool hk_segment_slot(const struct hk_segment *segment, unsigned cell, struct hk_slot_view *out);

#endif
