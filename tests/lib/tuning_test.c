/*
 * tuning_test.c - what a daemon writes into the tuning page comes into force, and the process says so.
 *
 * The daemon's part is played by the test; everything is seen through the segment.
 */
#include "tests/support/cmocka_check.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/stage.h"

static struct stage begin(const char *const *settings)
{
    struct stage s = stage_begin(settings);
    greeting_beat(&s.greeting, 3600000, false);
    return s;
}

static void finish(struct stage *s)
{
    puppet_end(&s->puppet);
    stage_close(s);
}

/* Something that refills and flushes. */
static void act(struct stage *s)
{
    puppet_say(&s->puppet, "churn 500 2000 2");
}

static uint64_t counter(const struct stage *s, unsigned at)
{
    return greeting_counter(&s->greeting, s->puppet.pid, at);
}

#define PROCESS(s, name) counter(s, HK_PROCESS_AT(name))

static struct hk_applied_view applied(const struct stage *s, unsigned index)
{
    return greeting_applied(&s->greeting, s->puppet.pid, index);
}

static void publish_and_act(struct stage *s)
{
    uint64_t generation = greeting_publish(&s->greeting);
    act(s);
    CHECK(PROCESS(s, generation_applied) == generation, "generation %llu is applied, %llu was published",
          (unsigned long long)PROCESS(s, generation_applied), (unsigned long long)generation);
}

static void check_applied(const struct stage *s, unsigned index, uint64_t value, uint64_t effective,
                          unsigned source, unsigned verdict)
{
    struct hk_applied_view a = applied(s, index);
    CHECK(a.value == value && a.effective == effective && a.source == source && a.verdict == verdict,
          "%s: value %llu, effective %llu, source %s, verdict %s; expected %llu, %llu, %s, %s",
          hk_value_info(index)->name, (unsigned long long)a.value, (unsigned long long)a.effective,
          hk_source_name(a.source), hk_verdict_name(a.verdict), (unsigned long long)value,
          (unsigned long long)effective, hk_source_name(source), hk_verdict_name(verdict));
}

static void check_default(const struct stage *s, unsigned index)
{
    uint64_t v = hk_tunables[index].dflt;
    check_applied(s, index, v, v, HK_SOURCE_DEFAULT, HK_VERDICT_APPLIED);
}

static void a_process_begins_with_its_own_values(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    for (unsigned i = 0; i < HK_TUNABLES; i++)
        check_default(&s, i);
    assert_int_equal(PROCESS(&s, generation_applied), 0);
    finish(&s);
}

static void values_come_into_force(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    greeting_set(&s.greeting, HK_TUNE_bin_cap, 64, 0);
    greeting_set(&s.greeting, HK_TUNE_retain_bytes, 123456789, 3600);
    greeting_set(&s.greeting, HK_TUNE_purge_kind, 1, 0);
    publish_and_act(&s);
    check_applied(&s, HK_TUNE_bin_cap, 64, 64, HK_SOURCE_OPERATOR, HK_VERDICT_APPLIED);
    check_applied(&s, HK_TUNE_retain_bytes, 123456789, 123456789, HK_SOURCE_OPERATOR, HK_VERDICT_APPLIED);
    check_applied(&s, HK_TUNE_purge_kind, 1, 1, HK_SOURCE_OPERATOR, HK_VERDICT_APPLIED);
    assert_int_equal(applied(&s, HK_TUNE_retain_bytes).life_s, 3600);
    assert_int_equal(applied(&s, HK_TUNE_retain_bytes).generation, s.greeting.tuning.generation);
    check_default(&s, HK_TUNE_heap_cache_bytes);
    assert_int_equal(PROCESS(&s, tunes_applied_total), 1);
    assert_int_equal(PROCESS(&s, heaps_behind), 0);
    finish(&s);
}

