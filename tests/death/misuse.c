/*
 * misuse.c - one misuse of the allocator a run, which is to be the program's end.
 *
 * usage: misuse [NAME]     without one: the names, and what is to be said of each
 *
 * Prints the pointer that it is about, then misuses it; what is found only when blocks leave their bin is
 * followed by a flush. Ends with status 3 where nobody noticed.
 */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "tests/death/misuse.h"
#include "tests/support/jemalloc_api.h"

#define BIG  100000
#define HUGE (8u << 20)

static char a_static[256];

/* ---- pointers that never were anybody's ---- */

static void free_wild(void)
{
    free(about((void *)0x123450));
}

static void free_wild_high(void)
{
    free(about((void *)(uintptr_t)0x4141414141414140));
}

static void free_wild_odd(void)
{
    free(about((void *)(uintptr_t)0x7fff12345677));
}

static void free_near_null(void)
{
    free(about((void *)16));
}

static void free_stack(void)
{
    long local[32] __attribute__((aligned(16))) = {0};
    free(about(local));
}

static void free_static(void)
{
    free(about(a_static));
}

static void free_code(void)
{
    free(about((void *)free_code));
}

static void free_mapping(void)
{
    free(about(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
}

/* Nothing can be read before it. */
static void free_mapping_alone(void)
{
    char *p = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE) == 0, "mprotect");
    free(about(p + 4096));
}

static void realloc_wild(void)
{
    free(realloc(about((void *)0x123450), 100));
}

static void realloc_stack(void)
{
    long local[32] __attribute__((aligned(16))) = {0};
    free(realloc(about(local), 100));
}

static void usable_wild(void)
{
    (void)malloc_usable_size(about((void *)0x123450));
}

static void usable_static(void)
{
    (void)malloc_usable_size(about(a_static));
}

/* ---- pointers into blocks ---- */

static void free_inside_small(void)
{
    free(at(block(SMALL), 16));
    flush();
}

static void free_inside_small_odd(void)
{
    free(at(block(SMALL), 1));
    flush();
}

/* Not a power of two, so that no mask tells. */
static void free_inside_medium(void)
{
    free(at(block(1500), 768));
    flush();
}

static void free_inside_by_filling(void)
{
    void *blocks[4000];
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
        blocks[i] = block(SMALL);
    free(at(blocks[0], 32));
    for (unsigned i = 1; i < HK_COUNT_OF(blocks); i++)
        free(blocks[i]);
}

static void *free_inside(void *p)
{
    free(p);
    return NULL;
}

static void free_inside_and_end_thread(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, free_inside, at(block(SMALL), 16)) == 0, "no thread");
    pthread_join(thread, NULL);
}

static void free_inside_big(void)
{
    free(at(block(BIG), 4096));
}

/* At the beginning of one of its slabs. */
static void free_inside_big_far(void)
{
    free(at(block(BIG), 65536));
}

static void free_inside_big_odd(void)
{
    free(at(block(BIG), 1));
}

static void free_inside_huge(void)
{
    free(at(block(HUGE), 2u << 20));
}

static void realloc_inside_small(void)
{
    free(realloc(at(block(SMALL), 16), 1000));
}

static void realloc_inside_big(void)
{
    free(realloc(at(block(BIG), 4096), 1000));
}

static void usable_inside_small(void)
{
    (void)malloc_usable_size(at(block(SMALL), 16));
}

static void usable_inside_huge(void)
{
    (void)malloc_usable_size(at(block(HUGE), 65536));
}

/* ---- blocks that are no more ---- */

static void twice_big(void)
{
    void *p = about(block(BIG));
    free(p);
    free(p);
}

static void twice_huge(void)
{
    void *p = about(block(HUGE));
    free(p);
    free(p);
}

static void twice_big_purged(void)
{
    void *p = about(block(BIG));
    free(p);
    flush();
    free(p);
}

static void twice_huge_purged(void)
{
    void *p = about(block(HUGE));
    free(p);
    flush();
    free(p);
}

static void realloc_freed_big(void)
{
    void *p = about(block(BIG));
    free(p);
    free(realloc(p, 2 * BIG));
}

