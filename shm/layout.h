/*
 * layout.h - the segment: two memfds per family, byte for byte.
 *
 *   counters memfd (written by the process, read by the daemon with pread)
 *   +------------------+ 0
 *   | header           |  magic, versions, sizes, where the tables are
 *   | size classes     |  uint32_t each
 *   | descriptors      |  one hk_desc for each counter and tunable
 *   +------------------+ dir_off (page)
 *   | directory        |  one 64-bit word for each cell: free, area or slot, and whose
 *   +------------------+ cells_off (page)
 *   | cells, 4 KiB     |  an *area* holds a process's counters and applied tuning,
 *   |                  |  a *slot* a heap's, with one row for each size class
 *   +------------------+
 *
 *   tuning memfd (written by the daemon, mapped read-only by the process)
 *   | hk_tuning_page   |  epoch, heartbeat, command words; values under a sequence lock
 *   | dead cells       |  uint16_t for each cell: claims whose process is known to be gone
 *
 * A process and the children it forked (a family) share both: a child claims cells in the mapping it
 * inherited. Readers find every field through the descriptors and trust no offset before
 * shm/reader.c has checked it. This file must not know who writes or reads.
 */
#ifndef HAKMEM_SHM_LAYOUT_H
#define HAKMEM_SHM_LAYOUT_H

#include <stdatomic.h>

#include "shm/base.h"

/* A different major is refused; a larger minor has fields a reader may skip. */
#define HK_ABI_MAJOR 1
#define HK_ABI_MINOR 0

#define HK_COUNTERS_MAGIC UINT64_C(0x0a74636d656d6b68) /* "hkmemct\n" in little endian */
#define HK_TUNING_MAGIC   UINT64_C(0x0a6e746d656d6b68) /* "hkmemtn\n" */
#define HK_ENDIAN_MARK    0x01020304u

#define HK_MAX_CLASSES   48
#define HK_MAX_CELLS     4096
#define HK_CELL_BYTES    4096
#define HK_NAME_BYTES    40
#define HK_CHOICES_BYTES 32
#define HK_COMM_BYTES    16
#define HK_LABEL_BYTES   64
#define HK_EXE_BYTES     512
#define HK_VERSION_BYTES 16

/* Cells hold no pointer and every word in them is one of these. */
typedef _Atomic(uint64_t) hk_au64;
typedef _Atomic(uint32_t) hk_au32;
typedef _Atomic(uint16_t) hk_au16;

enum hk_kind { HK_KIND_COUNTER = 1, HK_KIND_GAUGE = 2, HK_KIND_TUNABLE = 3 };

enum hk_scope {
    HK_SCOPE_CLASS = 1,
    HK_SCOPE_HEAP = 2,
    HK_SCOPE_PROCESS = 3,
    HK_SCOPE_TUNABLE = 4,
    HK_SCOPE_TUNABLE_PER_CLASS = 5,
};

enum hk_unit {
    HK_UNIT_NONE = 0,
    HK_UNIT_EVENTS = 1,
    HK_UNIT_BLOCKS = 2,
    HK_UNIT_BYTES = 3,
    HK_UNIT_NANOSECONDS = 4,
    HK_UNIT_ITEMS = 5,
    HK_UNIT_NUMBER = 6,
    HK_UNIT_PERCENT = 7,
    HK_UNIT_MILLISECONDS = 8,
};

enum hk_value_type { HK_TYPE_UINT = 1, HK_TYPE_CHOICE = 2 };

enum hk_effect { HK_EFFECT_NONE = 0, HK_EFFECT_SLOW_PATH = 1, HK_EFFECT_PURGE = 2, HK_EFFECT_OPEN = 3 };

/* ---- rows generated from the tables ---- */

#define HK_FIELD(name, ...) hk_au64 name;
#define HK_ONE(...)         +1

struct hk_class_row {
#define HK_CLASS_COUNTER HK_FIELD
#include "shm/counters.def"
};