static void every_tunable_takes_both_bounds(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    for (unsigned high = 0; high < 2; high++) {
        for (unsigned i = 0; i < HK_TUNABLES; i++)
            greeting_set(&s.greeting, i, high ? hk_tunables[i].max : hk_tunables[i].min, 0);
        publish_and_act(&s);
        for (unsigned i = 0; i < HK_TUNABLES; i++) {
            struct hk_applied_view a = applied(&s, i);
            assert_int_equal(a.verdict, HK_VERDICT_APPLIED);
            assert_int_equal(a.value, high ? hk_tunables[i].max : hk_tunables[i].min);
            assert_true(a.effective <= a.value);
        }
    }
    finish(&s);
}

static void what_is_out_of_range_is_clamped(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    greeting_set(&s.greeting, HK_TUNE_bin_bytes, 1, 0);
    greeting_set(&s.greeting, HK_TUNE_heap_cache_bytes, UINT64_MAX, 0);
    greeting_set(&s.greeting, HK_TUNE_retain_percent, 1001, 0);
    publish_and_act(&s);
    check_applied(&s, HK_TUNE_bin_bytes, 1, hk_tunables[HK_TUNE_bin_bytes].min, HK_SOURCE_OPERATOR,
                  HK_VERDICT_CLAMPED);
    check_applied(&s, HK_TUNE_heap_cache_bytes, UINT64_MAX, hk_tunables[HK_TUNE_heap_cache_bytes].max,
                  HK_SOURCE_OPERATOR, HK_VERDICT_CLAMPED);
    check_applied(&s, HK_TUNE_retain_percent, 1001, 1000, HK_SOURCE_OPERATOR, HK_VERDICT_CLAMPED);
    finish(&s);
}

/* A choice that this library does not have is nobody's wish: its own value stays. */
static void an_unknown_choice_changes_nothing(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    greeting_set(&s.greeting, HK_TUNE_thp, 7, 0);
    publish_and_act(&s);
    check_applied(&s, HK_TUNE_thp, 7, hk_tunables[HK_TUNE_thp].dflt, HK_SOURCE_OPERATOR, HK_VERDICT_UNKNOWN);
    finish(&s);
}

/* As stored: the reader passes over size classes that the library does not have. */
static struct hk_applied stored_applied(const struct stage *s, unsigned index)
{
    const struct hk_reader *r = &s->greeting.reader;
    struct hk_area_view area;
    struct hk_applied a;
    unsigned cell = 0;
    CHECK(greeting_area(&s->greeting, s->puppet.pid, &area, &cell), "no area");
    off_t at = (off_t)(hk_reader_cell_offset(r, cell) + r->header.applied_off +
                       (uint64_t)index * r->header.applied_bytes);
    CHECK(pread(s->greeting.counters_fd, &a, sizeof a, at) == (ssize_t)sizeof a, "no row");
    return a;
}

static void an_unknown_size_class_is_said_to_be(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    unsigned beyond = s.greeting.reader.class_count;
    assert_true(beyond < HK_MAX_CLASSES);
    greeting_set(&s.greeting, hk_class_value_index(HK_TUNE_CLASS_refill_batch, beyond), 8, 0);
    greeting_set(&s.greeting, HK_TUNE_bin_cap, 64, 0);
    publish_and_act(&s);
    struct hk_applied a = stored_applied(&s, hk_class_value_index(HK_TUNE_CLASS_refill_batch, beyond));
    assert_int_equal(a.verdict, HK_VERDICT_UNKNOWN);
    check_applied(&s, HK_TUNE_bin_cap, 64, 64, HK_SOURCE_OPERATOR, HK_VERDICT_APPLIED);
    finish(&s);
}

