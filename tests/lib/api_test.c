/* api_test.c - hakmem.h: version, snapshot, tune, trim; what each does and what it refuses. */
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "shm/schema.h"
#include "tests/lib/blocks.h"
#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

static struct hakmem_snapshot snapshot(void)
{
    struct hakmem_snapshot s;
    memset(&s, 0xff, sizeof s);
    assert_int_equal(hakmem_snapshot(&s, sizeof s), 0);
    return s;
}

static void the_version_is_the_projects(void **state)
{
    (void)state;
    assert_string_equal(hakmem_version(), HAKMEM_VERSION);
    assert_ptr_equal(hakmem_version(), hakmem_version());
}

static void a_snapshot_counts_every_call(void **state)
{
    (void)state;
    enum { N = 777 };
    static void *blocks[N];
    struct hakmem_snapshot a = snapshot();
    for (unsigned i = 0; i < N; i++)
        blocks[i] = malloc(100);
    void *big = malloc(100000), *huge = malloc(5000000), *zeroed = calloc(1, 3000);
    struct hakmem_snapshot b = snapshot();
    for (unsigned i = 0; i < N; i++)
        free(blocks[i]);
    free(big);
    free(huge);
    free(zeroed);
    struct hakmem_snapshot c = snapshot();
    assert_int_equal(b.allocs_total - a.allocs_total, N + 3);
    assert_int_equal(b.frees_total, a.frees_total);
    assert_int_equal(b.live_blocks - a.live_blocks, N + 3);
    assert_int_equal(c.frees_total - b.frees_total, N + 3);
    assert_int_equal(c.allocs_total, b.allocs_total);
    assert_int_equal(c.live_blocks, a.live_blocks);
    assert_int_equal(c.live_bytes, a.live_bytes);
}

/* What is mapped covers what is used, cached and kept. */
static void a_snapshot_adds_up(void **state)
{
    (void)state;
    void *blocks[500];
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
        blocks[i] = malloc(i * 37);
    struct hakmem_snapshot s = snapshot();
    assert_true(s.live_bytes + s.bin_bytes + s.partial_bytes + s.retained_bytes <= s.mapped_bytes);
    assert_int_equal(s.live_blocks, s.allocs_total - s.frees_total);
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
        free(blocks[i]);
}

static void realloc_counts_as_its_parts(void **state)
{
    (void)state;
    struct hakmem_snapshot a = snapshot();
    void *p = malloc(100);
    p = realloc(p, 101); /* fits: nothing */
    struct hakmem_snapshot b = snapshot();
    assert_int_equal(b.allocs_total - a.allocs_total, 1);
    assert_int_equal(b.frees_total, a.frees_total);
    p = realloc(p, 10000); /* moves: one of each */
    struct hakmem_snapshot c = snapshot();
    assert_int_equal(c.allocs_total - b.allocs_total, 1);
    assert_int_equal(c.frees_total - b.frees_total, 1);
    free(p);
}

/* A program built with an older or a newer header than the library. */
static void a_snapshot_has_the_callers_size(void **state)
{
    (void)state;
    struct {
        struct hakmem_snapshot known;
        uint64_t unknown[4];
    } newer;
    unsigned char guard[8];
    uint64_t older[2];
    memset(&newer, 0xff, sizeof newer);
    assert_int_equal(hakmem_snapshot(&newer.known, sizeof newer), 0);
    assert_true(newer.known.mapped_bytes > 0);
    assert_true(is_zero(newer.unknown, sizeof newer.unknown));
    struct {
        unsigned char bytes[sizeof older], after[sizeof guard];
    } exact;
    memset(&exact, 0xee, sizeof exact);
    memset(guard, 0xee, sizeof guard);
    assert_int_equal(hakmem_snapshot((struct hakmem_snapshot *)(void *)&exact, sizeof older), 0);
    memcpy(older, exact.bytes, sizeof older);
    assert_int_equal(older[0], newer.known.mapped_bytes);
    assert_memory_equal(exact.after, guard, sizeof guard);
    assert_int_equal(hakmem_snapshot(NULL, sizeof newer), EINVAL);
}

static void every_tunable_takes_its_bounds(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_TUNABLES; i++) {
        const struct hk_tunable_info *t = &hk_tunables[i];
        char text[32], above[32];
        if (t->type != HK_TYPE_UINT)
            continue;
        snprintf(text, sizeof text, "%llu", (unsigned long long)t->min);
        assert_int_equal(hakmem_tune(t->name, text), 0);
        snprintf(text, sizeof text, "%llu", (unsigned long long)t->max);
        assert_int_equal(hakmem_tune(t->name, text), 0);
        snprintf(above, sizeof above, "%llu", (unsigned long long)t->max + 1);
        assert_int_equal(hakmem_tune(t->name, above), ERANGE);
        if (t->min > 0) {
            snprintf(above, sizeof above, "%llu", (unsigned long long)t->min - 1);
            assert_int_equal(hakmem_tune(t->name, above), ERANGE);
        }
        snprintf(text, sizeof text, "%llu", (unsigned long long)t->dflt);
        assert_int_equal(hakmem_tune(t->name, text), 0);
    }
}