struct hk_heap_row {
#define HK_HEAP_COUNTER HK_FIELD
#include "shm/counters.def"
};

struct hk_process_row {
#define HK_PROCESS_COUNTER HK_FIELD
#include "shm/counters.def"
};

enum {
    HK_CLASS_COUNTERS = 0
#define HK_CLASS_COUNTER HK_ONE
#include "shm/counters.def"
    ,
    HK_HEAP_COUNTERS = 0
#define HK_HEAP_COUNTER HK_ONE
#include "shm/counters.def"
    ,
    HK_PROCESS_COUNTERS = 0
#define HK_PROCESS_COUNTER HK_ONE
#include "shm/counters.def"
    ,
};

#define HK_ENUM_TUNABLE(name, ...)   HK_TUNE_##name,
#define HK_ENUM_PER_CLASS(name, ...) HK_TUNE_CLASS_##name,
enum hk_tunable_id {
#define HK_TUNABLE HK_ENUM_TUNABLE
#include "shm/tunables.def"
    HK_TUNABLES
};

enum hk_class_tunable_id {
#define HK_TUNABLE_PER_CLASS HK_ENUM_PER_CLASS
#include "shm/tunables.def"
    HK_CLASS_TUNABLES
};

/* One index space for values: the plain tunables, then HK_MAX_CLASSES for each per-class one. */
#define HK_VALUES (HK_TUNABLES + HK_CLASS_TUNABLES * HK_MAX_CLASSES)

HK_INLINE unsigned hk_class_value_index(enum hk_class_tunable_id id, unsigned size_class)
{
    return (unsigned)HK_TUNABLES + (unsigned)id * HK_MAX_CLASSES + size_class;
}

/* ---- counters memfd ---- */

struct hk_header {
    uint64_t magic;
    uint32_t endian;
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t header_bytes; /* this struct */
    uint32_t page_bytes;
    uint16_t pointer_bytes;
    uint16_t clock_id; /* of every *_ns value; CLOCK_MONOTONIC */
    uint32_t class_count;
    uint32_t class_off; /* uint32_t[class_count], bytes */
    uint32_t desc_count;
    uint32_t desc_bytes; /* stride; a newer hk_desc may be longer */
    uint32_t desc_off;
    uint32_t cell_count;
    uint32_t cell_bytes;
    uint32_t dir_off;     /* uint64_t[cell_count] */
    uint32_t cells_off;   /* cell_count * cell_bytes */
    uint32_t row_off;     /* of a slot's first class row in its cell */
    uint32_t row_bytes;   /* stride of class rows */
    uint32_t applied_off; /* of an area's first hk_applied in its cell */
    uint32_t applied_bytes;
    uint32_t value_count; /* of an area's hk_applied and a tuning page's entries */
    uint32_t max_classes; /* class rows in a slot; values for each per-class tunable */
    uint64_t segment_bytes;
    uint64_t created_ns;
    uint32_t root_pid; /* as the process sees itself */
    uint32_t reserved0;
    char version[HK_VERSION_BYTES]; /* of the library */
    hk_au32 cells_used;             /* cells at and above this were never claimed */
    uint32_t reserved[30];
};

/* A counter (offset: from the start of a slot, a class row or an area) or a tunable (offset: index of
 * its value, of its first value where it is per class). */
struct hk_desc {
    char name[HK_NAME_BYTES];
    char choices[HK_CHOICES_BYTES];
    uint8_t scope;
    uint8_t kind;
    uint8_t unit;
    uint8_t type;
    uint8_t effect;
    uint8_t reserved[3];
    uint32_t offset;
    uint32_t reserved2;
    uint64_t min;
    uint64_t max;
    uint64_t dflt;
};

/* Directory word: who holds a cell. A claim is one compare-and-swap from free, or from a claim that the
 * tuning memfd's dead table names, and counts the sequence up so that no two claims look alike. */
