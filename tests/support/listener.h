/*
 * listener.h - a daemon's ears and hands for tests: takes a process's hello, reads its segment, steers it.
 *
 * No aggregation and no policy: what the process wrote is decoded with shm/reader.h, what it is told is
 * written with shm/tuning_page.h. All functions end the test program on what must not happen
 * (support/check.h).
 */
#ifndef HAKMEM_TESTS_SUPPORT_LISTENER_H
#define HAKMEM_TESTS_SUPPORT_LISTENER_H

#include <sys/socket.h>
#include <sys/types.h>

#include "shm/derive.h"
#include "shm/tuning_page.h"

/* A runtime directory of its own, with a hello socket in it. */
struct listener {
    char dir[64];
    int fd; /* -1 while nobody listens */
};

void listener_open(struct listener *listener);

/* Stops listening, and listens again in the same directory. */
void listener_close(struct listener *listener);
void listener_reopen(struct listener *listener);

/* Stops listening and removes the directory. */
void listener_remove(struct listener *listener);

/* One process's hello and the segment that came with it. */
struct greeting {
    struct hk_hello hello;
    struct ucred peer;
    int counters_fd, tuning_fd;
    uint64_t segment_bytes;
    struct hk_reader reader;
    struct hk_tuning_page *page; /* mapped read-write, as a daemon maps it */
    struct hk_tuning_copy tuning;
};

/* Takes the next hello. false: none came within timeout_ms. A malformed one ends the test; connections that
 * end without a word are passed over. */
bool listener_accept(const struct listener *listener, int timeout_ms, struct greeting *out);

/* The same; it must come. */
void listener_expect(const struct listener *listener, struct greeting *out);

void greeting_drop(struct greeting *greeting);

/* The area of the process that calls itself pid; *cell is its number. false: there is none. */
bool greeting_area(const struct greeting *greeting, pid_t pid, struct hk_area_view *out, unsigned *cell);

/* Number of processes with an area. */
unsigned greeting_areas(const struct greeting *greeting);

/* Sums a process's slots. Ends the test if it has no area. */
void greeting_totals(const struct greeting *greeting, pid_t pid, struct hk_totals *out);

/* A process counter (HK_PROCESS_AT) of pid, straight from its area. */
uint64_t greeting_counter(const struct greeting *greeting, pid_t pid, unsigned counter);

/* What a process says of a value (index as in shm/layout.h). */
struct hk_applied_view greeting_applied(const struct greeting *greeting, pid_t pid, unsigned index);

/* Index of the size class that serves size. */
unsigned greeting_class(const struct greeting *greeting, size_t size);

/* Changes values for the next greeting_publish(). */
void greeting_set(struct greeting *greeting, unsigned index, uint64_t value, uint32_t life_s);
void greeting_unset(struct greeting *greeting, unsigned index);

/* Publishes the values as a new generation, with a beat; returns its number. */
uint64_t greeting_publish(struct greeting *greeting);

/* A heartbeat, with what a living daemon says of itself. may_hello: HK_TUNING_MAY_HELLO. */
void greeting_beat(struct greeting *greeting, uint32_t expiry_ms, bool may_hello);

/* Gives a command; its number is what the process will acknowledge. */
uint64_t greeting_command_trim(struct greeting *greeting);
uint64_t greeting_command_flush(struct greeting *greeting);

#endif