static void free_inside_freed_big(void)
{
    char *p = block(BIG);
    free(p);
    free(at(p, 4096));
}

static void free_after_move(void)
{
    void *p = about(block(HUGE)), *wall = block(HUGE);
    void *q = realloc(p, 20 * HUGE);
    CHECK(q != NULL && q != p, "it did not move");
    free(p);
    free(wall);
}

/* A slab that was emptied belongs to nobody. */
static void twice_in_an_empty_slab(void)
{
    static void *blocks[20000];
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
        blocks[i] = block(SMALL);
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
        free(blocks[i]);
    flush();
    free(about(blocks[10000]));
    flush();
}

static void twice_small(void)
{
    void *p = about(block(SMALL));
    free(p);
    free(p);
    flush();
}

static void twice_small_among_live(void)
{
    allocate_some();
    about(some_blocks[20]);
    free(some_blocks[20]);
    free(some_blocks[20]);
    flush();
}

static void twice_small_with_one_between(void)
{
    allocate_some();
    about(some_blocks[20]);
    free(some_blocks[20]);
    free(some_blocks[21]);
    free(some_blocks[20]);
    flush();
}

/* Two callers get the same block, and both free it. */
static void twice_small_then_used(void)
{
    allocate_some();
    about(some_blocks[20]);
    free(some_blocks[20]);
    free(some_blocks[20]);
    void *p = malloc(SMALL), *q = malloc(SMALL);
    memset(p, 1, SMALL);
    memset(q, 2, SMALL);
    free(p);
    free(q);
    flush();
}

/* The first free was long ago; that there was one too many shows when the others are freed. */
static void twice_small_far_apart(void)
{
    allocate_some();
    about(some_blocks[20]);
    free(some_blocks[20]);
    flush();
    free(some_blocks[20]);
    flush();
    for (unsigned i = 0; i < MANY; i++) {
        if (i != 20)
            free(some_blocks[i]);
    }
    flush();
}

static void *free_it(void *p)
{
    free(p);
    return NULL;
}

static void twice_small_by_two_threads(void)
{
    allocate_some();
    about(some_blocks[20]);
    for (unsigned i = 0; i < 2; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, free_it, some_blocks[20]) == 0, "no thread");
        pthread_join(thread, NULL);
    }
    for (unsigned i = 0; i < MANY; i++) {
        if (i != 20)
            free(some_blocks[i]);
    }
    flush();
}

/* ---- by jemalloc's names ---- */

static void rallocx_wild(void)
{
    free(rallocx(about((void *)0x123450), 100, 0));
}

static void rallocx_inside_small(void)
{
    allocate_some();
    free(rallocx(at(some_blocks[3], 16), 100, 0));
}

static void rallocx_inside_small_zeroed(void)
{
    allocate_some();
    free(rallocx(at(some_blocks[3], 16), 1000, MALLOCX_ZERO));
}

static void rallocx_inside_big(void)
{
    free(rallocx(at(block(BIG), 4096), 2 * BIG, 0));
}

static void xallocx_inside_small(void)
{
    allocate_some();
    CHECK(xallocx(at(some_blocks[3], 16), 64, 0, 0) != 1, "xallocx");
}

static void sallocx_wild(void)
{
    CHECK(sallocx(about((void *)0x123450), 0) != 1, "sallocx");
}

static void sallocx_inside_huge(void)
{
    CHECK(sallocx(at(block(HUGE), 65536), 0) != 1, "sallocx");
}

static void dallocx_wild(void)
{
    dallocx(about((void *)0x123450), 0);
}

static void dallocx_static(void)
{
    dallocx(about(a_static), 0);
}

static void dallocx_inside_big(void)
{
    dallocx(at(block(BIG), 4096), 0);
}

static void sdallocx_twice_big(void)
{
    void *p = about(block(BIG));
    sdallocx(p, BIG, 0);
    sdallocx(p, BIG, 0);
}

