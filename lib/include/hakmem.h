/*
 * hakmem.h - what a program may ask of the allocator it runs on. All of it is optional.
 *
 * Programs that must also run without hakmem declare what they use weak, or look it up with dlsym().
 * All functions are thread-safe and not async-signal-safe.
 */
#ifndef HAKMEM_H
#define HAKMEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The library's version, "MAJOR.MINOR.PATCH". Never NULL; constant. */
const char *hakmem_version(void);

/* The process's figures, in bytes and blocks. The calling thread's own are exact, those of other running
 * threads may lag by a bin's worth. Later versions add members at the end. */
struct hakmem_snapshot {
    uint64_t mapped_bytes;   /* addresses mapped for blocks */
    uint64_t live_bytes;     /* in the program's hands, rounded to size classes and pages */
    uint64_t bin_bytes;      /* cached by threads */
    uint64_t partial_bytes;  /* in partly used slabs */
    uint64_t retained_bytes; /* free, kept for reuse */
    uint64_t live_blocks;
    uint64_t allocs_total;
    uint64_t frees_total;
};

/* Fills the first `size` bytes of *out (sizeof *out of the caller's header) and zeroes what this version does
 * not know. Returns 0, or EINVAL where out is NULL. */
int hakmem_snapshot(struct hakmem_snapshot *out, size_t size);

/* Sets a tunable of this process, as HAKMEM_TUNE would: hakmem_tune("retain_bytes", "64MiB"). A daemon's
 * value for it wins. Returns 0; ENOENT for no such tunable or size class, EINVAL for what is no value,
 * ERANGE for one out of range (the range is in the manual's table). */
int hakmem_tune(const char *name, const char *value);

/* Names the process for selectors and policies (hakmemctl --label); at most 63 bytes count. NULL: no label.
 */
void hakmem_label(const char *label);

/* Gives all free memory but keep bytes back to the system; other threads' caches follow when they next need
 * more memory. Returns the bytes given back at once. */
size_t hakmem_trim(size_t keep);

/* The calling thread will wait for long (for work, say): the blocks in its cache go to whoever needs memory,
 * and pages that this sets free beyond what is retained go back to the system. Its next allocations begin
 * anew. Costs some microseconds; nothing where the thread's cache is empty. */
void hakmem_thread_idle(void);

#ifdef __cplusplus
}
#endif

#endif
