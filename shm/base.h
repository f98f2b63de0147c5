/*
 * base.h - compiler vocabulary shared by every floor.
 *
 * Knows nothing of hakmem: only attributes, branch hints and layout assertions.
 */
#ifndef HAKMEM_SHM_BASE_H
#define HAKMEM_SHM_BASE_H

#include <stddef.h>
#include <stdint.h>

#define HK_LIKELY(x)   __builtin_expect(!!(x), 1)
#define HK_UNLIKELY(x) __builtin_expect(!!(x), 0)

#define HK_NOINLINE __attribute__((noinline))
#define HK_COLD     __attribute__((cold, noinline))
#define HK_INLINE   static inline __attribute__((always_inline))
#define HK_EXPORT   __attribute__((visibility("default")))
/* On declarations of what is shared between our own files: else each use goes through a table. */
#define HK_HIDDEN       __attribute__((visibility("hidden")))
#define HK_ALIGNED(n)   __attribute__((aligned(n)))
#define HK_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* An array of characters that no NUL ends. Compilers that know it do not warn of that. */
#if __has_attribute(nonstring)
#define HK_NONSTRING __attribute__((nonstring))
#else
#define HK_NONSTRING
#endif

/* The consequence of a broken assertion belongs in the message. */
#define HK_STATIC_ASSERT(cond, consequence) _Static_assert(cond, consequence)

/* 64 bytes on every x86-64 and on the aarch64 cores in servers; where it is 128, neighbours share a
 * line, which costs speed and nothing else. */
#define HK_CACHE_LINE 64

#define HK_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define HK_KIB ((uint64_t)1 << 10)
#define HK_MIB ((uint64_t)1 << 20)
#define HK_GIB ((uint64_t)1 << 30)
#define HK_TIB ((uint64_t)1 << 40)

#endif
