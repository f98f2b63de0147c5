/*
 * segment.h - making and mapping a family's two memfds, and claiming cells in them.
 *
 * Not thread-safe but for hk_segment_claim: the caller (lib/publish/publish.c) holds a lock. Leaves errno
 * alone, closes nothing it did not open, and gives up quietly where a limit, a filter or the kernel says no.
 */
#ifndef HAKMEM_LIB_PUBLISH_SEGMENT_H
#define HAKMEM_LIB_PUBLISH_SEGMENT_H

#include <stdbool.h>

#include "shm/layout.h"

#define HK_CELLS_AT_ONCE 256 /* mapped together; what a process of many threads needs is mapped later */
#define HK_CELL_CHUNKS   (HK_MAX_CELLS / HK_CELLS_AT_ONCE)

struct hk_segment {
    struct hk_header *header;      /* NULL: no segment is mapped */
    struct hk_tuning_page *tuning; /* read-only */
    char *chunks[HK_CELL_CHUNKS];  /* where cells are mapped; NULL: not yet */
    uint32_t cells;                /* that may be claimed */
    uint32_t dumped;               /* cells below it are in core dumps of this process */
    bool dead_present;             /* the tuning memfd's table of dead claims is in memory */
    bool populate;                 /* cells are made present one by one; else the first ones are already */
};

/* The descriptors of a segment on its way to a daemon. */
struct hk_segment_fds {
    int counters;
    int tuning;
};

/* Whether the process may have files of a segment's size. */
bool hk_segment_allowed(void);

/* Where hk_segment_allowed() said so: makes new memfds, fills in all but cells, maps and seals them. Where
 * segment is mapped already, the new ones take its place at the same addresses, so pointers into cells stay
 * good; the claims of pid are carried over. false: nothing has changed. late: other threads may be closing
 * descriptors. */
bool hk_segment_make(struct hk_segment *segment, uint32_t root_pid, uint32_t pid, bool late,
                     struct hk_segment_fds *fds);
void hk_segment_close(struct hk_segment_fds *fds, bool late);

/* Unmaps a segment in which nobody has a cell. */
void hk_segment_drop(struct hk_segment *segment);

/* Claims a cell for pid and makes it present and zero. Returns its address and its number in *cell; NULL if
 * there is none to be had. Readers pass over it until it is announced. */
void *hk_segment_claim(struct hk_segment *segment, uint32_t pid, uint32_t *cell);

/* Says what a claimed cell is (enum hk_cell_kind), and to which area's cell it belongs (an area: its own). */
void hk_segment_announce(struct hk_segment *segment, uint32_t cell, unsigned kind, uint32_t area);

#endif
