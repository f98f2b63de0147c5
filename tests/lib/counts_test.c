/*
 * counts_test.c - what the segment says is what happened.
 *
 * A puppet allocates and frees known numbers of blocks of sizes that nothing else in it uses. While it runs
 * the published totals may lag by the bounds published with them, and no more; a thread's end, hakmem.h's
 * snapshot and a normal exit make them exact.
 */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_check.h"
#include "tests/support/listener.h"
#include "tests/support/puppet.h"

/* Sizes of ten classes, up to the largest; the C library and the puppet use none of them. */
static const size_t sizes[] = {72, 220, 500, 890, 1020, 1270, 3500, 9000, 20000, 32768};

enum { SIZES = HK_COUNT_OF(sizes) };

struct stage {
    struct listener listener;
    struct puppet puppet;
    struct greeting greeting;
    struct hk_totals totals;
    /* What the puppet was told, by size class; the segment's own totals before it was told anything. */
    uint64_t allocs[HK_MAX_CLASSES], frees[HK_MAX_CLASSES];
    uint64_t allocs_before[HK_MAX_CLASSES], frees_before[HK_MAX_CLASSES];
};

static struct stage stage;

static void read_totals(void)
{
    greeting_totals(&stage.greeting, stage.puppet.pid, &stage.totals);
}

static uint64_t counter(unsigned size_class, unsigned at)
{
    return stage.totals.classes[size_class].counters[at];
}

#define COUNTER(size_class, name) counter(size_class, HK_CLASS_AT(name))

static void begin(void)
{
    memset(&stage, 0, sizeof stage);
    listener_open(&stage.listener);
    puppet_start(&stage.puppet, stage.listener.dir, NULL);
    listener_expect(&stage.listener, &stage.greeting);
    puppet_say(&stage.puppet, "snapshot");
    read_totals();
    for (unsigned c = 0; c < HK_MAX_CLASSES; c++) {
        stage.allocs_before[c] = COUNTER(c, allocs_total);
        stage.frees_before[c] = COUNTER(c, frees_total);
    }
}

static void finish(void)
{
    greeting_drop(&stage.greeting);
    listener_remove(&stage.listener);
}

static void told(size_t size, uint64_t allocs, uint64_t frees)
{
    unsigned c = greeting_class(&stage.greeting, size);
    stage.allocs[c] += allocs;
    stage.frees[c] += frees;
}

static void check_exact(const char *when)
{
    read_totals();
    for (unsigned i = 0; i < SIZES; i++) {
        unsigned c = greeting_class(&stage.greeting, sizes[i]);
        uint64_t allocs = COUNTER(c, allocs_total) - stage.allocs_before[c];
        uint64_t frees = COUNTER(c, frees_total) - stage.frees_before[c];
        CHECK(allocs == stage.allocs[c] && frees == stage.frees[c],
              "%s: class of %zu bytes: %llu allocations and %llu frees published, %llu and %llu made", when,
              sizes[i], (unsigned long long)allocs, (unsigned long long)frees,
              (unsigned long long)stage.allocs[c], (unsigned long long)stage.frees[c]);
    }
}

static void check_within_bounds(const char *when)
{
    read_totals();
    for (unsigned i = 0; i < SIZES; i++) {
        unsigned c = greeting_class(&stage.greeting, sizes[i]);
        uint64_t allocs = COUNTER(c, allocs_total) - stage.allocs_before[c];
        uint64_t frees = COUNTER(c, frees_total) - stage.frees_before[c];
        CHECK(allocs <= stage.allocs[c] && stage.allocs[c] <= allocs + COUNTER(c, allocs_lag_blocks),
              "%s: class of %zu bytes: %llu allocations published, lag %llu, %llu made", when, sizes[i],
              (unsigned long long)allocs, (unsigned long long)COUNTER(c, allocs_lag_blocks),
              (unsigned long long)stage.allocs[c]);
        CHECK(frees <= stage.frees[c] && stage.frees[c] <= frees + COUNTER(c, frees_lag_blocks),
              "%s: class of %zu bytes: %llu frees published, lag %llu, %llu made", when, sizes[i],
              (unsigned long long)frees, (unsigned long long)COUNTER(c, frees_lag_blocks),
              (unsigned long long)stage.frees[c]);
    }
}

static uint64_t random_state = 88172645463325252u;

