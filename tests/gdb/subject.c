/*
 * subject.c - a program that knows what its blocks are, and says what a debugger should: for tests of
 * packaging/gdb.
 *
 * Writes lines, all at once, and then does nothing until it is killed:
 *   what ADDRESS EXPRESSION   the first lines that `hakmem what ADDRESS` is to print, as a regular expression
 *   live CLASS COUNT          blocks of that size that are live, and no other has
 *   totals LIVE BINS          live blocks, bytes in bins
 *   thread NUMBER LWP
 * usage: subject [checked]: calls are checked (HAKMEM_HARDEN), freed blocks wait.
 */
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

#define SLAB      UINT64_C(0x10000)
#define SUPERSLAB UINT64_C(0x200000)
#define MANY      1000

static char text[16 << 10];
static size_t len;
static int subject_global = 1;
static sem_t made;
static void *of_the_other;
static long other_lwp;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    len += (size_t)vsnprintf(text + len, sizeof text - len, format, args);
    va_end(args);
    CHECK(len < sizeof text, "too many facts");
}

/* A small block, and where an address in it is. */
static void say_small(const char *p, size_t into, const char *is, const char *owner)
{
    size_t bytes = malloc_usable_size((void *)(uintptr_t)p);
    uintptr_t slab = (uintptr_t)p & ~(SLAB - 1), superslab = (uintptr_t)p & ~(SUPERSLAB - 1);
    if (into == 0)
        say("what %p ^%p: ", (const void *)p, (const void *)p);
    else
        say("what %p ^%p: %zu bytes into %p: ", (const void *)(p + into), (const void *)(p + into), into,
            (const void *)p);
    say("small block of %zu bytes, %s\\n  block %zu of %zu in slab \\d+ at %#zx\\n", bytes, is,
        ((uintptr_t)p - slab) / bytes, (size_t)SLAB / bytes, (size_t)slab);
    say("  slab \\d+ of SuperSlab \\d+ at %#zx: \\d+ of %zu blocks are out; .*%s\n", (size_t)superslab,
        (size_t)SLAB / bytes, owner);
}

static void *other(void *unused)
{
    of_the_other = malloc(1500);
    hakmem_thread_idle(); /* the snapshot is exact then */
    other_lwp = syscall(SYS_gettid);
    sem_post(&made);
    for (;;)
        pause();
    return unused;
}

static void start_other(void)
{
    pthread_t thread;
    sem_init(&made, 0, 0);
    CHECK(pthread_create(&thread, NULL, other, NULL) == 0, "no thread");
    sem_wait(&made);
}

static void *block(size_t bytes)
{
    void *p = malloc(bytes);
    CHECK(p != NULL, "no memory");
    memset(p, 1, bytes);
    return p;
}

static void say_big(void)
{
    char *big = block(100000), *huge = block(5000000), *freed = block(300000);
    say("what %p ^%p: big block of 102400 bytes, live\\n  from slab\n", (void *)big, (void *)big);
    say("what %p ^%p: 50000 bytes into %p: big block of 102400 bytes, live\n", (void *)(big + 50000),
        (void *)(big + 50000), (void *)big);
    say("what %p ^%p: behind the end of the big block of 102400 bytes at %p\n", (void *)(big + 102400),
        (void *)(big + 102400), (void *)big);
    say("what %p ^%p: huge block of 5001216 bytes, live\n", (void *)huge, (void *)huge);
    say("what %p ^%p: 4999999 bytes into %p: huge block\n", (void *)(huge + 4999999),
        (void *)(huge + 4999999), (void *)huge);
    free(freed);
    say("what %p ^%p: in slab \\d+, which \n", (void *)freed, (void *)freed);
}

static void say_foreign(void)
{
    int local = 0;
    void *mapped = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED, "mmap");
    memset(mapped, 1, 1 << 20);
    say("what %p ^%p: not hakmem's: in the stack of thread 1 .LWP %d\n", (void *)&local, (void *)&local,
        (int)getpid());
    say("what %p ^%p: not hakmem's: in the program .subject_global\n", (void *)&subject_global,
        (void *)&subject_global);
    say("what %p ^%p: not hakmem's: in .*libhakmem\n", (void *)(uintptr_t)hakmem_version,
        (void *)(uintptr_t)hakmem_version);
    say("what %p ^%p: not hakmem's: in .*libc\n", (void *)(uintptr_t)getpid, (void *)(uintptr_t)getpid);
    say("what %p ^%p: not hakmem's: in memory that is no file\n", mapped, mapped);
    say("what 0x10 ^0x10: not mapped, or not in this core\n");
}

static void say_unchecked(void)
{
    static void *many[MANY];
    char *live = block(100), *in_slab = block(700), *neighbour = block(700), *in_bin;
    free(in_slab);
    hakmem_thread_idle(); /* what is in bins goes back to the slabs */
    for (unsigned i = 0; i < MANY; i++)
        many[i] = block(3000);
    for (unsigned i = 0; i < MANY; i += 4)
        free(many[i]);
    in_bin = block(900);
    free(in_bin);
    say_small(live, 0, "live", "");
    say_small(live, 17, "live", "");
    say_small(neighbour, 0, "live", "");
    say_small(many[1], 0, "live", "heap \\d+ of thread 1 .LWP");
    say_small(of_the_other, 0, "live", "heap \\d+ of thread 2 .LWP");
    say("what %p free, in its slab\n", (void *)in_slab);
    say("what %p free, in the bin of heap \\d+ of thread 1 .LWP %d.*, place \\d+ of \\d+\n", (void *)in_bin,
        (int)getpid());
    say("live %zu %u\n", malloc_usable_size(many[1]), MANY - MANY / 4);
    say("thread 1 %d\nthread 2 %ld\n", (int)getpid(), other_lwp);
    struct hakmem_snapshot s;
    hakmem_snapshot(&s, sizeof s);
    say("totals %llu %llu\n", (unsigned long long)s.live_blocks, (unsigned long long)s.bin_bytes);
}

static void say_checked(void)
{
    char *live = block(90), *freed = block(90), *big = block(90000), *big_freed = block(90000);
    free(freed);
    free(big_freed);
    say("what %p live(\\n.*)*\\n  90 bytes were asked for\n", (void *)live);
    say("what %p free, in the quarantine\n", (void *)freed);
    say("what %p big block of \\d+ bytes, live\\n  90000 bytes were asked for\n", (void *)big);
    say("what %p big block of \\d+ bytes, free, in the quarantine\n", (void *)big_freed);
}

int main(int argc, char **argv)
{
    (void)argv;
    CHECK(hakmem_version != NULL, "this is not hakmem");
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    start_other();
    if (argc > 1) {
        say_checked();
    } else {
        say_big();
        say_foreign();
        say_unchecked();
    }
    say("ready\n");
    CHECK(write(STDOUT_FILENO, text, len) == (ssize_t)len, "write");
    for (;;)
        pause();
}
