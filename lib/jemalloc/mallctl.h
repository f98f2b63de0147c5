/*
 * mallctl.h - jemalloc's questions and settings (mallctl, malloc_stats_print), answered with this allocator's
 * figures.
 *
 * lib/jemalloc/mallctl.def lists every name. Of it are made the table that names are looked up in, the
 * answers, the JSON document and the manual's table. Nothing here allocates, and no other file of the library
 * asks for anything here but for hk_ctl_after_fork(). The table holds no addresses: a process that never asks
 * pays nothing for it.
 */
#ifndef HAKMEM_LIB_JEMALLOC_MALLCTL_H
#define HAKMEM_LIB_JEMALLOC_MALLCTL_H

#include <stdbool.h>

#include "lib/heap/totals.h"

/* The most that a block may have: addresses end there. */
#define HK_CTL_LARGEST HK_WINDOW_BYTES

/* The version of jemalloc whose manual is followed, and whose answers these are. */
#define HK_CTL_VERSION "5.3.0-hakmem-" HAKMEM_VERSION

/* Indexes of arenas that stand for all of them, and for those that were destroyed. */
#define HK_CTL_ALL       4096
#define HK_CTL_DESTROYED 4097

/* Components of the longest name, and its integers. */
#define HK_CTL_DEPTH   6
#define HK_CTL_INDEXES 2

/* What is read and written, as C has it. STRING: const char *. HOOKS and BLOCK: an unsigned is read and a
 * pointer written. NOTHING: the name is an order. */
enum hk_ctl_type {
    HK_CTL_BOOL,
    HK_CTL_UNSIGNED,
    HK_CTL_U32,
    HK_CTL_SIZE,
    HK_CTL_SSIZE,
    HK_CTL_U64,
    HK_CTL_STRING,
    HK_CTL_HOOKS,
    HK_CTL_BLOCK,
    HK_CTL_NOTHING,
};

/* R, W: what may be done. NEW: what is read is what holds after the write, not before. MAKES: reading changes
 * something, and is refused where there is no room for the answer. */
enum hk_ctl_access {
    HK_CTL_R = 1,
    HK_CTL_W = 2,
    HK_CTL_NEW = 4,
    HK_CTL_MAKES = 8,
    HK_CTL_RW = HK_CTL_R | HK_CTL_W,
    HK_CTL_DO = 0,
};

struct hk_ctl_row {
    char name[42]; /* integers written as # */
    uint8_t type, access;
};

enum {
    HK_CTL_ROWS = 0
#define HK_CTL(...) +1
#include "lib/jemalloc/mallctl.def"
};

extern const struct hk_ctl_row hk_ctl_rows[HK_CTL_ROWS] HK_HIDDEN;

/* ---- figures as of one moment ---- */

/* Of a size class; or of big, of huge blocks, which have no bins: what concerns bins is 0 there. */
struct hk_ctl_class {
    uint64_t made, gone;      /* blocks that left slabs and came back */
    uint64_t requests;        /* blocks handed to the program */
    uint64_t live;            /* in the program's hands */
    uint64_t fills, flushes;  /* of bins */
    uint64_t slabs, in_slabs; /* slabs ever made; that there are */
};

enum { HK_CTL_BIG, HK_CTL_HUGE, HK_CTL_LARGE };

struct hk_ctl_figures {
    uint64_t epoch;
    struct hk_figures all;
    uint64_t active, metadata, dirty, unbacked; /* bytes */
    uint64_t small_bytes, large_bytes;          /* live */
    uint64_t purges, advices, purged_bytes;
    struct hk_ctl_class small, large; /* sums */
    struct hk_ctl_class bins[HK_CLASSES], larges[HK_CTL_LARGE];
};

/* The last figures, taken now if there are none, under a lock that hk_ctl_done() drops. */
const struct hk_ctl_figures *hk_ctl_look(void);
void hk_ctl_done(void);

/* Takes new ones. */
void hk_ctl_refresh(void);

/* In a forked child: lock free again. */
void hk_ctl_after_fork(void);
void hk_ctl_acts_after_fork(void);

/* ---- one name ---- */

/* Whose value is asked for: the integers of the name, in their order. */
struct hk_ctl {
    const struct hk_ctl_figures *s; /* while a value is read */
    unsigned row, index[HK_CTL_INDEXES];
};

/* Bytes of the type's value. */
size_t hk_ctl_bytes(unsigned type);

/* Whether an integer may stand in a row's place number `part`. */
bool hk_ctl_index_is_valid(unsigned row, unsigned part, size_t index);

/* The value, a pointer for a STRING. Under hk_ctl_look(), whose figures c has. */
uint64_t hk_ctl_get(const struct hk_ctl *c);

/* Reads what is MADE: 0 and *made, or an errno. block: what is asked about, or the hooks of an arena. */
int hk_ctl_make(const struct hk_ctl *c, const void *block, unsigned *made);

/* Sets a value, carries an order out: 0 or an errno. */
int hk_ctl_set(const struct hk_ctl *c, uint64_t value);

/* ---- arenas, caches and settings that a program may name (lib/jemalloc/mallctl_acts.c) ---- */

/* Arenas that there ever were: ours, and numbers that were given out. */
unsigned hk_ctl_arenas(void);
bool hk_ctl_arena_lives(unsigned index);
unsigned hk_ctl_thread_arena(void);
bool hk_ctl_thread_caches(void);
bool hk_ctl_background(void);
uint64_t hk_ctl_background_threads(void);
int64_t hk_ctl_decay(bool muzzy, bool of_new);

int hk_ctl_make_id(bool arena, unsigned *made);
int hk_ctl_set_thread_arena(uint64_t index);
int hk_ctl_set_thread_caches(uint64_t on);
int hk_ctl_set_background(uint64_t on);
int hk_ctl_set_background_threads(uint64_t most);
int hk_ctl_set_decay(unsigned arena, bool muzzy, bool of_new, uint64_t ms);
int hk_ctl_set_dss(uint64_t text);
int hk_ctl_flush_cache(uint64_t id);
int hk_ctl_drop_cache(uint64_t id);
int hk_ctl_flush_thread(void);
int hk_ctl_idle(void);
int hk_ctl_purge(void);
int hk_ctl_decay_now(void);
int hk_ctl_destroy(unsigned arena);

#endif
