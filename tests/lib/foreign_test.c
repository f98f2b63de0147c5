/* foreign_test.c - blocks of the C library's own heap find their way back to it. */
#include "tests/support/test.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

/* Small ones lie in the brk heap, above 128 KiB each is a mapping of its own. */
static const size_t sizes[] = {1, 24, 100, 1000, 5000, 60000, 120000, 140000, 1000000, 40000000};

#define NOT_HERE 77

static void *libc;

/* By a library that is linked with it: where the C library itself is asked for, its names lead to ours
 * (lib/entry/deepbind.c). */
static int find_libc(void **state)
{
    (void)state;
    libc = dlopen("libm.so.6", RTLD_NOW);
    return libc == NULL;
}

/* What the C library's own heap has handed out. */
static size_t libc_in_use(void)
{
    struct mallinfo2 (*ask)(void) = (struct mallinfo2(*)(void))dlsym(libc, "mallinfo2");
    assert_non_null(ask);
    struct mallinfo2 m = ask();
    return m.uordblks + m.hblkhd;
}

static void a_foreign_block_is_freed_where_it_came_from(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        size_t before = libc_in_use();
        void *p = __libc_malloc(sizes[i]);
        assert_non_null(p);
        memset(p, 1, sizes[i]);
        assert_true(libc_in_use() > before || sizes[i] < 1000); /* small chunks may come from its cache */
        free(p);
        assert_true(libc_in_use() <= before + 1200 * 64);
    }
}

static void many_foreign_blocks_leave_nothing_behind(void **state)
{
    (void)state;
    enum { N = 300 };
    static void *blocks[N];
    size_t before = libc_in_use();
    for (unsigned i = 0; i < N; i++)
        blocks[i] = memset(__libc_malloc(200000), 1, 200000);
    assert_true(libc_in_use() >= before + N * 200000);
    for (unsigned i = 0; i < N; i++)
        free(blocks[i]);
    assert_true(libc_in_use() < before + 20000); /* where brk ends, a few words are left over */
}

static void a_foreign_block_can_be_measured(void **state)
{
    (void)state;
    size_t (*libc_usable)(void *) = (size_t(*)(void *))dlsym(libc, "malloc_usable_size");
    assert_non_null(libc_usable);
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        void *p = __libc_malloc(sizes[i]);
        assert_int_equal(malloc_usable_size(p), libc_usable(p));
        free(p);
    }
}

static void a_foreign_block_can_be_resized(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        for (unsigned k = 0; k < HK_COUNT_OF(sizes); k++) {
            size_t kept = sizes[i] < sizes[k] ? sizes[i] : sizes[k];
            void *p = __libc_malloc(sizes[i]);
            pattern_fill(p, sizes[i], i);
            p = realloc(p, sizes[k]);
            assert_non_null(p);
            assert_true(malloc_usable_size(p) >= sizes[k]);
            if (pattern_check(p, kept, i) != kept)
                fail_msg("realloc of a foreign block from %zu to %zu bytes lost contents", sizes[i],
                         sizes[k]);
            memset(p, 2, sizes[k]);
            free(p);
        }
    }
}

static void a_foreign_block_resized_to_nothing_is_freed(void **state)
{
    (void)state;
    size_t before = libc_in_use();
    void *p = __libc_malloc(300000);
    assert_null(realloc(p, check_hidden_size(0)));
    assert_int_equal(libc_in_use(), before);
}

/* What ends the program is to end only a child of it. */
static void in_child(void (*run)(void))
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        run();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_HERE)
        skip();
    assert_int_equal(status, 0);
}

static void use_aligned(size_t align)
{
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        void *p = __libc_memalign(align, sizes[i]);
        CHECK(p != NULL, "__libc_memalign(%zu, %zu)", align, sizes[i]);
        CHECK(malloc_usable_size(p) >= sizes[i], "%zu", malloc_usable_size(p));
        pattern_fill(p, sizes[i], align);
        p = realloc(p, sizes[i] + 1);
        CHECK(pattern_check(p, sizes[i], align) == sizes[i], "contents lost");
        free(p);
        free(__libc_memalign(align, sizes[i]));
    }
}

static void use_aligned_below_a_page(void)
{
    for (size_t align = 32; align < 4096; align *= 2)
        use_aligned(align);
}

/* The words that tell what such a block is lie in the page before it. */
static void use_aligned_to_pages(void)
{
    for (size_t align = 4096; align <= 1u << 20; align *= 2)
        use_aligned(align);
}

static void aligned_foreign_blocks_are_known(void **state)
{
    (void)state;
    in_child(use_aligned_below_a_page);
}

static void page_aligned_foreign_blocks_are_known(void **state)
{
    (void)state;
    in_child(use_aligned_to_pages);
}

/* Threads other than the first have arenas of their own in glibc, neither in the brk heap nor mmapped. */
static void *allocate_in_thread(void *arg)
{
    void **blocks = arg;
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++)
        blocks[i] = memset(__libc_malloc(sizes[i]), 1, sizes[i]);
    return NULL;
}

static void use_blocks_of_a_thread(void)
{
    void *blocks[HK_COUNT_OF(sizes)];
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, allocate_in_thread, blocks) == 0, "no thread");
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        CHECK(malloc_usable_size(blocks[i]) >= sizes[i], "%zu", malloc_usable_size(blocks[i]));
        blocks[i] = realloc(blocks[i], sizes[i] + 100);
        CHECK(blocks[i] != NULL, "realloc");
        free(blocks[i]);
    }
}