static void what_is_unset_falls_back(void **state)
{
    (void)state;
    const char *settings[] = {"HAKMEM_TUNE=bin_cap=40", NULL};
    struct stage s = begin(settings);
    check_applied(&s, HK_TUNE_bin_cap, 40, 40, HK_SOURCE_ENVIRONMENT, HK_VERDICT_APPLIED);
    greeting_set(&s.greeting, HK_TUNE_bin_cap, 64, 0);
    greeting_set(&s.greeting, HK_TUNE_retain_bytes, 1 << 20, 0);
    publish_and_act(&s);
    check_applied(&s, HK_TUNE_bin_cap, 64, 64, HK_SOURCE_OPERATOR, HK_VERDICT_APPLIED);
    greeting_unset(&s.greeting, HK_TUNE_bin_cap);
    greeting_unset(&s.greeting, HK_TUNE_retain_bytes);
    publish_and_act(&s);
    check_applied(&s, HK_TUNE_bin_cap, 40, 40, HK_SOURCE_ENVIRONMENT, HK_VERDICT_APPLIED);
    check_default(&s, HK_TUNE_retain_bytes);
    finish(&s);
}

static void the_daemons_value_wins_over_the_programs(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    greeting_set(&s.greeting, HK_TUNE_bin_cap, 64, 0);
    publish_and_act(&s);
    assert_string_equal(puppet_say(&s.puppet, "tune bin_cap 30"), "0");
    assert_string_equal(puppet_say(&s.puppet, "tune retain_bytes 3MiB"), "0");
    check_applied(&s, HK_TUNE_bin_cap, 64, 64, HK_SOURCE_OPERATOR, HK_VERDICT_APPLIED);
    check_applied(&s, HK_TUNE_retain_bytes, 3 << 20, 3 << 20, HK_SOURCE_PROGRAM, HK_VERDICT_APPLIED);
    greeting_unset(&s.greeting, HK_TUNE_bin_cap);
    publish_and_act(&s);
    check_applied(&s, HK_TUNE_bin_cap, 30, 30, HK_SOURCE_PROGRAM, HK_VERDICT_APPLIED);
    finish(&s);
}

/* ---- what refill_batch does ---- */

static uint64_t refills_of(const struct stage *s, unsigned size_class)
{
    struct hk_totals totals;
    greeting_totals(&s->greeting, s->puppet.pid, &totals);
    return totals.classes[size_class].counters[HK_CLASS_AT(refills_total)];
}

/* Blocks a refill takes on average while 60,000 are allocated that nobody frees. */
static double blocks_per_refill(struct stage *s, unsigned set)
{
    enum { N = 60000 };
    unsigned c = greeting_class(&s->greeting, 500);
    puppet_say(&s->puppet, "alloc %u 500 200", set); /* batches have grown up by then */
    uint64_t before = refills_of(s, c);
    puppet_say(&s->puppet, "alloc %u 500 %d", set, N);
    return (double)N / (double)(refills_of(s, c) - before);
}

static void refill_batch_decides_how_often_bins_are_refilled(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    double usual = blocks_per_refill(&s, 0);
    greeting_set(&s.greeting, HK_TUNE_refill_batch, 10, 0);
    publish_and_act(&s);
    double tenth = blocks_per_refill(&s, 1);
    greeting_set(&s.greeting, HK_TUNE_refill_batch, 50, 0);
    publish_and_act(&s);
    double half = blocks_per_refill(&s, 2);
    if (tenth > usual / 7 || tenth < usual / 14 || half > usual / 1.7 || half < usual / 2.3)
        fail_msg("blocks a refill: %.1f at 100%%, %.1f at 10%%, %.1f at 50%%", usual, tenth, half);
    finish(&s);
}

static void refill_batch_of_a_class_is_its_own(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    unsigned c = greeting_class(&s.greeting, 500);
    unsigned index = hk_class_value_index(HK_TUNE_CLASS_refill_batch, c);
    greeting_set(&s.greeting, index, 5, 0);
    publish_and_act(&s);
    check_applied(&s, index, 5, 5, HK_SOURCE_OPERATOR, HK_VERDICT_APPLIED);
    double blocks = blocks_per_refill(&s, 0);
    if (blocks < 4.9 || blocks > 5.1)
        fail_msg("blocks a refill: %.2f with refill_batch.512=5", blocks);
    greeting_unset(&s.greeting, index);
    publish_and_act(&s);
    assert_true(blocks_per_refill(&s, 1) > 30);
    finish(&s);
}

