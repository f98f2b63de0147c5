/*
 * others.c - blocks of another allocator that is in the process reach the functions of this one.
 *
 * usage: others LIBRARY WHAT...
 *   calls      each way to make a block, each way to free, resize and measure it
 *   misleading blocks with contents that look like the words in front of the C library's
 *   threads    the same by many threads, of each other's blocks
 *   children   forked children give back what the parent got
 *   libc       the C library's blocks are still known beside the other's
 *   nobodys    what is nobody's block ends the program, as it does without the other allocator
 *   unloaded   the library is unloaded, and what is asked then is asked of nobody
 *
 * Skipped (77) where the library is not installed.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/foreign/family.h"
#include "tests/lib/blocks.h"
#include "tests/support/check.h"

/* Of the preloaded library; operators delete under their mangled names. */
#define WEAK __attribute__((weak))
extern void free_sized(void *p, size_t size) WEAK;
extern void free_aligned_sized(void *p, size_t align, size_t size) WEAK;
extern void cfree(void *p) WEAK;
extern void _ZdlPv(void *p) WEAK;
extern void _ZdaPv(void *p) WEAK;
extern void _ZdlPvm(void *p, size_t size) WEAK;
extern void _ZdlPvmSt11align_val_t(void *p, size_t size, size_t align) WEAK;

extern void *__libc_malloc(size_t size);

static const size_t sizes[] = {1, 8, 24, 33, 100, 1000, 5000, 40000, 300000, 2000000};

static struct family other;

/* ---- making ---- */

enum { MAKERS = 3 };

static void *make(unsigned how, size_t size)
{
    void *p = how == 1 && other.calloc != NULL     ? other.calloc(1, size)
              : how == 2 && other.memalign != NULL ? other.memalign(64, size)
                                                   : other.malloc(size);
    CHECK(p != NULL, "no block of %zu bytes", size);
    return p;
}

/* ---- giving back ---- */

static void by_free(void *p, size_t size)
{
    (void)size;
    free(p);
}

static void by_cfree(void *p, size_t size)
{
    (void)size;
    cfree(p);
}

static void by_realloc(void *p, size_t size)
{
    (void)size;
    CHECK(realloc(p, check_hidden_size(0)) == NULL, "realloc(p, 0)");
}

static void by_delete(void *p, size_t size)
{
    (void)size;
    _ZdlPv(p);
}

static void by_delete_array(void *p, size_t size)
{
    (void)size;
    _ZdaPv(p);
}

static void by_sized_aligned_delete(void *p, size_t size)
{
    _ZdlPvmSt11align_val_t(p, size, 8);
}

static void by_sized_delete(void *p, size_t size)
{
    _ZdlPvm(p, size);
}

static void by_free_sized(void *p, size_t size)
{
    free_sized(p, size);
}

static void by_free_aligned_sized(void *p, size_t size)
{
    free_aligned_sized(p, 8, size);
}

static void by_moving(void *p, size_t size)
{
    p = realloc(p, size + 20000);
    CHECK(p != NULL, "realloc");
    memset(p, 3, size + 20000);
    free(p);
}

static void (*const givers[])(void *p, size_t size) = {
    by_free,   by_cfree,        by_realloc,      by_free_aligned_sized,   by_free_sized,
    by_delete, by_sized_delete, by_delete_array, by_sized_aligned_delete, by_moving,
};

#define GIVERS HK_COUNT_OF(givers)

/* ---- what ---- */

static void check_size(void *p, size_t size)
{
    size_t usable = malloc_usable_size(p);
    if (other.malloc_usable_size != NULL)
        CHECK(usable == other.malloc_usable_size(p) && usable >= size, "%zu bytes of %zu", usable, size);
    else
        CHECK(usable == 0, "%zu bytes", usable);
}

static void resize(size_t from, size_t to)
{
    size_t kept = from < to ? from : to;
    void *p = make(0, from);
    pattern_fill(p, from, from + to);
    p = reallocarray(p, 1, to);
    CHECK(p != NULL, "%zu to %zu bytes", from, to);
    CHECK(pattern_check(p, kept, from + to) == kept, "%zu to %zu bytes: contents lost", from, to);
    memset(p, 5, to);
    free(p);
}

static void use_each_call(void)
{
    for (unsigned s = 0; s < HK_COUNT_OF(sizes); s++) {
        for (unsigned g = 0; g < GIVERS * MAKERS; g++) {
            void *p = make(g % MAKERS, sizes[s]);
            pattern_fill(p, sizes[s], g);
            check_size(p, sizes[s]);
            CHECK(pattern_check(p, sizes[s], g) == sizes[s], "contents lost");
            givers[g / MAKERS](p, sizes[s]);
        }
        for (unsigned t = 0; t < HK_COUNT_OF(sizes); t++)
            resize(sizes[s], sizes[t]);
    }
}

/* Filled so that the words around a block could be the C library's. */
static void misleading(void)
{
    enum { N = 100, WORDS = 4 };
    size_t *blocks[N];
    for (unsigned i = 0; i < N; i++) {
        blocks[i] = other.malloc(0x21);
        CHECK(blocks[i] != NULL, "no block");
        for (unsigned w = 0; w < WORDS; w++)
            blocks[i][w] = 0x21;
    }
    for (unsigned i = 0; i < N; i++)
        free(blocks[i]);
    if (other.own_live != NULL)
        CHECK(other.own_live() == 0, "%zu blocks did not come back", other.own_live());
}

