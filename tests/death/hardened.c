/*
 * hardened.c - one misuse a run that HAKMEM_HARDEN catches, which is to be the program's end.
 *
 * usage: hardened [NAME [LEVEL]]     without one: names, what is to be said, the mode that catches it, and
 * the signal; LEVEL: of the tunable harden, in place of HAKMEM_HARDEN
 *
 * Prints the pointer that it is about, then misuses it. Ends with status 3 where nobody noticed.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

#define SMALL 60
#define BIG   100000

void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size);
#pragma weak free_sized
#pragma weak free_aligned_sized

/* C++'s sized delete, under its mangled name. */
void _ZdlPvm(void *p, size_t size);
#pragma weak _ZdlPvm

/* Through this the compiler knows nothing of what is passed. */
static void *about(const void *p)
{
    char line[32];
    int n = snprintf(line, sizeof line, "%#lx\n", (unsigned long)p);
    if (write(STDOUT_FILENO, line, (size_t)n) != n)
        _exit(4);
    return check_hidden_pointer((void *)(uintptr_t)p);
}

static void *block(size_t size)
{
    void *p = malloc(size);
    CHECK(p != NULL, "no memory");
    memset(p, 1, size);
    return about(p);
}

/* ---- freed twice: at once ---- */

static void twice_small(void)
{
    void *p = block(SMALL);
    free(p);
    free(p);
}

static void twice_big(void)
{
    void *p = block(BIG);
    free(p);
    free(p);
}

/* After so many others that it waits no longer. */
static void twice_long_after(void)
{
    void *p = block(SMALL);
    free(p);
    for (unsigned i = 0; i < 100; i++)
        free(malloc(SMALL + 40000));
    free(p);
}

static void *free_it(void *p)
{
    free(p);
    return NULL;
}

static void twice_by_another_thread(void)
{
    pthread_t thread;
    void *p = block(SMALL);
    free(p);
    CHECK(pthread_create(&thread, NULL, free_it, p) == 0, "no thread");
    pthread_join(thread, NULL);
}

static void twice_in_a_child(void)
{
    int status = 0;
    void *p = block(SMALL);
    free(p);
    if (fork() == 0) {
        free(p);
        _exit(3);
    }
    wait(&status);
    if (WIFSIGNALED(status))
        abort();
}

static void free_never_allocated(void)
{
    char *p = malloc(SMALL);
    free(about(p + 64 * 100));
}

static void free_inside(void)
{
    char *p = malloc(SMALL);
    free(about(p + 16));
}

static void realloc_freed(void)
{
    void *p = block(SMALL);
    free(p);
    free(realloc(p, 1000));
}

static void usable_freed(void)
{
    void *p = block(SMALL);
    free(p);
    (void)malloc_usable_size(p);
}

/* ---- behind the end ---- */

static void overflow_by_one(void)
{
    char *p = block(SMALL);
    p[SMALL] = 'x';
    free(p);
}

static void overflow_by_a_zero(void)
{
    char *p = block(SMALL);
    p[SMALL] = '\0';
    free(p);
}

/* A class ends where the block does. */
static void overflow_of_a_full_class(void)
{
    char *p = block(64);
    p[64] = '\0';
    free(p);
}

static void overflow_of_nothing(void)
{
    char *p = about(malloc(0));
    p[0] = '\0';
    free(p);
}

static void overflow_far(void)
{
    char *p = block(500);
    p[500 + 10] = 'x';
    free(p);
}

static void overflow_of_aligned(void)
{
    char *p = about(aligned_alloc(256, 256));
    p[256] = 'x';
    free(p);
}

static void overflow_of_big(void)
{
    char *p = block(BIG);
    p[BIG] = '\0';
    free(p);
}

static void overflow_found_by_realloc(void)
{
    char *p = block(SMALL);
    p[SMALL] = 'x';
    free(realloc(p, 1000));
}

static void overflow_after_realloc(void)
{
    char *p = realloc(realloc(malloc(1000), SMALL), SMALL + 1);
    CHECK(p != NULL, "no memory");
    about(p);
    p[SMALL + 1] = 'x';
    free(p);
}

static void overflow_of_calloc(void)
{
    char *p = about(calloc(3, 7));
    p[21] = 'x';
    free(p);
}

static void write_behind_big(void)
{
    char *p = block(BIG);
    memset(p + BIG, 1, 2 * 4096);
}

static void read_behind_big(void)
{
    volatile char *p = block(BIG);
    (void)p[BIG + 4096];
}

static void write_behind_small(void)
{
    char *p = block(64);
    p[64] = 'x';
}

/* ---- after the free ---- */

static void make_way(void)
{
    for (unsigned i = 0; i < 300; i++)
        free(malloc(40000));
}

static void write_after_free(void)
{
    char *p = block(SMALL);
    free(p);
    p[8] = 0;
    make_way();
}

/* It waits when the program exits. */
static void write_after_free_at_the_end(void)
{
    char *p = block(SMALL);
    free(p);
    p[8] = 0;
}

static void write_after_free_of_big(void)
{
    char *p = block(BIG);
    free(p);
    p[3000] = 1;
    make_way();
}

static void write_guarded_after_free(void)
{
    char *p = block(SMALL);
    free(p);
    p[8] = 1;
}

static void read_guarded_after_free(void)
{
    volatile char *p = block(BIG);
    free((void *)(uintptr_t)p);
    (void)p[5000];
}

/* ---- what the caller says ---- */

static void wrong_size(void)
{
    free_sized(block(SMALL), SMALL + 1);
}

static void wrong_size_of_big(void)
{
    free_sized(block(BIG), BIG - 1);
}