/* What follows a call by such a name goes by its own. */
static void free_after_dallocx(void)
{
    void *p = about(block(BIG));
    CHECK(sallocx(p, 0) >= BIG, "sallocx");
    p = rallocx(p, BIG, 0);
    dallocx(p, 0);
    free(p);
}

static void usable_after_dallocx(void)
{
    void *p = about(block(HUGE));
    dallocx(p, 0);
    CHECK(malloc_usable_size(p) != 1, "malloc_usable_size");
}

/* ---- how it ends ---- */

static void without_stderr(void)
{
    close(STDERR_FILENO);
    free(about((void *)0x123450));
}

static volatile sig_atomic_t handled;

/* As crash reporters do. */
static void report(int number)
{
    char *text = malloc(1000), *large = malloc(3000000);
    CHECK(text != NULL && large != NULL, "no memory in the handler");
    snprintf(text, 1000, "signal %d\n", number);
    size_t len = strlen(text);
    CHECK(write(STDOUT_FILENO, text, len) == (ssize_t)len, "write");
    free(text);
    free(large);
    handled = 1;
}

static void and_report(void)
{
    signal(SIGABRT, report);
    allocate_some();
    free(at(some_blocks[3], 16));
    flush();
}

static void and_report_big(void)
{
    signal(SIGABRT, report);
    free_inside_big();
}

/* ---- */