enum hk_cell_kind {
    HK_CELL_FREE = 0,
    HK_CELL_AREA = 1,
    HK_CELL_SLOT = 2,
    HK_CELL_CLAIMED = 3, /* being made ready: nothing to read yet */
};

#define HK_DIR_KIND(w) ((unsigned)((w)&3))
#define HK_DIR_AREA(w) ((unsigned)(((w) >> 2) & 0x3fff))
#define HK_DIR_SEQ(w)  ((uint16_t)((w) >> 16))
#define HK_DIR_PID(w)  ((uint32_t)((w) >> 32))
#define HK_DIR_WORD(kind, area, seq, pid)                                                                    \
    ((uint64_t)(kind) | (uint64_t)(area) << 2 | (uint64_t)(uint16_t)(seq) << 16 | (uint64_t)(pid) << 32)

/* Where a value in force came from. A higher source wins over a lower one. */
enum hk_source {
    HK_SOURCE_DEFAULT = 0,
    HK_SOURCE_FILE = 1,        /* /etc/hakmem/tune */
    HK_SOURCE_ENVIRONMENT = 2, /* HAKMEM_TUNE */
    HK_SOURCE_PROGRAM = 3,     /* hakmem_tune() */
    HK_SOURCE_POLICY = 4,      /* hakmemd's policies */
    HK_SOURCE_AUTOTUNE = 5,
    HK_SOURCE_OPERATOR = 6, /* tune.set */
    HK_SOURCES
};

enum hk_verdict {
    HK_VERDICT_NONE = 0,
    HK_VERDICT_APPLIED = 1,
    HK_VERDICT_CLAMPED = 2, /* out of range here: the nearest bound is in force */
    HK_VERDICT_UNKNOWN = 3, /* no such size class or choice in this library */
    HK_VERDICT_LAPSED = 4,  /* its daemon fell silent: the process's own value is in force */
    HK_VERDICT_FIXED = 5,   /* decided at the program's start, and stays as it is */
    HK_VERDICTS
};

/* What the process says of one value. effective differs from value where another limit bounds it. */
struct hk_applied {
    hk_au64 value;
    hk_au64 effective;
    hk_au64 generation; /* that brought it; 0: the process's own */
    hk_au32 life_s;     /* as the tuning page said when it was applied; 0: until reset */
    hk_au16 source;
    hk_au16 verdict;
};

enum hk_area_flag {
    HK_AREA_EXITED = 1,  /* left by exit(): totals are exact */
    HK_AREA_PRIVATE = 2, /* its heaps found no slots: totals are incomplete */
};

/* First cells of an area and a slot: stamp changes with every store that follows, so that a reader
 * who finds it unmoved can skip the rest. */
struct hk_area {
    hk_au64 stamp;
    hk_au32 pid;
    hk_au32 parent_pid;
    hk_au64 claimed_ns;
    hk_au32 flags; /* enum hk_area_flag */
    hk_au32 reserved0;
    /* Last command carried out, by number, and what the last trim gave back. */
    hk_au64 trim_done;
    hk_au64 flush_done;
    hk_au64 trim_released_bytes;
    char comm[HK_COMM_BYTES];
    char label[HK_LABEL_BYTES];
    struct hk_process_row counters;
    struct hk_applied applied[HK_VALUES];
};

enum hk_slot_state { HK_SLOT_UNUSED = 0, HK_SLOT_LIVE = 1, HK_SLOT_POOLED = 2, HK_SLOT_SHARED = 3 };

struct hk_slot {
    hk_au64 stamp;
    hk_au32 area; /* cell of the process it belongs to */
    hk_au32 state;
    hk_au32 heap_id;
    hk_au32 tid; /* of the thread that holds the heap; 0 where unknown */
    struct hk_heap_row counters;
    hk_au64 reserved[10];
    struct hk_class_row rows[HK_MAX_CLASSES];
};