/* A batch larger than the bin is cut, and the process says to what. */
static void a_batch_larger_than_the_bin_says_so(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    unsigned index = hk_class_value_index(HK_TUNE_CLASS_refill_batch, greeting_class(&s.greeting, 500));
    greeting_set(&s.greeting, index, 4000, 0);
    greeting_set(&s.greeting, HK_TUNE_refill_batch, 1000, 0);
    publish_and_act(&s);
    check_applied(&s, index, 4000, 256, HK_SOURCE_OPERATOR, HK_VERDICT_APPLIED);
    assert_true(applied(&s, HK_TUNE_refill_batch).effective < 1000);
    finish(&s);
}

static void bin_cap_limits_what_a_thread_caches(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    struct hk_totals totals;
    unsigned c = greeting_class(&s.greeting, 500);
    greeting_set(&s.greeting, HK_TUNE_bin_cap, 16, 0);
    publish_and_act(&s);
    puppet_say(&s.puppet, "alloc 0 500 5000");
    puppet_say(&s.puppet, "free 0");
    puppet_say(&s.puppet, "snapshot");
    greeting_totals(&s.greeting, s.puppet.pid, &totals);
    if (totals.classes[c].in_bin_blocks > 16)
        fail_msg("%llu blocks are in a bin of 16", (unsigned long long)totals.classes[c].in_bin_blocks);
    finish(&s);
}

/* ---- heaps follow one by one ---- */

static void idle_heaps_are_behind_until_they_act(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    puppet_say(&s.puppet, "start 0 4");
    puppet_say(&s.puppet, "on 0 4 churn 500 2000 2");
    greeting_set(&s.greeting, HK_TUNE_bin_cap, 64, 0);
    publish_and_act(&s);
    assert_int_equal(PROCESS(&s, heaps_behind), 5);
    puppet_say(&s.puppet, "on 0 2 churn 500 2000 2");
    act(&s);
    assert_int_equal(PROCESS(&s, heaps_behind), 2);
    puppet_say(&s.puppet, "on 3 4 churn 500 2000 2");
    act(&s);
    assert_int_equal(PROCESS(&s, heaps_behind), 0);
    puppet_say(&s.puppet, "stop 0 4");
    finish(&s);
}

static void a_forked_child_applies_for_itself(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    uint64_t generation;
    greeting_set(&s.greeting, HK_TUNE_bin_cap, 64, 0);
    publish_and_act(&s);
    pid_t child = (pid_t)puppet_number(puppet_say(&s.puppet, "fork churn 500 2000 2"), 0);
    assert_int_equal(greeting_counter(&s.greeting, child, HK_PROCESS_AT(generation_applied)),
                     s.greeting.tuning.generation);
    assert_int_equal(greeting_applied(&s.greeting, child, HK_TUNE_bin_cap).effective, 64);
    /* One that is made after a change that its parent has not seen yet. */
    greeting_set(&s.greeting, HK_TUNE_bin_cap, 32, 0);
    generation = greeting_publish(&s.greeting);
    pid_t other = (pid_t)puppet_number(puppet_say(&s.puppet, "fork churn 500 2000 2"), 0);
    assert_int_equal(greeting_counter(&s.greeting, other, HK_PROCESS_AT(generation_applied)), generation);
    assert_int_equal(greeting_applied(&s.greeting, other, HK_TUNE_bin_cap).effective, 32);
    assert_int_equal(greeting_counter(&s.greeting, child, HK_PROCESS_AT(generation_applied)), generation - 1);
    kill(child, SIGKILL);
    kill(other, SIGKILL);
    finish(&s);
}

