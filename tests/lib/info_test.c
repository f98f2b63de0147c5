/* info_test.c - glibc's questions about the heap are answered with figures that follow what was done. */
#include "tests/support/test.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Deprecated, and still called by what was built long ago. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#include "tests/lib/blocks.h"
#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

#define SMALL_BLOCKS 1000
#define SMALL_BYTES  ((size_t)1024)
#define BIG_BYTES    ((size_t)1 << 20)
#define HUGE_BYTES   ((size_t)8 << 20)

static void *small_blocks[SMALL_BLOCKS];
static void *big_block, *huge_block;

static void allocate_known(void)
{
    for (unsigned i = 0; i < SMALL_BLOCKS; i++)
        small_blocks[i] = memset(malloc(SMALL_BYTES), 1, SMALL_BYTES);
    big_block = memset(malloc(BIG_BYTES), 1, BIG_BYTES);
    huge_block = memset(malloc(HUGE_BYTES), 1, HUGE_BYTES);
}

static void free_known(void)
{
    for (unsigned i = 0; i < SMALL_BLOCKS; i++)
        free(small_blocks[i]);
    free(big_block);
    free(huge_block);
}

static void mallinfo2_follows(void **state)
{
    (void)state;
    struct mallinfo2 before = mallinfo2();
    allocate_known();
    struct mallinfo2 with = mallinfo2();
    struct mallinfo old = mallinfo();
    free_known();
    struct mallinfo2 after = mallinfo2();
    assert_int_equal(with.uordblks - before.uordblks, SMALL_BLOCKS * SMALL_BYTES + BIG_BYTES);
    assert_int_equal(with.hblks - before.hblks, 1);
    assert_int_equal(with.hblkhd - before.hblkhd, HUGE_BYTES);
    assert_true(with.arena >= with.uordblks);
    assert_int_equal(with.uordblks + with.fordblks, with.arena);
    assert_int_equal((size_t)old.uordblks, with.uordblks);
    assert_int_equal((size_t)old.hblkhd, with.hblkhd);
    assert_int_equal((size_t)old.arena, with.arena);
    assert_int_equal(after.uordblks, before.uordblks);
    assert_int_equal(after.hblks, before.hblks);
    assert_int_equal(after.hblkhd, before.hblkhd);
    assert_int_equal(after.uordblks + after.fordblks, after.arena);
}

/* More than an int holds is shown as the most that it holds. */
static void mallinfo_stops_at_an_int(void **state)
{
    (void)state;
    void *p = malloc((size_t)3 << 30);
    assert_non_null(p);
    assert_int_equal(mallinfo().hblkhd, 0x7fffffff);
    assert_true(mallinfo2().hblkhd >= (size_t)3 << 30);
    free(p);
}

static uint64_t number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    if (at == NULL)
        fail_msg("no '%s' in:\n%s", key, text);
    at += strlen(key);
    while (*at == ' ' || *at == '=' || *at == '"')
        at++;
    return strtoull(at, NULL, 10);
}

static uint64_t live_size(const char *text)
{
    const char *live = strstr(text, "type=\"live\"");
    assert_non_null(live);
    return number_after(live, "size");
}

static void read_back(FILE *file, char *text, size_t size)
{
    assert_int_equal(fflush(file), 0);
    rewind(file);
    size_t n = fread(text, 1, size - 1, file);
    text[n] = '\0';
    rewind(file);
}

static void malloc_info_follows(void **state)
{
    (void)state;
    static char before[4096], with[4096], buffer[4096];
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(setvbuf(file, buffer, _IOFBF, sizeof buffer),
                     0); /* else the first write allocates one */
    assert_int_equal(malloc_info(0, file), 0);
    read_back(file, before, sizeof before);
    allocate_known();
    assert_int_equal(malloc_info(0, file), 0);
    read_back(file, with, sizeof with);
    free_known();
    fclose(file);
    assert_int_equal(number_after(with, "type=\"live\" count") - number_after(before, "type=\"live\" count"),
                     SMALL_BLOCKS + 2);
    assert_int_equal(live_size(with) - live_size(before),
                     SMALL_BLOCKS * SMALL_BYTES + BIG_BYTES + HUGE_BYTES);
    assert_int_equal(number_after(with, "type=\"mmap\" count") - number_after(before, "type=\"mmap\" count"),
                     1);
    assert_true(number_after(with, "type=\"current\" size") >= live_size(with));
    assert_non_null(strstr(with, "<malloc version="));
    assert_non_null(strstr(with, "</malloc>"));
}

static void malloc_info_takes_no_options(void **state)
{
    (void)state;
    assert_int_equal(malloc_info(1, stderr), EINVAL);
}