/* More than there is memory for, were it not to come back. */
static void use_much(void)
{
    enum { ROUNDS = 1000, BYTES = 1 << 20 };
    size_t before = check_rss_bytes(0);
    for (unsigned i = 0; i < ROUNDS; i++)
        free(memset(other.malloc(BYTES), 1, BYTES));
    size_t now = check_rss_bytes(0);
    CHECK(now < before + ((size_t)256 << 20), "%zu MiB more after %u blocks of a MiB", (now - before) >> 20,
          ROUNDS);
}

static void calls(void)
{
    size_t live = other.own_live != NULL ? other.own_live() : 0;
    use_each_call();
    if (other.own_live != NULL)
        CHECK(other.own_live() == live, "%zu blocks did not come back", other.own_live() - live);
    else
        use_much();
}

enum { THREADS = 4, ROUNDS = 2000, PLACES = 64 };
static void *places[PLACES]; /* exchanged atomically */

static void *exchange_blocks(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t size = sizes[rand_r(&seed) % (HK_COUNT_OF(sizes) - 2)];
        void *p = make(i % MAKERS, size);
        memset(p, 1, size);
        p = __atomic_exchange_n(&places[rand_r(&seed) % PLACES], p, __ATOMIC_ACQ_REL);
        if (p != NULL && i % 4 == 0)
            p = realloc(p, 100);
        if (p != NULL && other.malloc_usable_size != NULL)
            CHECK(malloc_usable_size(p) != 0, "no size");
        free(p);
        free(malloc(100));
    }
    return NULL;
}

static void threads(void)
{
    pthread_t ids[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&ids[i], NULL, exchange_blocks, (void *)(uintptr_t)(i + 1)) == 0, "no thread");
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(ids[i], NULL);
    for (unsigned i = 0; i < PLACES; i++)
        free(places[i]);
}

static void give_back(void *arg)
{
    void **blocks = arg;
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++)
        givers[i % GIVERS](blocks[i], sizes[i]);
    use_each_call();
}

static void children(void)
{
    void *blocks[HK_COUNT_OF(sizes)];
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++)
        blocks[i] = memset(make(0, sizes[i]), 1, sizes[i]);
    for (unsigned i = 0; i < 2; i++) {
        int status = family_in_child(give_back, blocks, NULL, 0);
        CHECK(status == 0, "status %#x", status);
    }
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++)
        free(blocks[i]);
}

static void libc(void)
{
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
            void *p = __libc_malloc(sizes[i]), *theirs = make(0, sizes[i]);
            pattern_fill(p, sizes[i], i);
            CHECK(malloc_usable_size(p) >= sizes[i], "%zu bytes", malloc_usable_size(p));
            free(theirs);
            p = realloc(p, sizes[i] + 1000);
            CHECK(p != NULL && pattern_check(p, sizes[i], i) == sizes[i], "contents lost");
            free(p);
        }
    }
}

static char a_static[64];

static void give_to_free(void *p)
{
    free(check_hidden_pointer(p));
}

static void nobodys(void)
{
    long local[8] __attribute__((aligned(16))) = {0};
    void *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *const pointers[] = {(void *)16,
                              (void *)0x123450,
                              (void *)-16,
                              (void *)((uintptr_t)1 << 56),
                              local,
                              a_static,
                              page,
                              (char *)page + 4096,
                              (void *)(uintptr_t)nobodys};
    char said[500];
    other.malloc(100);
    CHECK(page != MAP_FAILED && munmap((char *)page + 4096, 4096) == 0, "munmap");
    /* Who cannot be asked is given all that can be read, as without us. */
    for (unsigned i = 0; i < (other.asked ? HK_COUNT_OF(pointers) : 4); i++) {
        int status = family_in_child(give_to_free, pointers[i], said, sizeof said);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%p: status %#x", pointers[i], status);
        CHECK(strncmp(said, "hakmem: free(0x", 15) == 0, "%p: %s", pointers[i], said);
    }
}

static void unloaded(void)
{
    char said[500];
    free(other.malloc(100));
    CHECK(dlclose(other.handle) == 0, "%s", dlerror());
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++)
        free(realloc(__libc_malloc(sizes[i]), 1000));
    int status = family_in_child(give_to_free, a_static, said, sizeof said);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %#x", status);
    CHECK(strncmp(said, "hakmem: free(0x", 15) == 0, "%s", said);
}

static const struct {
    const char *name;
    void (*run)(void);
} whats[] = {
    {"calls", calls}, {"misleading", misleading}, {"threads", threads},   {"children", children},
    {"libc", libc},   {"nobodys", nobodys},       {"unloaded", unloaded},
};

static void run(const char *name)
{
    for (unsigned i = 0; i < HK_COUNT_OF(whats); i++) {
        if (strcmp(whats[i].name, name) == 0) {
            whats[i].run();
            return;
        }
    }
    CHECK(false, "what is %s?", name);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 3, "usage: others LIBRARY WHAT...");
    family_open(&other, argv[1]);
    for (int i = 2; i < argc; i++)
        run(argv[i]);
    return 0;
}
