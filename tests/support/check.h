/*
 * check.h - what plain test programs use: a check that ends the program, a skip, polling, memory figures.
 *
 * Works where there is no memory to be had: nothing here allocates. Thread-safe.
 */
#ifndef HAKMEM_TESTS_SUPPORT_CHECK_H
#define HAKMEM_TESTS_SUPPORT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shm/base.h"

/* CHECK(cond, "format", ...): ends the program with status 1 and a line that says where and why. */
#define CHECK(cond, ...)                                                                                     \
    do {                                                                                                     \
        if (!(cond))                                                                                         \
            check_failed(__FILE__, __LINE__, #cond, __VA_ARGS__);                                            \
    } while (0)

_Noreturn void check_failed(const char *file, int line, const char *what, const char *format, ...)
    HK_PRINTF(4, 5);

/* Where it is set, a check that fails calls this with its line, in place of ending the program; it must not
 * return. See cmocka_check.h. */
extern void (*check_instead)(const char *line);

/* Ends the program with status 77, which ctest shows as skipped, and a line that says why. */
_Noreturn void check_skip(const char *format, ...) HK_PRINTF(1, 2);

/* POLL_UNTIL(cond): tries again every millisecond; false after a time that only a hang reaches (60 s). */
#define POLL_UNTIL(cond)                                                                                     \
    ({                                                                                                       \
        struct check_poll poll_state = {0};                                                                  \
        bool holds;                                                                                          \
        while (!(holds = (cond)) && check_poll_again(&poll_state))                                           \
            ;                                                                                                \
        holds;                                                                                               \
    })

struct check_poll {
    uint64_t start_ns;
};

bool check_poll_again(struct check_poll *state);

uint64_t check_now_ns(void);

/* Resident bytes of a process (0: the caller), exact at this moment, without a call to any allocator. Ends
 * the program where /proc cannot say. */
size_t check_rss_bytes(pid_t pid);

/* A number from a line "key:   123 kB" of a file in /proc, in bytes where it says kB; -1 if there is none. */
long long check_proc_field(const char *path, const char *key);

/* Lets the compiler know nothing of a value: sizes and pointers that it would warn of stay as they are. */
HK_INLINE size_t check_hidden_size(size_t n)
{
    __asm__ volatile("" : "+r"(n));
    return n;
}

HK_INLINE void *check_hidden_pointer(void *p)
{
    __asm__ volatile("" : "+r"(p));
    return p;
}

#endif
