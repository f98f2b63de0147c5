/*
 * segment_writer.h - the writing side of a segment, small but real: what a library does, without one.
 *
 * Makes the two sealed memfds exactly as shm/layout.h says, claims areas and slots, stores counters,
 * applies tuning from the page and acknowledges commands. For tests of whoever reads segments.
 */
#ifndef HAKMEM_TESTS_TOOLS_SEGMENT_WRITER_H
#define HAKMEM_TESTS_TOOLS_SEGMENT_WRITER_H

#include <sys/types.h>

#include "shm/tuning_page.h"

struct segment_writer {
    int counters_fd, tuning_fd;
    unsigned char *base; /* of the counters memfd */
    size_t size;
    struct hk_header *header; /* as others see it */
    struct hk_header own;     /* as it was made: what the writer itself goes by */
    uint32_t *classes;
    unsigned class_count;
    struct hk_tuning_page *page;
    unsigned area; /* cell of this process */
    unsigned slots[64];
    unsigned slot_count;
    uint64_t epoch_seen, generation_applied;
    uint64_t heartbeat_seen, heartbeat_ns;
    bool lapsed;
};

/* Makes both memfds, fills in header and tables, maps and seals them; no cell is claimed yet. Aborts with
 * a message where the system refuses. */
void writer_make(struct segment_writer *w, unsigned class_count, unsigned cell_count);
void writer_close(struct segment_writer *w);

/* Claim a cell for the calling process; false if none is left. Claims of the dead, as the tuning memfd
 * names them, are taken over. */
bool writer_claim_area(struct segment_writer *w, const char *comm, const char *label);
bool writer_claim_slot(struct segment_writer *w);

/* The cells. */
struct hk_area *writer_area(const struct segment_writer *w);
struct hk_slot *writer_slot(const struct segment_writer *w, unsigned index);
uint64_t *writer_directory(const struct segment_writer *w);

/* Adds to a class's counters as a heap's slow path would, and moves the stamps. */
void writer_count(struct segment_writer *w, unsigned slot, unsigned size_class, uint64_t allocs,
                  uint64_t frees, uint64_t refills, uint64_t refilled);

/* After any store to an area or a slot. */
void writer_touch_area(struct segment_writer *w);
void writer_touch_slot(struct segment_writer *w, unsigned slot);

/* One slow path: new tuning and commands are taken up and acknowledged; values lapse when the heartbeat
 * has stood still too long. */
void writer_slow_path(struct segment_writer *w);

/* Takes what is counted here over into a fresh segment of the same process, as a repeated hello does. */
void writer_carry_over(struct segment_writer *to, const struct segment_writer *from);

/* Connects to DIR/hello and sends fds with a hello. extra: bytes the message is longer; flags: enum
 * hk_hello_flag. Returns the connected socket to be closed, or -1 with errno. */
int writer_hello(const char *dir, const struct segment_writer *w, const int *fds, unsigned fd_count,
                 uint32_t flags, uint32_t root_pid, size_t extra);

#endif
