/*
 * exhaust.c - a program at the end of its addresses (RLIMIT_AS) or of its data (RLIMIT_DATA).
 *
 * usage: exhaust as|data MIB
 *
 * Sets the limit itself, MIB above what it has, unless one is set already. With half of that allocated there
 * must still be room for a thread, a library and a deep stack, as there is under the C library's allocator;
 * at the end malloc says ENOMEM and nothing breaks; freed memory is free for mmap() and threads again.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/check.h"

#define MIB ((size_t)1 << 20)

static int resource;
static size_t room;
static const char *another_library = "libresolv.so.2";

/* Blocks link themselves: there is no memory for a list of them. */
struct block {
    struct block *next;
};

static size_t used_now(void)
{
    long long v = check_proc_field("/proc/self/status", resource == RLIMIT_AS ? "VmSize" : "VmData");
    CHECK(v >= 0, "/proc/self/status");
    return (size_t)v;
}

/* One of the C library's own that nothing here uses; where there is none, nothing is to be learnt. */
static void find_another_library(void)
{
    void *handle = dlopen(another_library, RTLD_NOW);
    if (handle == NULL)
        another_library = NULL;
    else
        dlclose(handle);
}

static void set_limit(void)
{
    struct rlimit limit;
    CHECK(getrlimit(resource, &limit) == 0, "getrlimit");
    size_t used = used_now();
    if (limit.rlim_cur == RLIM_INFINITY) {
        limit.rlim_cur = used + room;
        CHECK(setrlimit(resource, &limit) == 0, "setrlimit");
    }
    CHECK(limit.rlim_cur > used, "%zu KiB are used of %zu", used >> 10, (size_t)limit.rlim_cur >> 10);
    room = limit.rlim_cur - used;
}

/* Allocates up to most bytes; returns how many it got. Every page is written. */
static size_t fill(struct block **list, size_t size, size_t most)
{
    size_t got = 0;
    while (got + size <= most) {
        errno = 0;
        struct block *b = malloc(size);
        if (b == NULL) {
            CHECK(errno == ENOMEM, "errno is %d after malloc(%zu)", errno, size);
            break;
        }
        for (size_t at = 0; at < size; at += 4096)
            ((char *)b)[at] = 1;
        b->next = *list;
        *list = b;
        got += size;
    }
    return got;
}

static void drop(struct block **list, size_t count)
{
    for (; *list != NULL && count > 0; count--) {
        struct block *b = *list;
        *list = b->next;
        free(b);
    }
}

/* Returns arg if there was memory. */
static void *in_thread(void *arg)
{
    void *p = malloc(1000);
    free(p != NULL ? memset(p, 1, 1000) : NULL);
    return p != NULL ? arg : NULL;
}

/* 0 if a thread ran and had memory. */
static int try_thread(size_t stack)
{
    pthread_attr_t attr;
    pthread_t t;
    void *had_memory = NULL;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, stack);
    int err = pthread_create(&t, &attr, in_thread, &resource);
    if (err == 0)
        pthread_join(t, &had_memory);
    pthread_attr_destroy(&attr);
    return err != 0 ? err : had_memory == NULL ? ENOMEM : 0;
}

__attribute__((noinline)) static unsigned recurse(unsigned depth)
{
    volatile char page[4096];
    page[0] = (char)depth;
    return depth == 0 ? 0 : recurse(depth - 1) + (page[0] == (char)depth);
}

/* The library opens memory ahead, 64 MiB at most. */
static void check_room_for_others(const char *when)
{
    void *p = mmap(NULL, room / 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED, "%s: no room to map %zu MiB: %s", when, (room / 8) >> 20, strerror(errno));
    munmap(p, room / 8);
    int err = try_thread(4 * MIB);
    CHECK(err == 0, "%s: no thread: %s", when, strerror(err));
    CHECK(recurse(800) == 800, "%s: recursion", when);
    void *handle = another_library != NULL ? dlopen(another_library, RTLD_NOW) : NULL;
    CHECK(handle != NULL || another_library == NULL, "%s: %s", when, dlerror());
    if (handle != NULL)
        dlclose(handle);
}

/* Nothing but ENOMEM comes of asking for more, and what there is can be used. */
static void live_at_the_end(struct block **list, size_t size)
{
    void *other = NULL;
    CHECK(malloc(room) == NULL && errno == ENOMEM, "there was room");
    CHECK(calloc(1, room) == NULL && errno == ENOMEM, "there was room");
    CHECK(posix_memalign(&other, 65536, room) == ENOMEM, "there was room");
    CHECK(realloc(*list, room) == NULL, "there was room");
    CHECK(malloc_usable_size(*list) >= size, "the block is gone");
    (void)try_thread(256 << 10); /* may fail, may not crash */
    drop(list, 8);
    struct block *again = malloc(size);
    CHECK(again != NULL, "no block of %zu bytes after 8 of them were freed", size);
    again->next = *list;
    *list = again;
}

static void exhaust_by(size_t size)
{
    struct block *list = NULL;
    size_t got = fill(&list, size, SIZE_MAX);
    CHECK(got >= room / 10 * 7, "only %zu KiB in blocks of %zu where there is room for %zu", got >> 10, size,
          room >> 10);
    live_at_the_end(&list, size);
    drop(&list, SIZE_MAX);
    check_room_for_others("after all was freed");
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {100, 1000, 30000, 100000, 1000000, 5000000};
    CHECK(argc == 3, "usage: exhaust as|data MIB");
    resource = strcmp(argv[1], "as") == 0 ? RLIMIT_AS : RLIMIT_DATA;
    room = strtoul(argv[2], NULL, 10) * MIB;
    find_another_library();
    set_limit();
    struct block *half = NULL;
    size_t got = fill(&half, 1000, room / 2);
    CHECK(got + 1000 > room / 2, "%zu KiB of %zu", got >> 10, room >> 11);
    check_room_for_others("with half of it allocated");
    drop(&half, SIZE_MAX);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++)
            exhaust_by(sizes[i]);
    }
    return 0;
}