static void malloc_stats_says_it_on_stderr(void **state)
{
    (void)state;
    static char text[4096];
    FILE *file = tmpfile();
    assert_non_null(file);
    int saved = dup(STDERR_FILENO);
    struct hakmem_snapshot s;
    allocate_known();
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    malloc_stats();
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    close(saved);
    assert_int_equal(hakmem_snapshot(&s, sizeof s), 0);
    read_back(file, text, sizeof text);
    fclose(file);
    free_known();
    assert_int_equal(number_after(text, "live bytes"), s.live_bytes);
    assert_int_equal(number_after(text, "mapped bytes"), s.mapped_bytes);
    assert_int_equal(number_after(text, "bytes in bins"), s.bin_bytes);
    assert_int_equal(number_after(text, "allocations"), s.allocs_total);
    assert_int_equal(number_after(text, "frees"), s.frees_total);
}

/* With nothing given back by itself, trimming is what gives back. */
static void malloc_trim_gives_memory_back(void **state)
{
    (void)state;
    enum { N = 64000 };
    static void *blocks[N];
    const size_t most_of_it = 60u << 20;
    assert_int_equal(hakmem_tune("retain_bytes", "1GiB"), 0);
    for (unsigned i = 0; i < N; i++)
        blocks[i] = memset(malloc(1000), 1, 1000);
    for (unsigned i = 0; i < N; i++)
        free(blocks[i]);
    size_t kept = check_rss_bytes(0);
    assert_int_equal(malloc_trim(0), 1);
    size_t trimmed = check_rss_bytes(0);
    if (kept - trimmed < most_of_it)
        fail_msg("RSS was %zu before malloc_trim and is %zu after", kept, trimmed);
    assert_int_equal(malloc_trim(0), 0);
    assert_int_equal(hakmem_tune("retain_bytes", "2MiB"), 0);
}

static void malloc_trim_leaves_what_is_asked_for(void **state)
{
    (void)state;
    enum { N = 64000 };
    static void *blocks[N];
    const size_t pad = 32u << 20;
    struct hakmem_snapshot s;
    assert_int_equal(hakmem_tune("retain_bytes", "1GiB"), 0);
    for (unsigned i = 0; i < N; i++)
        blocks[i] = memset(malloc(1000), 1, 1000);
    for (unsigned i = 0; i < N; i++)
        free(blocks[i]);
    assert_int_equal(malloc_trim(pad), 1);
    assert_int_equal(hakmem_snapshot(&s, sizeof s), 0);
    assert_true(s.retained_bytes <= pad);
    assert_true(s.retained_bytes >= pad / 2);
    assert_int_equal(hakmem_tune("retain_bytes", "2MiB"), 0);
}

static void mallopt_knows_what_glibc_knows(void **state)
{
    (void)state;
    static const int known[] = {M_MXFAST,   M_TRIM_THRESHOLD, M_TOP_PAD,    M_MMAP_THRESHOLD,
                                M_MMAP_MAX, M_PERTURB,        M_ARENA_TEST, M_ARENA_MAX};
    for (unsigned i = 0; i < HK_COUNT_OF(known); i++)
        assert_int_equal(mallopt(known[i], 1 << 20), 1);
    assert_int_equal(mallopt(12345, 1), 0);
}

/* M_TRIM_THRESHOLD is retain_bytes under glibc's name. */
static void mallopt_changes_what_is_retained(void **state)
{
    (void)state;
    enum { N = 64000 };
    static void *blocks[N];
    struct hakmem_snapshot s;
    assert_int_equal(mallopt(M_TRIM_THRESHOLD, 512 << 20), 1);
    for (unsigned i = 0; i < N; i++)
        blocks[i] = memset(malloc(1000), 1, 1000);
    for (unsigned i = 0; i < N; i++)
        free(blocks[i]);
    assert_int_equal(hakmem_snapshot(&s, sizeof s), 0);
    assert_true(s.retained_bytes > 56u << 20);
    assert_int_equal(mallopt(M_TRIM_THRESHOLD, 2 << 20), 1);
    malloc_trim(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mallinfo2_follows),
        cmocka_unit_test(mallinfo_stops_at_an_int),
        cmocka_unit_test(malloc_info_follows),
        cmocka_unit_test(malloc_info_takes_no_options),
        cmocka_unit_test(malloc_stats_says_it_on_stderr),
        cmocka_unit_test(malloc_trim_gives_memory_back),
        cmocka_unit_test(malloc_trim_leaves_what_is_asked_for),
        cmocka_unit_test(mallopt_knows_what_glibc_knows),
        cmocka_unit_test(mallopt_changes_what_is_retained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