HK_STATIC_ASSERT(sizeof(hk_au64) == 8 && sizeof(hk_au32) == 4 && sizeof(hk_au16) == 2,
                 "atomics in the segment are their plain types to other readers");
HK_STATIC_ASSERT(sizeof(struct hk_header) == 256, "the header is part of the ABI");
HK_STATIC_ASSERT(sizeof(struct hk_desc) == 112, "descriptors are part of the ABI");
HK_STATIC_ASSERT(sizeof(struct hk_applied) == 32, "applied values are part of the ABI");
HK_STATIC_ASSERT(sizeof(struct hk_area) <= HK_CELL_BYTES, "an area must fit its cell");
HK_STATIC_ASSERT(sizeof(struct hk_slot) <= HK_CELL_BYTES, "a slot must fit its cell");
HK_STATIC_ASSERT(offsetof(struct hk_area, stamp) == 0 && offsetof(struct hk_slot, stamp) == 0,
                 "readers look for the stamp in a cell's first word");

/* ---- tuning memfd ---- */

enum hk_tuning_flag { HK_TUNING_MAY_HELLO = 1 }; /* no filter forbids the process a later hello */

enum hk_entry_flag { HK_ENTRY_SET = 1 };

struct hk_tuning_entry {
    hk_au64 value;
    hk_au32 life_s; /* what remains of it when written; 0: until reset */
    hk_au16 source; /* enum hk_source */
    hk_au16 flags;  /* enum hk_entry_flag */
};

struct hk_tuning_page {
    uint64_t magic; /* written by the process that made the memfd */
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t value_count;
    hk_au64 epoch;     /* counts up with each change below: the one word a slow path looks at */
    hk_au64 heartbeat; /* counts up while the daemon lives; the process measures its age itself */
    hk_au32 expiry_ms; /* values lapse when the heartbeat stands still longer than this */
    hk_au32 flags;     /* enum hk_tuning_flag */
    hk_au64 trim_command;
    hk_au64 flush_command;
    hk_au64 reserved[8];
    hk_au32 sequence; /* odd while generation and entries are being written */
    uint32_t reserved1;
    hk_au64 generation;
    struct hk_tuning_entry entries[HK_VALUES];
};

#define HK_TUNING_DEAD_OFF 4096u /* hk_au16[HK_MAX_CELLS]: sequence of a claim that died; 0: none */
#define HK_TUNING_BYTES    (HK_TUNING_DEAD_OFF + HK_MAX_CELLS * 2u)

HK_STATIC_ASSERT(sizeof(struct hk_tuning_entry) == 16, "tuning entries are part of the ABI");
HK_STATIC_ASSERT(sizeof(struct hk_tuning_page) <= HK_TUNING_DEAD_OFF,
                 "the page must fit before the dead table");

/* ---- hello ---- */

#define HK_HELLO_MAGIC UINT64_C(0x0a6f686d656d6b68) /* "hkmemho\n" */

enum hk_hello_flag {
    HK_HELLO_REPEATED = 1,
    HK_HELLO_CHILD = 2
}; /* CHILD: root_pid is the ancestor that made the first segment */

/* One SOCK_SEQPACKET message with two descriptors: counters, then tuning. Strings end in a NUL; all of
 * it is claimed, not verified. */
struct hk_hello {
    uint64_t magic;
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t bytes; /* this struct */
    uint32_t pid;   /* as the process sees itself */
    uint32_t root_pid;
    uint32_t flags; /* enum hk_hello_flag */
    uint32_t reserved;
    char version[HK_VERSION_BYTES];
    char comm[HK_COMM_BYTES];
    char label[HK_LABEL_BYTES];
    char exe[HK_EXE_BYTES];
};

HK_STATIC_ASSERT(sizeof(struct hk_hello) == 640, "the hello is part of the ABI");

#define HK_HELLO_SOCKET   "hello"
#define HK_CONTROL_SOCKET "control"

#endif