/* ---- a writer that is slow, or stops in the middle ---- */

static void half_written_values_are_not_taken(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    greeting_set(&s.greeting, HK_TUNE_bin_cap, 64, 0);
    publish_and_act(&s);
    uint64_t whole = s.greeting.tuning.generation;
    struct hk_tuning_page *page = s.greeting.page;
    atomic_fetch_add(&page->sequence, 1);
    atomic_store(&page->generation, whole + 1);
    atomic_store(&page->entries[HK_TUNE_bin_cap].value, 32);
    atomic_fetch_add(&page->epoch, 1);
    act(&s);
    assert_int_equal(PROCESS(&s, generation_applied), whole);
    check_applied(&s, HK_TUNE_bin_cap, 64, 64, HK_SOURCE_OPERATOR, HK_VERDICT_APPLIED);
    s.greeting.tuning.generation++;
    greeting_set(&s.greeting, HK_TUNE_bin_cap, 48, 0);
    publish_and_act(&s);
    check_applied(&s, HK_TUNE_bin_cap, 48, 48, HK_SOURCE_OPERATOR, HK_VERDICT_APPLIED);
    finish(&s);
}

/* ---- commands ---- */

static void a_flush_empties_bins_and_is_acknowledged(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    struct hk_area_view area;
    struct hk_totals totals;
    unsigned c = greeting_class(&s.greeting, 500);
    puppet_say(&s.puppet, "churn 500 100 10");
    puppet_say(&s.puppet, "snapshot");
    greeting_totals(&s.greeting, s.puppet.pid, &totals);
    assert_true(totals.classes[c].in_bin_blocks > 50);
    uint64_t number = greeting_command_flush(&s.greeting);
    puppet_say(&s.puppet, "churn 32768 100 1"); /* a slow path of another class */
    CHECK(greeting_area(&s.greeting, s.puppet.pid, &area, NULL), "no area");
    assert_int_equal(area.flush_done, number);
    assert_int_equal(area.trim_done, 0);
    greeting_totals(&s.greeting, s.puppet.pid, &totals);
    assert_int_equal(totals.classes[c].in_bin_blocks, 0);
    finish(&s);
}

static void a_trim_gives_memory_back_and_is_acknowledged(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    struct hk_area_view area;
    greeting_set(&s.greeting, HK_TUNE_retain_bytes, HK_GIB, 0);
    publish_and_act(&s);
    puppet_say(&s.puppet, "alloc 0 1000 64000");
    puppet_say(&s.puppet, "free 0");
    act(&s);
    size_t before = check_rss_bytes(s.puppet.pid);
    uint64_t retained = PROCESS(&s, retained_bytes);
    assert_true(retained > 48 * HK_MIB);
    uint64_t number = greeting_command_trim(&s.greeting);
    puppet_say(&s.puppet, "churn 32768 100 1");
    CHECK(greeting_area(&s.greeting, s.puppet.pid, &area, NULL), "no area");
    assert_int_equal(area.trim_done, number);
    assert_true(area.trim_released_bytes > 48 * HK_MIB);
    size_t after = check_rss_bytes(s.puppet.pid);
    if (after + 48 * HK_MIB > before)
        fail_msg("RSS was %zu before the trim and is %zu after", before, after);
    finish(&s);
}

/* Each heap does its part at its own next slow path. */
static void a_flush_reaches_every_thread(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    struct hk_totals totals;
    unsigned c = greeting_class(&s.greeting, 500);
    puppet_say(&s.puppet, "start 0 3");
    puppet_say(&s.puppet, "on 0 3 churn 500 100 10");
    greeting_command_flush(&s.greeting);
    puppet_say(&s.puppet, "on 0 3 churn 32768 100 1");
    greeting_totals(&s.greeting, s.puppet.pid, &totals);
    assert_int_equal(totals.classes[c].in_bin_blocks, 0);
    puppet_say(&s.puppet, "stop 0 3");
    finish(&s);
}