static void what_cannot_be_tuned_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        int err;
    } rows[] = {
        {"no_such_tunable", "1", ENOENT},
        {"", "1", ENOENT},
        {"refill_batch.100", "8", ENOENT}, /* no class has that size */
        {"refill_batch.", "8", ENOENT},
        {"bin_cap.256", "8", ENOENT}, /* not per class */
        {"retain_bytes", "", EINVAL},
        {"retain_bytes", "much", EINVAL},
        {"retain_bytes", "12parsecs", EINVAL},
        {"retain_bytes", "-1", EINVAL},
        {"thp", "perhaps", EINVAL},
        {"refill_batch", "0", ERANGE},
        {"refill_batch", "1001", ERANGE},
        {"refill_batch.256", "0", ERANGE},
        {"refill_batch.256", "5000", ERANGE},
        {"retain_bytes", "99999999999999999999999999", ERANGE},
    };
    for (unsigned i = 0; i < HK_COUNT_OF(rows); i++) {
        int err = hakmem_tune(rows[i].name, rows[i].value);
        if (err != rows[i].err)
            fail_msg("hakmem_tune(\"%s\", \"%s\") is %d, not %d", rows[i].name, rows[i].value, err,
                     rows[i].err);
    }
    assert_int_equal(hakmem_tune(NULL, "1"), EINVAL);
    assert_int_equal(hakmem_tune("retain_bytes", NULL), EINVAL);
}

static void words_and_units_are_understood(void **state)
{
    (void)state;
    assert_int_equal(hakmem_tune("retain_bytes", "64MiB"), 0);
    assert_int_equal(hakmem_tune("retain_bytes", "2m"), 0);
    assert_int_equal(hakmem_tune("purge_delay_ms", "2s"), 0);
    assert_int_equal(hakmem_tune("purge_delay_ms", "250ms"), 0);
    assert_int_equal(hakmem_tune("purge_kind", "free"), 0);
    assert_int_equal(hakmem_tune("purge_kind", "dontneed"), 0);
    assert_int_equal(hakmem_tune("refill_batch", "100%"), 0);
    assert_int_equal(hakmem_tune("refill_batch.256", "64"), 0);
}

/* Frees a load of 32 MiB, then says how much of it is retained. */
static uint64_t retained_after_a_load(void)
{
    enum { N = 32000 };
    static void *blocks[N];
    for (unsigned i = 0; i < N; i++)
        blocks[i] = memset(malloc(1000), 1, 1000);
    for (unsigned i = 0; i < N; i++)
        free(blocks[i]);
    return snapshot().retained_bytes;
}

static void a_tuned_value_is_in_force(void **state)
{
    (void)state;
    assert_int_equal(hakmem_tune("retain_percent", "0"), 0);
    assert_int_equal(hakmem_tune("retain_bytes", "1GiB"), 0);
    assert_true(retained_after_a_load() > 24u << 20);
    assert_true(hakmem_trim(0) > 24u << 20);
    assert_int_equal(hakmem_tune("retain_bytes", "0"), 0);
    hakmem_trim(0);
    assert_true(retained_after_a_load() <= 1u << 20);
    assert_int_equal(hakmem_tune("retain_percent", "2"), 0);
    assert_int_equal(hakmem_tune("retain_bytes", "2MiB"), 0);
}

static void a_trim_keeps_what_it_is_told(void **state)
{
    (void)state;
    assert_int_equal(hakmem_tune("retain_bytes", "1GiB"), 0);
    retained_after_a_load();
    size_t given = hakmem_trim(8u << 20);
    uint64_t retained = snapshot().retained_bytes;
    assert_true(given > 16u << 20);
    assert_true(retained <= 8u << 20 && retained > 4u << 20);
    assert_int_equal(hakmem_tune("retain_bytes", "2MiB"), 0);
    hakmem_trim(0);
    assert_int_equal(snapshot().retained_bytes, 0);
}

/* One that waits for good, having used sizes from the smallest to the largest. */
static void *idler(void *arg)
{
    pthread_barrier_t *both = arg;
    void *blocks[64];
    for (size_t size = 16; size <= 32768; size *= 2) {
        for (unsigned round = 0; round < 50; round++) {
            for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
                blocks[i] = malloc(size);
            for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++)
                free(blocks[i]);
        }
    }
    (void)pthread_barrier_wait(both);
    (void)pthread_barrier_wait(both);
    hakmem_thread_idle();
    (void)pthread_barrier_wait(both);
    (void)pthread_barrier_wait(both);
    free(malloc(100)); /* and is as good as ever */
    return NULL;
}

static void an_idle_thread_keeps_nothing(void **state)
{
    (void)state;
    if (getenv("HAKMEM_HARDEN") != NULL)
        skip(); /* the quarantine is the process's and counts as cached */
    pthread_barrier_t both;
    pthread_t thread;
    assert_int_equal(pthread_barrier_init(&both, NULL, 2), 0);
    assert_int_equal(pthread_create(&thread, NULL, idler, &both), 0);
    (void)pthread_barrier_wait(&both);
    hakmem_thread_idle(); /* this one's cache is not what is looked for */
    uint64_t before = snapshot().bin_bytes;
    (void)pthread_barrier_wait(&both);
    (void)pthread_barrier_wait(&both);
    uint64_t after = snapshot().bin_bytes;
    (void)pthread_barrier_wait(&both);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(before > 256u << 10);
    assert_true(after < 16u << 10);
}

/* Without a segment a label has nowhere to show; it must not do harm. */
static void a_label_may_be_anything(void **state)
{
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    hakmem_label("a label");
    hakmem_label("");
    hakmem_label(text);
    hakmem_label(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_is_the_projects),
        cmocka_unit_test(a_snapshot_counts_every_call),
        cmocka_unit_test(a_snapshot_adds_up),
        cmocka_unit_test(realloc_counts_as_its_parts),
        cmocka_unit_test(a_snapshot_has_the_callers_size),
        cmocka_unit_test(every_tunable_takes_its_bounds),
        cmocka_unit_test(what_cannot_be_tuned_is_refused),
        cmocka_unit_test(words_and_units_are_understood),
        cmocka_unit_test(a_tuned_value_is_in_force),
        cmocka_unit_test(a_trim_keeps_what_it_is_told),
        cmocka_unit_test(an_idle_thread_keeps_nothing),
        cmocka_unit_test(a_label_may_be_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