static void foreign_blocks_of_other_threads_are_known(void **state)
{
    (void)state;
    in_child(use_blocks_of_a_thread);
}

/* Somebody's mapping is in brk's way: the C library goes on elsewhere. */
static void use_blocks_beyond_brk(void)
{
    enum { N = 200 };
    static unsigned char *blocks[N];
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), end = ((uintptr_t)sbrk(0) + page - 1) & ~(page - 1);
    if (mmap((void *)end, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
        (void *)end)
        _exit(NOT_HERE); /* an emulator puts it anywhere */
    unsigned beyond = 0;
    for (unsigned i = 0; i < N; i++) {
        size_t size = 24 + i * 500;
        blocks[i] = __libc_malloc(size);
        CHECK(blocks[i] != NULL, "no block");
        pattern_fill(blocks[i], size, i);
        beyond += (uintptr_t)blocks[i] > end || (uintptr_t)blocks[i] < end - (64u << 20);
    }
    CHECK(beyond > N / 2, "only %u blocks lie beyond brk", beyond);
    for (unsigned i = 0; i < N; i++) {
        size_t size = 24 + i * 500;
        CHECK(malloc_usable_size(blocks[i]) >= size, "%zu", malloc_usable_size(blocks[i]));
        if (i % 3 == 0)
            blocks[i] = realloc(blocks[i], size + 1000);
        CHECK(pattern_check(blocks[i], size, i) == size, "contents lost");
        free(blocks[i]);
    }
}

static void foreign_blocks_beyond_brk_are_known(void **state)
{
    (void)state;
    in_child(use_blocks_beyond_brk);
}

/* ---- the words around the blocks of each version, as they were found there ---- */

struct words {
    const char *version;
    size_t at;           /* of the block in its mapping, which is of whole pages */
    size_t before, size; /* the words in front of it */
    size_t next;         /* the size of the chunk behind it; 0: none, it is a mapping */
    size_t usable;
};

static const struct words known_words[] = {
    {"2.31 to 2.42, 1000000 bytes", 0x10, 0, 0xf5002, 0, 1003504},
    {"2.31 to 2.42, 5000000 bytes at 256", 0x100, 0xf0, 0x4c4f12, 0, 5000960},
    {"2.31 to 2.42, 5000000 bytes at a page", 0x1000, 0xff0, 0x4c5012, 0, 5001216},
    {"2.43, 1000000 bytes", 0x10, 0, 0xf4ff2, 0, 1003496},
    {"2.43, 5000000 bytes at 32", 0x20, 0x10, 0x4c4fe2, 0, 5001176},
    {"2.43, 5000000 bytes at a page", 0x1000, 0xff0, 0x4c5002, 0, 5001208},
    {"2.43, 5000000 bytes of huge pages", 0x10, 1, 0x5ffff2, 0, 6291432},
    {"2.43, 5000000 bytes of huge pages at 256", 0x100, 0xf1, 0x5fff02, 0, 6291192},
    {"all, 24 bytes beyond brk", 0x2d0, 0, 0x21, 0x1fed21, 24},
    {"all, 24 bytes of a thread", 0x890, 0, 0x25, 0x20771, 24},
    {"all, 60000 bytes of a thread, the next in use", 0x890, 0x30, 0xea75, 0x25, 60008},
    {"all, 5000000 bytes of a thread's huge pages", 0x820, 0, 0x4c4b55, 0xca1, 5000008},
};

static void blocks_of_all_versions_are_known(void **state)
{
    (void)state;
    enum { BYTES = 8 << 20 };
    if (sysconf(_SC_PAGESIZE) != 4096)
        skip();
    for (unsigned i = 0; i < HK_COUNT_OF(known_words); i++) {
        const struct words *w = &known_words[i];
        char *map = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(map != MAP_FAILED);
        size_t *block = (size_t *)(map + w->at), *next = (size_t *)(map + w->at + (w->size & ~(size_t)7));
        block[-2] = w->before;
        block[-1] = w->size;
        if (w->next != 0)
            next[-1] = w->next;
        if (malloc_usable_size(block) != w->usable)
            fail_msg("glibc %s: %zu bytes, not %zu", w->version, malloc_usable_size(block), w->usable);
        assert_int_equal(munmap(map, BYTES), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_foreign_block_is_freed_where_it_came_from),
        cmocka_unit_test(many_foreign_blocks_leave_nothing_behind),
        cmocka_unit_test(a_foreign_block_can_be_measured),
        cmocka_unit_test(a_foreign_block_can_be_resized),
        cmocka_unit_test(a_foreign_block_resized_to_nothing_is_freed),
        cmocka_unit_test(aligned_foreign_blocks_are_known),
        cmocka_unit_test(page_aligned_foreign_blocks_are_known),
        cmocka_unit_test(foreign_blocks_of_other_threads_are_known),
        cmocka_unit_test(foreign_blocks_beyond_brk_are_known),
        cmocka_unit_test(blocks_of_all_versions_are_known),
    };
    return cmocka_run_group_tests(tests, find_libc, NULL);
}