/* ---- a daemon's silence ---- */

static bool is_verdict(struct stage *s, unsigned index, unsigned verdict)
{
    act(s);
    return applied(s, index).verdict == verdict;
}

static void values_lapse_with_the_heartbeat_and_return_with_it(void **state)
{
    (void)state;
    const char *settings[] = {"HAKMEM_TUNE=bin_cap=40", NULL};
    struct stage s = begin(settings);
    greeting_set(&s.greeting, HK_TUNE_bin_cap, 64, 0);
    greeting_set(&s.greeting, HK_TUNE_retain_bytes, 1 << 20, 0);
    publish_and_act(&s);
    greeting_beat(&s.greeting, 1000, false);
    act(&s);
    CHECK(POLL_UNTIL(is_verdict(&s, HK_TUNE_bin_cap, HK_VERDICT_LAPSED)), "values do not lapse");
    check_applied(&s, HK_TUNE_bin_cap, 64, 40, HK_SOURCE_OPERATOR, HK_VERDICT_LAPSED);
    check_applied(&s, HK_TUNE_retain_bytes, 1 << 20, hk_tunables[HK_TUNE_retain_bytes].dflt,
                  HK_SOURCE_OPERATOR, HK_VERDICT_LAPSED);
    greeting_beat(&s.greeting, 3600000, false);
    CHECK(POLL_UNTIL(is_verdict(&s, HK_TUNE_bin_cap, HK_VERDICT_APPLIED)), "values do not return");
    check_applied(&s, HK_TUNE_bin_cap, 64, 64, HK_SOURCE_OPERATOR, HK_VERDICT_APPLIED);
    finish(&s);
}

/* While it beats, values stay for far longer than their expiry. */
static void values_stay_while_the_daemon_lives(void **state)
{
    (void)state;
    struct stage s = begin(NULL);
    greeting_set(&s.greeting, HK_TUNE_bin_cap, 64, 0);
    publish_and_act(&s);
    greeting_beat(&s.greeting, 20000, false);
    for (unsigned i = 0; i < 100; i++) {
        greeting_beat(&s.greeting, 20000, false);
        usleep(20000);
        act(&s);
        check_applied(&s, HK_TUNE_bin_cap, 64, 64, HK_SOURCE_OPERATOR, HK_VERDICT_APPLIED);
    }
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_begins_with_its_own_values),
        cmocka_unit_test(values_come_into_force),
        cmocka_unit_test(every_tunable_takes_both_bounds),
        cmocka_unit_test(what_is_out_of_range_is_clamped),
        cmocka_unit_test(an_unknown_choice_changes_nothing),
        cmocka_unit_test(an_unknown_size_class_is_said_to_be),
        cmocka_unit_test(what_is_unset_falls_back),
        cmocka_unit_test(the_daemons_value_wins_over_the_programs),
        cmocka_unit_test(refill_batch_decides_how_often_bins_are_refilled),
        cmocka_unit_test(refill_batch_of_a_class_is_its_own),
        cmocka_unit_test(a_batch_larger_than_the_bin_says_so),
        cmocka_unit_test(bin_cap_limits_what_a_thread_caches),
        cmocka_unit_test(idle_heaps_are_behind_until_they_act),
        cmocka_unit_test(a_forked_child_applies_for_itself),
        cmocka_unit_test(half_written_values_are_not_taken),
        cmocka_unit_test(a_flush_empties_bins_and_is_acknowledged),
        cmocka_unit_test(a_trim_gives_memory_back_and_is_acknowledged),
        cmocka_unit_test(a_flush_reaches_every_thread),
        cmocka_unit_test(values_lapse_with_the_heartbeat_and_return_with_it),
        cmocka_unit_test(values_stay_while_the_daemon_lives),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
