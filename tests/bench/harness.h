/*
 * harness.h - what every benchmark program does the same way: clock, pinning, memory figures, proof of
 * which allocator serves it, and one JSON line at the end.
 *
 * Programs must not allocate between bench_start() and the end of what they measure, except what they
 * measure. The harness itself never allocates with malloc in that time.
 */
#ifndef HAKMEM_TESTS_BENCH_HARNESS_H
#define HAKMEM_TESTS_BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Keeps the compiler from knowing what becomes of a pointer, so that no allocation is optimised away. */
#define BENCH_ESCAPE(p) __asm__ volatile("" : : "g"(p) : "memory")

/* What a program measured. */
struct bench_result {
    const char *name;  /* of the program */
    uint64_t ops;      /* mallocs plus frees, or what the program says it counts */
    uint64_t ns;       /* wall time for them */
    uint64_t floor_ns; /* wall time for the same loop with malloc and free replaced; 0: not measured */
    uint64_t live_kib; /* most that the program held at a time, as asked for; 0: not counted */
};

/* Memory at some moment, KiB, from /proc/self/status, less what bench_pages() has handed out: that is the
 * harness's own, and resident from its first moment. */
struct bench_memory {
    uint64_t peak_kib; /* VmHWM */
    uint64_t rss_kib;  /* VmRSS */
};

/*
 * Proves which allocator serves this process and compares it with what BENCH_EXPECT names ("libc", or
 * the path of the library). Where they differ it says so and exits with status 3: figures of one
 * allocator are never reported as another's. Call it first, before any thread.
 */
void bench_start(void);

/*
 * Runs work() in as many threads at once, the i-th with args + i * arg_size, pinned to the i-th processor.
 * Returns the time from the first one's start to the last one's end, in ns; none starts before all are
 * there. One thread is the caller's own.
 */
uint64_t bench_parallel(unsigned threads, void (*work)(void *arg), void *args, size_t arg_size);

/* Pins the calling thread to the index-th processor it may use, in their order (modulo their number).
 * BENCH_CPU (a number) is added to index. */
void bench_pin(unsigned index);

uint64_t bench_now_ns(void);
struct bench_memory bench_memory(void);

/* xorshift64*: the high bits are good. State must not be 0. */
static inline uint64_t bench_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

/* A size of min .. min + range - 1 bytes out of the upper half of a random number. */
static inline size_t bench_size(size_t min, size_t range, uint64_t random)
{
    return min + (size_t)(((random >> 32) * range) >> 32);
}

/* Writes what every program that uses its memory writes at least. */
static inline void bench_touch(char *block, size_t size)
{
    block[0] = 1;
    block[size - 1] = 1;
}

/* A block of size bytes (1 and more), touched; without memory the program ends. */
static inline char *bench_block(size_t size)
{
    char *block = (char *)malloc(size);
    if (!block)
        abort();
    bench_touch(block, size);
    return block;
}

/* Memory that comes straight from the kernel, touched, for the harness's own tables; exits where there is
 * none. */
void *bench_pages(size_t bytes);

/* A number of a command line, 1..max; exits with a message naming what otherwise. */
uint64_t bench_number(const char *text, const char *what, uint64_t max);

/* MIN and MAX of a command line, as min and range; exits with a message where they are no such pair. */
void bench_range(char **arguments, uint64_t limit, size_t *min, size_t *range);

/* Prints the result: one JSON line on standard output. memory was read when the program had freed all its
 * blocks, unless it says otherwise, and before the floor was measured. */
void bench_report(const struct bench_result *result, struct bench_memory memory);

#ifdef __cplusplus
}
#endif

#endif