static uint64_t any(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

/* One step of a random life in set i, by whoever: "" or "on W". */
static void random_step(const char *who, unsigned set, unsigned i, uint64_t *live)
{
    uint64_t n = any(any(4) == 0 ? 3000 : 60) + 1;
    switch (any(3)) {
    case 0:
        puppet_say(&stage.puppet, "%s alloc %u %zu %llu", who, set, sizes[i], (unsigned long long)n);
        told(sizes[i], n, 0);
        *live += n;
        break;
    case 1:
        n = n < *live ? n : *live;
        if (n == 0)
            break;
        puppet_say(&stage.puppet, "%s free %u %llu %s", who, set, (unsigned long long)n,
                   any(2) ? "last" : "random");
        told(sizes[i], 0, n);
        *live -= n;
        break;
    default:
        puppet_say(&stage.puppet, "%s churn %zu %llu 7", who, sizes[i], (unsigned long long)n);
        told(sizes[i], 7 * n, 7 * n);
    }
}

static void totals_keep_to_their_bounds(void **state)
{
    (void)state;
    uint64_t live[SIZES] = {0};
    begin();
    for (unsigned step = 0; step < 1200; step++) {
        unsigned i = (unsigned)any(SIZES);
        random_step("", i, i, &live[i]);
        check_within_bounds("after a step");
    }
    puppet_say(&stage.puppet, "snapshot");
    check_exact("after a snapshot");
    puppet_end(&stage.puppet);
    check_exact("after exit");
    finish();
}

/* A program that asks for its own figures goes on afterwards, and so do its bounds. */
static void bounds_hold_after_a_snapshot_too(void **state)
{
    (void)state;
    uint64_t live[SIZES] = {0};
    begin();
    for (unsigned step = 0; step < 200; step++) {
        unsigned i = (unsigned)any(SIZES);
        random_step("", i, i, &live[i]);
        puppet_say(&stage.puppet, "snapshot");
        check_exact("after a snapshot");
        random_step("", i, i, &live[i]);
        check_within_bounds("after a step that follows a snapshot");
    }
    puppet_end(&stage.puppet);
    finish();
}

static void several_threads_keep_to_their_bounds(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    uint64_t live[THREADS][SIZES] = {0};
    char who[16];
    begin();
    puppet_say(&stage.puppet, "start 0 %d", THREADS - 1);
    for (unsigned step = 0; step < 1200; step++) {
        unsigned w = (unsigned)any(THREADS), i = (unsigned)any(SIZES);
        snprintf(who, sizeof who, "on %u", w);
        random_step(who, w * SIZES + i, i, &live[w][i]);
        check_within_bounds("after a thread's step");
    }
    puppet_say(&stage.puppet, "stop 0 %d", THREADS - 1);
    check_exact("after the threads' end");
    /* What they left is freed by another. */
    for (unsigned w = 0; w < THREADS; w++) {
        for (unsigned i = 0; i < SIZES; i++) {
            if (live[w][i] != 0)
                puppet_say(&stage.puppet, "free %u", w * SIZES + i);
            told(sizes[i], 0, live[w][i]);
        }
    }
    check_within_bounds("after remote frees");
    puppet_end(&stage.puppet);
    check_exact("after exit");
    finish();
}

/* All at once, and so many that lists are exchanged hundreds of thousands of times. */
static void huge_numbers_are_exact(void **state)
{
    (void)state;
    enum { THREADS = 3, COUNT = 150, TIMES = 20000 };
    begin();
    puppet_say(&stage.puppet, "start 0 %d", THREADS - 1);
    for (unsigned i = 0; i < 6; i += 2) {
        puppet_say(&stage.puppet, "on 0 %d churn %zu %d %d", THREADS - 1, sizes[i], COUNT, TIMES);
        told(sizes[i], (uint64_t)THREADS * COUNT * TIMES, (uint64_t)THREADS * COUNT * TIMES);
    }
    check_within_bounds("with the threads idle");
    puppet_say(&stage.puppet, "stop 0 %d", THREADS - 1);
    check_exact("after the threads' end");
    puppet_end(&stage.puppet);
    check_exact("after exit");
    finish();
}

/* Read while threads are at work: never more than there was, never less than before. */
static void totals_never_run_backwards(void **state)
{
    (void)state;
    enum { THREADS = 2, COUNT = 300, TIMES = 30000 };
    uint64_t allocs_seen[HK_MAX_CLASSES] = {0}, frees_seen[HK_MAX_CLASSES] = {0};
    unsigned c;
    begin();
    c = greeting_class(&stage.greeting, sizes[1]);
    puppet_say(&stage.puppet, "start 0 %d", THREADS - 1);
    puppet_send(&stage.puppet, "on 0 %d churn %zu %d %d", THREADS - 1, sizes[1], COUNT, TIMES);
    for (unsigned i = 0; i < 3000; i++) {
        read_totals();
        uint64_t allocs = COUNTER(c, allocs_total), frees = COUNTER(c, frees_total);
        CHECK(allocs >= allocs_seen[c] && frees >= frees_seen[c], "totals ran backwards");
        CHECK(allocs <= (uint64_t)THREADS * COUNT * TIMES, "more allocations than there are");
        allocs_seen[c] = allocs;
        frees_seen[c] = frees;
    }
    puppet_wait(&stage.puppet);
    told(sizes[1], (uint64_t)THREADS * COUNT * TIMES, (uint64_t)THREADS * COUNT * TIMES);
    puppet_say(&stage.puppet, "stop 0 %d", THREADS - 1);
    check_exact("after the threads' end");
    puppet_end(&stage.puppet);
    finish();
}

static uint64_t process_counter(unsigned at)
{
    return greeting_counter(&stage.greeting, stage.puppet.pid, at);
}

#define PROCESS(name) process_counter(HK_PROCESS_AT(name))

/* A slow path that publishes whatever has changed. */
static void provoke_slow_path(void)
{
    puppet_say(&stage.puppet, "churn 32768 200 2");
}

static void check_big_and_huge(unsigned big_live, unsigned huge_live)
{
    CHECK(PROCESS(big_blocks) == big_live && PROCESS(huge_blocks) == huge_live,
          "%llu big and %llu huge blocks are published, %u and %u are live",
          (unsigned long long)PROCESS(big_blocks), (unsigned long long)PROCESS(huge_blocks), big_live,
          huge_live);
    assert_int_equal(PROCESS(big_bytes), big_live * 102400);
    assert_int_equal(PROCESS(huge_bytes), huge_live * 5001216);
}

static void big_and_huge_blocks_are_counted(void **state)
{
    (void)state;
    begin();
    uint64_t big = PROCESS(big_allocs_total), huge = PROCESS(huge_allocs_total);
    puppet_say(&stage.puppet, "alloc 0 100000 37");
    puppet_say(&stage.puppet, "alloc 1 5000000 5");
    provoke_slow_path();
    check_big_and_huge(37, 5);
    puppet_say(&stage.puppet, "free 0 30");
    puppet_say(&stage.puppet, "free 1");
    provoke_slow_path();
    check_big_and_huge(7, 0);
    assert_int_equal(PROCESS(big_allocs_total) - big, 37);
    assert_int_equal(PROCESS(huge_allocs_total) - huge, 5);
    assert_int_equal(PROCESS(big_frees_total), 30);
    assert_int_equal(PROCESS(huge_frees_total), 5);
    puppet_end(&stage.puppet);
    finish();
}

/* A program that allocates nothing but big blocks, or frees them and sleeps, is to be seen as it is. */
static void big_and_huge_blocks_are_published_by_themselves(void **state)
{
    (void)state;
    begin();
    puppet_say(&stage.puppet, "alloc 0 100000 37");
    puppet_say(&stage.puppet, "alloc 1 5000000 5");
    check_big_and_huge(37, 5);
    puppet_say(&stage.puppet, "free 0 30");
    puppet_say(&stage.puppet, "free 1");
    check_big_and_huge(7, 0);
    puppet_end(&stage.puppet);
    finish();
}

static void a_trim_is_published_by_itself(void **state)
{
    (void)state;
    begin();
    puppet_say(&stage.puppet, "tune retain_bytes 1GiB");
    puppet_say(&stage.puppet, "alloc 0 1000 32000");
    puppet_say(&stage.puppet, "free 0");
    provoke_slow_path();
    uint64_t trims = PROCESS(trims_total);
    assert_true(PROCESS(retained_bytes) > 24u << 20);
    puppet_say(&stage.puppet, "malloc_trim 0");
    assert_int_equal(PROCESS(trims_total), trims + 1);
    assert_int_equal(PROCESS(retained_bytes), 0);
    puppet_end(&stage.puppet);
    finish();
}

/* Live bytes, bytes in bins and the rest, as derived from the segment and as the process knows them. */
static void derived_figures_agree_with_the_process(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < SIZES; i++)
        puppet_say(&stage.puppet, "alloc %u %zu %u", i, sizes[i], 100 + i * 77);
    puppet_say(&stage.puppet, "alloc 50 100000 3");
    puppet_say(&stage.puppet, "alloc 51 3000000 2");
    for (unsigned i = 0; i < SIZES; i += 2)
        puppet_say(&stage.puppet, "free %u 50", i);
    provoke_slow_path();
    const char *reply = puppet_say(&stage.puppet, "snapshot");
    read_totals();
    assert_int_equal(hk_totals_allocs(&stage.totals), puppet_number(reply, 0));
    assert_int_equal(hk_totals_frees(&stage.totals), puppet_number(reply, 1));
    assert_int_equal(stage.totals.live_bytes, puppet_number(reply, 3));
    assert_int_equal(stage.totals.bin_bytes, puppet_number(reply, 4));
    assert_int_equal(stage.totals.partial_bytes, puppet_number(reply, 5));
    assert_int_equal(PROCESS(retained_bytes), puppet_number(reply, 6));
    assert_int_equal(PROCESS(mapped_bytes), puppet_number(reply, 7));
    puppet_end(&stage.puppet);
    finish();
}

