/*
 * heap.h - a thread's heap: its bins, and the slow half of its state.
 *
 * A bin caches blocks of one size class in an array of places: free puts one on top, malloc takes the top
 * one, so the block that was used last is used next. Below the oldest block is a place that is always empty,
 * which is how malloc notices that there is none. Nothing is written into free blocks, nor read from them.
 *
 * free counts down the room it has; when that runs out, or the blocks, the slow path knows from it how many
 * were put and from the top how many are there: totals are exact, and malloc need not count.
 *
 * Only the thread that holds a heap touches its bins. Totals are written by that thread and read by any
 * (mallinfo2, a thread that makes a segment): relaxed atomics. Heaps are pooled when a thread ends and
 * never destroyed; they live in the window's tables, so an id is an address.
 */
#ifndef HAKMEM_LIB_HEAP_HEAP_H
#define HAKMEM_LIB_HEAP_HEAP_H

#include "lib/arena/arena.h"

struct hk_bin {
    uint32_t top;  /* the place above the newest block, as an offset from the heap */
    uint32_t room; /* blocks that may still be put; 0 sends free() to the slow path */
};

HK_STATIC_ASSERT(sizeof(struct hk_bin) == 1 << HK_BIN_SHIFT, "bin offsets are multiples of a bin's size");

/* What the slow path keeps about a bin. */
struct hk_bin_state {
    uint32_t current;  /* slab owned for refills, + 1 */
    uint32_t bottom;   /* the lowest place, as an offset from the heap; the one below is always empty */
    uint16_t capacity; /* blocks that there are places for above it; 0: never used, nothing here is set */
    uint16_t given;    /* room when the bin was last accounted for: that less room have been put since */
    uint16_t listed;   /* blocks it had at that time */
    uint16_t limit;    /* blocks it may have: grows when overflows and refills alternate */
    uint16_t passes;   /* overflows since anything was allocated in between */
    uint16_t fill;     /* blocks the next refill takes: doubles up to the batch */
    uint32_t refills_at_overflow;
    uint64_t allocs_at_overflow;
};

/* Blocks that a bin has places for before it has proved that it needs more. */
#define HK_FIRST_CAPACITY 16

/* All that the slow path needs of a class lies together: a thread of little use touches few pages. */
struct hk_heap_class {
    struct hk_bin_state state;
    struct hk_class_row totals;
    void *places[1 + HK_FIRST_CAPACITY];
};

struct hk_heap {
    struct hk_bin bins[HK_CLASSES + 1]; /* bin 0 never has room; all zero, it is an empty place too */
    uint32_t id;
    uint32_t busy;  /* slab being refilled from, + 1: what a forked child must repair */
    uint64_t epoch; /* of the process (lib/tuning/control.h) that this heap has acted upon */
    uint64_t flush_seen;
    struct hk_slot *slot; /* in the segment; NULL where it has none */
    bool summed;          /* lib/publish/publish.c: it is part of the slot of heaps without one */
    uint32_t slot_epoch;  /* lib/publish/publish.c: slots of an earlier epoch belong to the parent process */
    bool suspect;         /* its thread did not survive a fork: bins must be counted anew */
    hk_au64 cache_bytes;  /* in bins, as far as learned */
    uint64_t room_bytes;  /* that may be pushed onto bins before anybody looks */
    hk_au64 generation_seen;
    hk_au64 attaches;
    struct hk_heap_class classes[HK_CLASSES];
};

/* Bins lie away from the beginnings of pages, where blocks and meta words are: a load whose address has the
 * same low twelve bits as a store before it waits for that (measured: pairs of 16 bytes at 9.3 ns in half of
 * all runs, at 5.4 ns in all since). */
#define HK_HEAP_STRIDE 16384
#define HK_HEAP_OFFSET 0x840
HK_STATIC_ASSERT(HK_HEAP_OFFSET + sizeof(struct hk_heap) <= HK_HEAP_STRIDE, "heaps lie a stride apart");
HK_STATIC_ASSERT(offsetof(struct hk_heap, bins) == 0, "bin offsets are counted from the heap");

/* The top of a bin that was never used: bin 0 is the empty place below it. */
#define HK_EMPTY_TOP ((uint32_t)sizeof(void *))

/* The heap of a thread that has none yet: nothing to pop, no room to push, never written. */
extern const struct hk_heap hk_empty_heap HK_HIDDEN;
#define HK_EMPTY_HEAP ((struct hk_heap *)(uintptr_t)&hk_empty_heap)

