/*
 * harden_live_test.c - the tunable harden, changed while the program runs, in a program that does nothing
 * wrong.
 *
 * What misuse comes to is tests/death/hardened.c's.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"
#include "tests/support/jemalloc_api.h"

void free_sized(void *p, size_t size);
#pragma weak free_sized

static void set(const char *level)
{
    CHECK(hakmem_tune("harden", level) == 0, "harden=%s", level);
}

static void refuses_what_is_no_level(void)
{
    CHECK(hakmem_tune("harden", "guard") == EINVAL, "it needs another layout");
    CHECK(hakmem_tune("harden", "1") == EINVAL, "no level");
}

/* ---- a block from one period in the next ---- */

static const char *const levels[] = {"off", "double-free", "canary", "all"};
#define LEVELS 4

static size_t size_of(unsigned i)
{
    return i % 16 == 15 ? 40000 + 1000 * (size_t)i : 1 + 7 * (size_t)i;
}

/* A program may keep what malloc_usable_size() said, and fill blocks up to there. */
static void keeps_usable_sizes(void)
{
    enum { BLOCKS = 200 };
    static char *blocks[LEVELS][BLOCKS];
    static size_t usable[LEVELS][BLOCKS];
    for (unsigned l = 0; l < LEVELS; l++) {
        set(levels[l]);
        for (unsigned i = 0; i < BLOCKS; i++) {
            blocks[l][i] = malloc(size_of(i));
            usable[l][i] = malloc_usable_size(blocks[l][i]);
            memset(blocks[l][i], 1 + (int)l, usable[l][i]);
        }
    }
    for (unsigned now = 0; now < 2 * LEVELS; now++) {
        set(levels[now * 3 % LEVELS]);
        for (unsigned i = 0; i < LEVELS * BLOCKS; i++) {
            char *p = blocks[i / BLOCKS][i % BLOCKS];
            size_t is = malloc_usable_size(p), was = usable[i / BLOCKS][i % BLOCKS];
            CHECK(is == was, "%zu bytes, then %zu, of %zu asked for", was, is, size_of(i % BLOCKS));
            CHECK(p[is - 1] == 1 + (char)(i / BLOCKS), "lost its last byte");
        }
    }
    for (unsigned i = 0; i < LEVELS * BLOCKS; i++) {
        set(levels[i % LEVELS]);
        if (i % 3 == 0)
            blocks[i / BLOCKS][i % BLOCKS] = realloc(blocks[i / BLOCKS][i % BLOCKS], size_of(i % BLOCKS) * 2);
        free(blocks[i / BLOCKS][i % BLOCKS]);
    }
}

/* Any size is right that the block may have been asked for with. */
static void believes_sizes_of_blocks_asked_about(void)
{
    if (free_sized == NULL)
        return;
    set("canary");
    for (unsigned i = 0; i < 200; i++) {
        void *asked_about = malloc(size_of(i)), *other = malloc(size_of(i));
        size_t usable = malloc_usable_size(asked_about);
        free_sized(asked_about, i % 2 == 0 ? usable : size_of(i));
        free_sized(other, size_of(i));
    }
}

/* A block from before grows, with room for more: what was asked for is what is checked. */
static void believes_sizes_of_blocks_that_grew(void)
{
    set("off");
    char *p = malloc(1000), *x = mallocx(1000, 0);
    set("canary");
    p = realloc(p, 1030);
    x = rallocx(x, 1030, 0);
    memset(p, 1, 1030);
    memset(x, 1, 1030);
    if (free_sized != NULL)
        free_sized(p, 1030);
    else
        free(p);
    sdallocx(x, 1030, 0);
}

/* By jemalloc's names a block is as long as nallocx() says, and may be filled so far without asking again. */
static void keeps_what_nallocx_said(void)
{
    for (unsigned i = 0; i < 2 * LEVELS; i++) {
        set(levels[i % 2 == 0 ? 0 : i / 2]);
        for (size_t size = 1; size < 300; size += 7) {
            size_t said = nallocx(size, 0);
            set(levels[(i + size) % LEVELS]);
            char *p = mallocx(size, 0), *q = rallocx(mallocx(1, 0), size, 0);
            memset(p, 7, said);
            memset(q, 7, said);
            CHECK(xallocx(p, size, 4, 0) >= said, "%zu bytes are fewer", size);
            for (size_t b = 0; b < said; b++)
                CHECK(p[b] == 7, "byte %zu of %zu is lost", b, said);
            sdallocx(p, said, 0);
            sdallocx(q, sallocx(q, 0), 0);
        }
    }
}

/* No handler runs in such a child: its first checked call notices the fork. */
static void begins_anew_in_a_child_without_handlers(void)
{
    set("all");
    for (unsigned i = 0; i < 300; i++)
        free(malloc(50));
    pid_t child = _Fork();
    CHECK(child >= 0, "no child");
    if (child == 0) {
        free(malloc(10));
        set("off");
        free(malloc(10));
        set("double-free");
        for (struct check_poll poll = {0}; check_poll_again(&poll);) {
            void *p = malloc(200000);
            free(p);
            p = check_hidden_pointer(malloc(64));
            free(p);
            free(p); /* the end, once checks are in force; before that it is put right */
            void *once = malloc(64), *again = malloc(64);
            (void)once;
            (void)again;
        }
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
          "a child ended with %#x", status);
}