static void remote_frees_are_told_apart(void **state)
{
    (void)state;
    enum { N = 20000 };
    begin();
    unsigned c = greeting_class(&stage.greeting, sizes[1]);
    puppet_say(&stage.puppet, "start 0 1");
    puppet_say(&stage.puppet, "on 0 alloc 0 %zu %d", sizes[1], N);
    puppet_say(&stage.puppet, "on 1 free 0");
    puppet_say(&stage.puppet, "stop 1"); /* its bins are flushed */
    read_totals();
    assert_int_equal(COUNTER(c, flushed_blocks_total), COUNTER(c, frees_total));
    assert_true(COUNTER(c, remote_frees_sent_total) >= N / 2);
    assert_true(COUNTER(c, remote_frees_sent_total) <= N);
    puppet_end(&stage.puppet);
    finish();
}

/* How many threads there are and were. */
static void heaps_are_counted(void **state)
{
    (void)state;
    begin();
    puppet_say(&stage.puppet, "start 0 9");
    puppet_say(&stage.puppet, "on 0 9 churn 220 100 1");
    read_totals();
    assert_int_equal(PROCESS(heaps_live), 11);
    assert_int_equal(stage.totals.threads, 11);
    assert_int_equal(stage.totals.heaps_published, 11);
    puppet_say(&stage.puppet, "stop 0 9");
    assert_int_equal(PROCESS(heaps_live), 1);
    assert_int_equal(PROCESS(heaps_pooled), 10);
    puppet_say(&stage.puppet, "start 0 4");
    puppet_say(&stage.puppet, "on 0 4 churn 220 100 1");
    assert_int_equal(PROCESS(heaps_live), 6);
    assert_int_equal(PROCESS(heaps_pooled), 5);
    read_totals();
    assert_int_equal(stage.totals.heaps_published, 11);
    puppet_end(&stage.puppet);
    finish();
}

static void refusals_are_counted(void **state)
{
    (void)state;
    begin();
    uint64_t before = PROCESS(failed_allocs_total);
    puppet_send(&stage.puppet, "alloc 0 9000000000000000000 1");
    char reply[64];
    ssize_t n = read(stage.puppet.from, reply, sizeof reply);
    assert_true(n > 0 && reply[0] == '!');
    provoke_slow_path();
    assert_int_equal(PROCESS(failed_allocs_total) - before, 1);
    puppet_end(&stage.puppet);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_keep_to_their_bounds),
        cmocka_unit_test(bounds_hold_after_a_snapshot_too),
        cmocka_unit_test(several_threads_keep_to_their_bounds),
        cmocka_unit_test(huge_numbers_are_exact),
        cmocka_unit_test(totals_never_run_backwards),
        cmocka_unit_test(big_and_huge_blocks_are_counted),
        cmocka_unit_test(big_and_huge_blocks_are_published_by_themselves),
        cmocka_unit_test(a_trim_is_published_by_itself),
        cmocka_unit_test(derived_figures_agree_with_the_process),
        cmocka_unit_test(remote_frees_are_told_apart),
        cmocka_unit_test(heaps_are_counted),
        cmocka_unit_test(refusals_are_counted),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
