/*
 * damage.c - what HAKMEM_VERIFY=ON looks for is found: each kind of damage is done in a process of its own,
 * which must then end at its next slow path, or at the exact look, with the line that names it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/arena/superslab_state.h"
#include "lib/arena/verify_parts.h"
#include "lib/base/process_counters.h"
#include "lib/entry/alloc.h"
#include "lib/heap/bin.h"
#include "tests/support/check.h"

#define BYTES 64
#define LOOKS ((1u << 20) + 1000) /* more than a table counts */

static unsigned class_of_test(void)
{
    return hk_class_of_size(BYTES);
}

/* Until slow paths have come: some of what they look at they look at in turn. */
static void go_on(void)
{
    static void *blocks[4000];
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
            blocks[i] = hk_malloc(BYTES);
        for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
            hk_free(blocks[i]);
    }
    for (unsigned i = 0; i < 100; i++)
        hk_free(hk_malloc(i * 5000));
}

static void twice_in_bin(void)
{
    struct hk_heap *heap = hk_heap_get();
    struct hk_bin *bin = hk_bin_of(heap, class_of_test());
    void **top = hk_place(heap, bin->top);
    CHECK(hk_bin_length(heap, class_of_test()) >= 2, "the bin has blocks");
    top[-1] = top[-2];
    hk_verify_bin(heap, class_of_test());
}

static void in_bin_and_slab(void)
{
    struct hk_heap *heap = hk_heap_get();
    void *block = hk_place(heap, hk_bin_of(heap, class_of_test())->top)[-1];
    uint32_t slab = (uint32_t)hk_slab_of(block);
    uint32_t at = hk_block_index(&hk_classes[class_of_test()],
                                 (uint32_t)((uintptr_t)block - hk_slab_start(slab)));
    atomic_fetch_or(&hk_slab_map(slab, class_of_test())[at / 64], UINT64_C(1) << (at % 64));
    hk_verify_bin(heap, class_of_test());
}

static void meta_word(void)
{
    void *block = hk_malloc(BYTES);
    atomic_store(&hk_meta_words()[hk_slab_of(block)], (uint16_t)hk_bin_offset_of_class(class_of_test() + 1));
    hk_verify_bin(hk_heap_get(), class_of_test());
}

/* Of a slab that this thread does not refill from: found in turn. */
static void lost_bits(void)
{
    void *block = hk_malloc(1000);
    uint32_t slab = (uint32_t)hk_slab_of(block);
    atomic_store(&hk_slab_map(slab, hk_class_of_size(1000))[0], 0);
    atomic_store(&hk_slab_map(slab, hk_class_of_size(1000))[1], 0);
    go_on();
}

static void free_and_used(void)
{
    uint32_t slab = (uint32_t)hk_slab_of(hk_malloc(BYTES));
    atomic_fetch_or(&hk_superslab_at(slab / HK_SLABS_PER_SUPERSLAB)->free,
                    UINT32_C(1) << (slab % HK_SLABS_PER_SUPERSLAB));
    hk_verify_bin(hk_heap_get(), class_of_test());
}

static void cached_bytes(void)
{
    hk_free(hk_malloc(BYTES));
    atomic_fetch_add(&hk_heap_get()->cache_bytes, BYTES);
    go_on();
}

static void big_span(void)
{
    void *block = hk_malloc(300000);
    hk_slab_at((uint32_t)hk_slab_of(block))->span = 2;
    hk_verify_big(block);
}

static void open_count(void)
{
    hk_ss.open++;
    for (unsigned i = 0; i < 100; i++)
        hk_free(hk_malloc((size_t)(3 + i) << 20));
}

static void retained(void)
{
    hk_count(&hk_process.retained_bytes, HK_SLAB_BYTES);
    hk_verify_quiet();
}

static const struct {
    void (*damage)(void);
    const char *line; /* part of what is said */
} cases[] = {
    {twice_in_bin, "a block is in a bin twice"},
    {in_bin_and_slab, "a block is in a bin and in its slab"},
    {meta_word, "is not of its class"},
    {lost_bits, "fewer free blocks than its word"},
    {free_and_used, "is free"},
    {cached_bytes, "a heap's cached bytes"},
    {big_span, "a big block is longer than what it has"},
    {open_count, "the number of open SuperSlabs"},
    {retained, "retained bytes"},
};

/* Blocks in bins, and slabs that have some to give. Each case is to begin alike. */
static void prepare(void)
{
    void *blocks[200];
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
        blocks[i] = hk_malloc(BYTES);
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i += 2)
        hk_free(blocks[i]);
    hk_verify_quiet();
}

/* Where nothing is wrong nothing is found, however often it is looked for: tables of what was seen are used
 * anew. */
static void look_often(void)
{
    prepare();
    for (unsigned i = 0; i < LOOKS; i++)
        hk_verify_bin(hk_heap_get(), class_of_test());
}

/* What the process that does it says, and how it ends. */
static int run_case(unsigned number, char *said, size_t size)
{
    int ends[2];
    size_t len = 0;
    ssize_t n;
    char text[16];
    CHECK(pipe(ends) == 0, "a pipe");
    snprintf(text, sizeof text, "%u", number);
    pid_t pid = fork();
    CHECK(pid >= 0, "a process");
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        execl("/proc/self/exe", "damage", text, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    while (len < size - 1 && (n = read(ends[0], said + len, size - 1 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    close(ends[0]);
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid, "its end");
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        hk_verify_patience = 100;
        prepare();
        cases[(argv[1][0] - '0') % HK_COUNT_OF(cases)].damage();
        return 0;
    }
    for (unsigned i = 0; i < HK_COUNT_OF(cases); i++) {
        char said[1024];
        int status = run_case(i, said, sizeof said);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "case %u: status %#x: %s", i,
              (unsigned)status, said);
        CHECK(strstr(said, "verify: ") != NULL && strstr(said, cases[i].line) != NULL, "case %u: %s", i,
              said);
    }
    look_often();
    return 0;
}