static void wrong_size_by_delete(void)
{
    _ZdlPvm(block(SMALL), SMALL / 2);
}

static void wrong_alignment(void)
{
    char *p = aligned_alloc(16, 16), *q = aligned_alloc(16, 16);
    p = (uintptr_t)p % 32 != 0 ? p : q;
    if ((uintptr_t)p % 32 == 0)
        p = aligned_alloc(16, 16);
    free_aligned_sized(about(p), (size_t)1 << 31, 16);
}

/* ---- */

#define FREED(bytes)     "free\\(PTR\\): the block of " bytes " bytes was freed before"
#define OVER(size, at)   "free\\(PTR\\): overflow: the block has " size " bytes, and byte " at " from its start"
#define WRITTEN(bytes)   "use after free: the block of " bytes " bytes at PTR was freed, and the byte at 0x"
#define SAYS(call, a, b) call "\\(PTR\\): wrong size: the caller says " a " bytes, the block has " b " bytes"

/* What is said: a regular expression, in which PTR is the pointer that was printed; nothing where a page
 * fault ends the program. */
static const struct {
    const char *name, *said, *mode, *signal;
    void (*run)(void);
} misuses[] = {
#define MISUSE(name, mode, said)                                                                             \
    {                                                                                                        \
#name, said, mode, "ABRT", name                                                                      \
    }
#define FAULT(name, mode)                                                                                    \
    {                                                                                                        \
#name, "", mode, "SEGV", name                                                                        \
    }
    MISUSE(twice_small, "double-free", FREED("64")),
    MISUSE(twice_big, "double-free", "free\\(PTR\\): the pointer is in free memory: freed before"),
    MISUSE(twice_long_after, "quarantine:64k", FREED("64")),
    MISUSE(twice_by_another_thread, "double-free", FREED("64")),
    MISUSE(twice_in_a_child, "double-free", FREED("64")),
    MISUSE(free_never_allocated, "double-free", "free\\(PTR\\): the pointer is a block that is already free"),
    MISUSE(free_inside, "double-free", "free\\(PTR\\): the pointer is inside a block of 64 bytes"),
    MISUSE(realloc_freed, "double-free", "realloc\\(PTR\\): the block of 64 bytes was freed before"),
    MISUSE(usable_freed, "double-free",
           "malloc_usable_size\\(PTR\\): the block of 64 bytes was freed before"),

    MISUSE(overflow_by_one, "canary", OVER("60", "60")),
    MISUSE(overflow_by_a_zero, "canary", OVER("60", "60")),
    MISUSE(overflow_of_a_full_class, "canary", OVER("64", "64")),
    MISUSE(overflow_of_nothing, "canary", OVER("0", "0")),
    MISUSE(overflow_far, "canary", OVER("500", "510")),
    MISUSE(overflow_of_aligned, "canary", OVER("256", "256")),
    MISUSE(overflow_of_big, "canary", OVER("100000", "100000")),
    MISUSE(overflow_found_by_realloc, "canary",
           "realloc\\(PTR\\): overflow: the block has 60 bytes, and byte 60 from its start"),
    MISUSE(overflow_after_realloc, "canary", OVER("61", "61")),
    MISUSE(overflow_of_calloc, "canary", OVER("21", "21")),
    FAULT(write_behind_big, "guard"),
    FAULT(read_behind_big, "guard"),
    FAULT(write_behind_small, "guard:1"),

    MISUSE(write_after_free, "quarantine:1m", WRITTEN("64")),
    MISUSE(write_after_free_at_the_end, "quarantine", WRITTEN("64")),
    MISUSE(write_after_free_of_big, "quarantine:1m", WRITTEN("100000")),
    FAULT(write_guarded_after_free, "guard:1"),
    FAULT(read_guarded_after_free, "guard"),

    MISUSE(wrong_size, "sized", SAYS("free_sized", "61", "60")),
    MISUSE(wrong_size_of_big, "sized", SAYS("free_sized", "99999", "100000")),
    MISUSE(wrong_size_by_delete, "sized", SAYS("operator delete", "30", "60")),
    MISUSE(wrong_alignment, "sized",
           "free_aligned_sized\\(PTR\\): wrong alignment: the block is not aligned to"),
};

/* Blocks and bins from before the checks, as a program has them that runs for a while. */
static void run_for_a_while(void)
{
    static void *kept[4000];
    for (unsigned i = 0; i < 3 * HK_COUNT_OF(kept); i++) {
        void **p = &kept[i * 7 % HK_COUNT_OF(kept)];
        free(*p);
        *p = malloc(i % 200 == 0 ? BIG : i % 300);
        CHECK(*p != NULL, "no memory");
    }
}

static void run_switched(void (*misuse)(void), const char *level)
{
    run_for_a_while();
    CHECK(hakmem_tune("harden", level) == 0, "harden=%s was refused", level);
    misuse();
    CHECK(hakmem_tune("harden", "off") == 0, "harden=off was refused");
    free(malloc(1)); /* what waits is looked at */
}

int main(int argc, char **argv)
{
    alarm(120);
    for (unsigned i = 0; i < HK_COUNT_OF(misuses); i++) {
        if (argc == 1) {
            printf("%s\t%s\t%s\t%s\n", misuses[i].name, misuses[i].said, misuses[i].mode, misuses[i].signal);
        } else if (strcmp(argv[1], misuses[i].name) == 0) {
            if (argc > 2)
                run_switched(misuses[i].run, argv[2]);
            else
                misuses[i].run();
            return 3;
        }
    }
    return argc == 1 ? 0 : 2;
}