/* ---- threads meanwhile ---- */

enum { THREADS = 4, SLOTS = 3000, CHANGES = 400, MANY = 5000 };

struct slot {
    unsigned char *_Atomic p; /* whoever takes it out has it */
};

static struct slot slots[SLOTS];
static _Atomic(bool) ended;
static _Atomic(unsigned long) turns;

static uint32_t next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

/* A block knows its size and is filled to its end; nobody asks for its usable size, so that canaries stay. */
static unsigned char *fill(unsigned char *p, size_t size)
{
    CHECK(p != NULL, "no memory");
    memcpy(p, &size, sizeof size);
    memset(p + sizeof size, (int)(size % 251), size - sizeof size);
    return p;
}

static size_t check(const unsigned char *p)
{
    size_t size;
    memcpy(&size, p, sizeof size);
    for (size_t i = sizeof size; i < size; i += 1 + size / 16)
        CHECK(p[i] == size % 251, "byte %zu of %zu", i, size);
    return size;
}

static void *work(void *seed)
{
    uint32_t state = (uint32_t)(uintptr_t)seed;
    for (; !atomic_load(&ended); atomic_fetch_add(&turns, 1)) {
        uint32_t r = next(&state);
        size_t size = sizeof size + (r >> 8) % (r % 64 == 0 ? 200000 : 500);
        unsigned char *p = atomic_exchange(&slots[next(&state) % SLOTS].p, NULL);
        if (p != NULL)
            (void)check(p);
        if (p != NULL && r % 8 != 0) {
            free(p);
            p = NULL;
        }
        if (p == NULL && r % 16 == 0) {
            p = aligned_alloc(64, size);
            CHECK(((uintptr_t)p & 63) == 0, "%p is no multiple of 64", (void *)p);
        } else {
            p = realloc(p, size);
        }
        p = fill(p, size);
        free(atomic_exchange(&slots[next(&state) % SLOTS].p, p));
    }
    return NULL;
}

/* Bins run empty and full all the time: slow ways, and some are under way at each change. */
static void *refill_and_flush(void *unused)
{
    static __thread void *many[MANY];
    while (!atomic_load(&ended)) {
        for (unsigned i = 0; i < MANY; i++) {
            many[i] = aligned_alloc(64, 64 * (1 + i % 8) - 28);
            CHECK(((uintptr_t)many[i] & 63) == 0, "%p is no multiple of 64", many[i]);
        }
        for (unsigned i = 0; i < MANY; i++)
            free(many[i]);
    }
    return unused;
}

static void *come_and_go(void *seed)
{
    pthread_t thread;
    uint32_t state = (uint32_t)(uintptr_t)seed;
    while (!atomic_load(&ended)) {
        void *p = malloc(next(&state) % 3000);
        CHECK(pthread_create(&thread, NULL, (void *(*)(void *))(uintptr_t)malloc, (void *)(uintptr_t)100) ==
                  0,
              "no thread");
        void *theirs;
        pthread_join(thread, &theirs);
        free(theirs);
        free(p);
    }
    return NULL;
}

static void check_child(void)
{
    pid_t child = fork();
    CHECK(child >= 0, "no child");
    if (child == 0) {
        for (unsigned i = 0; i < SLOTS; i++)
            free(atomic_exchange(&slots[i].p, NULL));
        for (unsigned i = 0; i < 20; i++) {
            set(levels[i % LEVELS]);
            for (unsigned j = 0; j < 300; j++)
                slots[j].p = fill(malloc(64 + j), 64 + j);
            for (unsigned j = 0; j < 300; j++)
                free(slots[j].p);
        }
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0, "a child ended with %#x", status);
}

static void changes_under_threads(void)
{
    void *(*const works[THREADS + 2])(void *) = {work,       work, work, refill_and_flush, refill_and_flush,
                                                 come_and_go};
    pthread_t threads[THREADS + 2];
    for (unsigned i = 0; i < THREADS + 2; i++)
        CHECK(pthread_create(&threads[i], NULL, works[i], (void *)(uintptr_t)(i + 1)) == 0, "no thread");
    for (unsigned i = 0; i < CHANGES; i++) {
        unsigned long then = atomic_load(&turns);
        set(levels[(i * 7 + i / 5) % LEVELS]);
        CHECK(POLL_UNTIL(atomic_load(&turns) > then + i % 50 * 20), "threads stand still");
        if (i % 40 == 39)
            check_child();
    }
    atomic_store(&ended, true);
    for (unsigned i = 0; i < THREADS + 2; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < SLOTS; i++)
        free(slots[i].p);
}

int main(void)
{
    alarm(300);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* a child ends by SIGABRT */
    if (hakmem_tune == NULL)
        check_skip("not under hakmem");
    refuses_what_is_no_level();
    keeps_usable_sizes();
    believes_sizes_of_blocks_asked_about();
    believes_sizes_of_blocks_that_grew();
    keeps_what_nallocx_said();
    begins_anew_in_a_child_without_handlers();
    changes_under_threads();
    set("off");
    return 0;
}