/* Initial-exec, so that reaching it is one load off the thread pointer and never calls malloc. */
extern __thread struct hk_heap *hk_tls_heap __attribute__((tls_model("initial-exec"), visibility("hidden")));

HK_INLINE struct hk_heap *hk_heap_at(unsigned id)
{
    return (struct hk_heap *)(hk_arena_base() - HK_HEAPS_BELOW + (size_t)id * HK_HEAP_STRIDE +
                              HK_HEAP_OFFSET);
}

HK_INLINE struct hk_bin *hk_bin_of(struct hk_heap *heap, unsigned size_class)
{
    return &heap->bins[size_class + 1];
}

HK_INLINE void **hk_place(struct hk_heap *heap, size_t offset)
{
    return (void **)((char *)heap + offset);
}

/* Blocks in a bin. */
HK_INLINE unsigned hk_bin_length(struct hk_heap *heap, unsigned size_class)
{
    const struct hk_bin_state *st = &heap->classes[size_class].state;
    if (HK_UNLIKELY(st->capacity == 0))
        return 0;
    return (hk_bin_of(heap, size_class)->top - st->bottom) / (unsigned)sizeof(void *);
}

/* The next two are written so that gcc spends no instruction too many on the hot path. */
#if defined(__x86_64__)
#define HK_RESULT(block, top) __asm__("" : "+a"(block), "+r"(top)) /* in the register that returns it */
#define HK_IN_MEMORY(word)    __asm__("" : "+m"(word))             /* added to where it is */
#else
#define HK_RESULT(block, top) ((void)0)
#define HK_IN_MEMORY(word)    ((void)0)
#endif

/* Takes the newest block out of a bin; NULL if it has none. */
HK_INLINE void *hk_bin_pop(struct hk_heap *heap, struct hk_bin *bin)
{
    size_t top = bin->top;
    void *block = hk_place(heap, top)[-1];
    top -= sizeof block;
    HK_RESULT(block, top);
    if (HK_LIKELY(block != NULL))
        bin->top = (uint32_t)top;
    return block;
}

/* Puts a block into a bin that has room, but for counting it. The place is written first: a process forked in
 * between must not find an older block there. */
HK_INLINE void hk_bin_push(struct hk_heap *heap, struct hk_bin *bin, void *block)
{
    *hk_place(heap, bin->top) = block;
    atomic_signal_fence(memory_order_release);
    HK_IN_MEMORY(bin->top);
    bin->top += (uint32_t)sizeof block;
}

/* The calling thread's heap, attached if need be. NULL in a thread past its last destructor (late mode) and
 * where there is no memory for one. Keeps errno. */
struct hk_heap *hk_heap_get(void);

/* The calling thread's heap as it is: NULL if it has none, or has not used it since it was forked. */
struct hk_heap *hk_heap_own(void);

/* The heap that threads in late mode share, locked; NULL without memory. Returned by hk_heap_late_drop. */
struct hk_heap *hk_heap_late_take(void);
void hk_heap_late_drop(void);

enum hk_heap_state {
    HK_HEAP_NONE = 0,
    HK_HEAP_LIVE = 1,
    HK_HEAP_POOLED = 2,
    HK_HEAP_LOST = 3,
    HK_HEAP_SHARED = 4
};

/* By id; and how many heaps were made. */
extern _Atomic(uint8_t) hk_heap_states[HK_MAX_HEAPS + 1] HK_HIDDEN;
extern hk_au32 hk_heaps_made HK_HIDDEN;

/* From a thread's pointer (fs on x86-64, tpidr_el0 on aarch64) to the word that points to its heap, in every
 * thread. For debuggers. */
intptr_t hk_heap_from_thread(void);

/* Heaps ever made: ids 1..this. */
unsigned hk_heap_count(void);

/* Whether heap id is one whose totals count: ever attached. */
bool hk_heap_used(unsigned id);

/* Whether a thread holds it. */
bool hk_heap_live(unsigned id);

/* Heaps that a thread holds and that have not seen a generation. */
unsigned hk_heaps_behind(uint64_t generation);

/* Creates what threads need to give their heaps back. Called once at start. */
void hk_heap_init(void);

/* In a forked child: the heaps of threads that are not here go to the pool; the caller keeps its own, and
 * comes by hk_heap_get() at its next malloc or free, whatever its bins hold. */
void hk_heap_after_fork(void);

#endif
