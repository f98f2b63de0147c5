/*
 * tuning_requests.h - what is wanted of a family's tunables, by source, and which source wins.
 *
 * Times are given, never read: pure.
 */
#ifndef HAKMEM_DAEMON_TUNING_TUNING_REQUESTS_H
#define HAKMEM_DAEMON_TUNING_TUNING_REQUESTS_H

#include "shm/reader.h"
#include "shm/tuning_page.h"

/* The sources that the daemon writes; a higher one wins. */
enum { HK_STEER_POLICY, HK_STEER_AUTOTUNE, HK_STEER_OPERATOR, HK_STEERS };

struct hk_wish {
    uint64_t value;
    uint64_t expires_ns; /* 0: never */
    bool set;
};

struct hk_tune_table {
    struct hk_wish wishes[HK_VALUES][HK_STEERS];
    uint64_t soonest_ns; /* nothing lapses before this; 0: nothing ever does */
};

/* HK_SOURCE_POLICY and so on for a steer. */
unsigned hk_steer_source(unsigned steer);

void hk_tune_set(struct hk_tune_table *table, unsigned index, unsigned steer, uint64_t value,
                 uint64_t expires_ns);

/* Returns whether it was set. */
bool hk_tune_clear(struct hk_tune_table *table, unsigned index, unsigned steer);

/* Puts one steer's wishes in from in place of those in to. */
void hk_tune_copy(struct hk_tune_table *to, const struct hk_tune_table *from, unsigned steer);

/* The steer that wins, -1 if the value is left to the process. */
int hk_tune_winner(const struct hk_tune_table *table, unsigned index);

/* Drops what has lapsed; returns whether anything had. */
bool hk_tune_lapse(struct hk_tune_table *table, uint64_t now_ns);

/* Seconds that remain, rounded up; 0: without end. */
uint32_t hk_wish_remaining_s(const struct hk_wish *wish, uint64_t now_ns);

/* The winners as entries of a tuning page, by the segment's own indices. Values that the library has
 * not are left out. Sets values only. */
void hk_tune_fill(const struct hk_tune_table *table, const struct hk_reader *reader, uint64_t now_ns,
                  struct hk_tuning_copy *out);

/* Takes an operator's wishes back from what a page says, or from what a process says was in force before
 * its last daemon fell silent, or still is. Nothing is clamped: what is out of bounds or says something
 * else is left. */
void hk_tune_adopt_page(struct hk_tune_table *table, const struct hk_reader *reader,
                        const struct hk_tuning_copy *copy, uint64_t now_ns);
void hk_tune_adopt_applied(struct hk_tune_table *table, const struct hk_area_view *area, uint64_t now_ns);

#endif