static const struct misuse misuses[] = {
    MISUSE(free_wild, "free\\(PTR\\): " NOT_OURS),
    MISUSE(free_wild_high, "free\\(PTR\\): " NOT_OURS),
    MISUSE(free_wild_odd, "free\\(PTR\\): " NOT_OURS),
    MISUSE(free_near_null, "free\\(PTR\\): " NOT_OURS),
    MISUSE(free_stack, "free\\(PTR\\): " NOT_OURS),
    MISUSE(free_static, "free\\(PTR\\): " NOT_OURS),
    MISUSE(free_code, "free\\(PTR\\): " NOT_OURS),
    MISUSE(free_mapping, "free\\(PTR\\): " NOT_OURS),
    MISUSE(free_mapping_alone, "free\\(PTR\\): " NOT_OURS),
    MISUSE(realloc_wild, "realloc\\(PTR\\): " NOT_OURS),
    MISUSE(realloc_stack, "realloc\\(PTR\\): " NOT_OURS),
    MISUSE(usable_wild, "malloc_usable_size\\(PTR\\): " NOT_OURS),
    MISUSE(usable_static, "malloc_usable_size\\(PTR\\): " NOT_OURS),

    MISUSE(free_inside_small, "free\\(PTR\\): " INSIDE "64 bytes that starts at 0x[0-9a-f]+, 16 bytes in"),
    MISUSE(free_inside_small_odd, "free\\(PTR\\): " INSIDE "64 bytes that starts at 0x[0-9a-f]+, 1 bytes in"),
    MISUSE(free_inside_medium,
           "free\\(PTR\\): " INSIDE "[0-9]+ bytes that starts at 0x[0-9a-f]+, 768 bytes in"),
    MISUSE(free_inside_by_filling,
           "free\\(PTR\\): " INSIDE "64 bytes that starts at 0x[0-9a-f]+, 32 bytes in"),
    MISUSE(free_inside_and_end_thread,
           "free\\(PTR\\): " INSIDE "64 bytes that starts at 0x[0-9a-f]+, 16 bytes in"),
    MISUSE(free_inside_big,
           "free\\(PTR\\): " INSIDE "[0-9]+ bytes that starts at 0x[0-9a-f]+, 4096 bytes in"),
    MISUSE(free_inside_big_far,
           "free\\(PTR\\): " INSIDE "[0-9]+ bytes that starts at 0x[0-9a-f]+, 65536 bytes in"),
    MISUSE(free_inside_big_odd,
           "free\\(PTR\\): " INSIDE "[0-9]+ bytes that starts at 0x[0-9a-f]+, 1 bytes in"),
    MISUSE(free_inside_huge,
           "free\\(PTR\\): " INSIDE "8388608 bytes that starts at 0x[0-9a-f]+, 2097152 bytes in"),
    MISUSE(realloc_inside_small,
           "realloc\\(PTR\\): " INSIDE "64 bytes that starts at 0x[0-9a-f]+, 16 bytes in"),
    MISUSE(realloc_inside_big,
           "realloc\\(PTR\\): " INSIDE "[0-9]+ bytes that starts at 0x[0-9a-f]+, 4096 bytes in"),
    MISUSE(usable_inside_small,
           "malloc_usable_size\\(PTR\\): " INSIDE "64 bytes that starts at 0x[0-9a-f]+, 16 bytes in"),
    MISUSE(usable_inside_huge,
           "malloc_usable_size\\(PTR\\): " INSIDE "8388608 bytes that starts at 0x[0-9a-f]+, 65536 bytes in"),

    MISUSE(twice_big, "free\\(PTR\\): " FREE_MEMORY),
    MISUSE(twice_huge, "free\\(PTR\\): " FREE_MEMORY),
    MISUSE(twice_big_purged, "free\\(PTR\\): " FREE_MEMORY),
    MISUSE(twice_huge_purged, "free\\(PTR\\): " FREE_MEMORY),
    MISUSE(realloc_freed_big, "realloc\\(PTR\\): " FREE_MEMORY),
    MISUSE(free_inside_freed_big, "free\\(PTR\\): " FREE_MEMORY),
    MISUSE(free_after_move, "free\\(PTR\\): " FREE_MEMORY),
    MISUSE(twice_in_an_empty_slab, "free\\(PTR\\): " FREE_MEMORY),
    MISUSE(twice_small, TWICE),
    MISUSE(twice_small_among_live, TWICE),
    MISUSE(twice_small_with_one_between, TWICE),
    MISUSE(twice_small_then_used, TWICE),
    MISUSE(twice_small_far_apart, ANY_OF(TWICE, FREE_MEMORY)),
    MISUSE(twice_small_by_two_threads, ANY_OF(TWICE, FREE_MEMORY)),

    MISUSE(rallocx_wild, "rallocx\\(PTR\\): " NOT_OURS),
    MISUSE(rallocx_inside_small,
           "rallocx\\(PTR\\): " INSIDE "64 bytes that starts at 0x[0-9a-f]+, 16 bytes in"),
    MISUSE(rallocx_inside_small_zeroed,
           "rallocx\\(PTR\\): " INSIDE "64 bytes that starts at 0x[0-9a-f]+, 16 bytes in"),
    MISUSE(rallocx_inside_big,
           "rallocx\\(PTR\\): " INSIDE "[0-9]+ bytes that starts at 0x[0-9a-f]+, 4096 bytes in"),
    MISUSE(xallocx_inside_small,
           "xallocx\\(PTR\\): " INSIDE "64 bytes that starts at 0x[0-9a-f]+, 16 bytes in"),
    MISUSE(sallocx_wild, "sallocx\\(PTR\\): " NOT_OURS),
    MISUSE(sallocx_inside_huge,
           "sallocx\\(PTR\\): " INSIDE "8388608 bytes that starts at 0x[0-9a-f]+, 65536 bytes in"),
    MISUSE(dallocx_wild, "dallocx\\(PTR\\): " NOT_OURS),
    MISUSE(dallocx_static, "dallocx\\(PTR\\): " NOT_OURS),
    MISUSE(dallocx_inside_big,
           "dallocx\\(PTR\\): " INSIDE "[0-9]+ bytes that starts at 0x[0-9a-f]+, 4096 bytes in"),
    MISUSE(sdallocx_twice_big, "sdallocx\\(PTR\\): " FREE_MEMORY),
    MISUSE(free_after_dallocx, "free\\(PTR\\): " FREE_MEMORY),
    MISUSE(usable_after_dallocx, "malloc_usable_size\\(PTR\\): " FREE_MEMORY),

    MISUSE(without_stderr, ""),
    MISUSE(and_report, "free\\(PTR\\): " INSIDE "64 bytes"),
    MISUSE(and_report_big, "free\\(PTR\\): " INSIDE),
};

int main(int argc, char **argv)
{
    return do_misuse(misuses, HK_COUNT_OF(misuses), argc, argv);
}
