/* tuning_page_test.c - the sequence lock: a reader sees whole generations or nothing. */
#include "tests/support/test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "shm/tuning_page.h"

#define GENERATIONS 5000u

static struct hk_tuning_page *make_page(void)
{
    struct hk_tuning_page *page = calloc(1, HK_TUNING_BYTES);
    assert_non_null(page);
    hk_tuning_page_init(page);
    return page;
}

/* Every word of every value follows from the generation and the index. */
static void fill(struct hk_tuning_copy *copy, uint64_t generation)
{
    copy->generation = generation;
    for (unsigned i = 0; i < HK_VALUES; i++) {
        uint64_t v = generation * 1000003 + i;
        copy->values[i] = (struct hk_tuning_value){
            .value = v, .life_s = (uint32_t)v, .source = (uint16_t)v, .set = (v & 1) != 0};
    }
}

static bool whole(const struct hk_tuning_copy *copy)
{
    struct hk_tuning_copy expected;
    fill(&expected, copy->generation);
    for (unsigned i = 0; i < HK_VALUES; i++) {
        const struct hk_tuning_value *a = &copy->values[i], *b = &expected.values[i];
        if (a->value != b->value || a->life_s != b->life_s || a->source != b->source || a->set != b->set)
            return false;
    }
    return true;
}

static void a_fresh_page_sets_nothing(void **state)
{
    (void)state;
    struct hk_tuning_page *page = make_page();
    struct hk_tuning_copy copy;
    memset(&copy, 0xff, sizeof copy);
    assert_int_equal(page->magic, HK_TUNING_MAGIC);
    assert_int_equal(page->abi_major, HK_ABI_MAJOR);
    assert_int_equal(page->value_count, HK_VALUES);
    assert_true(page->epoch != 0); /* differs from what a heap that never looked has seen */
    assert_true(hk_tuning_page_read(page, &copy));
    assert_int_equal(copy.generation, 0);
    for (unsigned i = 0; i < HK_VALUES; i++)
        assert_false(copy.values[i].set);
    free(page);
}

static void what_is_published_is_read(void **state)
{
    (void)state;
    struct hk_tuning_page *page = make_page();
    struct hk_tuning_copy in, out;
    for (uint64_t generation = 1; generation <= 3; generation++) {
        uint64_t epoch = page->epoch;
        fill(&in, generation);
        hk_tuning_page_publish(page, &in);
        assert_int_equal(page->epoch, epoch + 1);
        assert_true(hk_tuning_page_read(page, &out));
        assert_int_equal(out.generation, generation);
        assert_true(whole(&out));
    }
    free(page);
}

/* A daemon that died while writing leaves the lock odd: readers give up at once, and the next daemon
 * puts it right. */
static void a_writer_may_die_in_the_middle(void **state)
{
    (void)state;
    struct hk_tuning_page *page = make_page();
    struct hk_tuning_copy in, out;
    fill(&in, 1);
    hk_tuning_page_publish(page, &in);
    page->sequence++;
    page->entries[3].value = 1;
    assert_false(hk_tuning_page_read(page, &out));
    fill(&in, 2);
    hk_tuning_page_publish(page, &in);
    assert_true(hk_tuning_page_read(page, &out));
    assert_int_equal(out.generation, 2);
    assert_true(whole(&out));
    free(page);
}

static void the_sequence_may_wrap(void **state)
{
    (void)state;
    struct hk_tuning_page *page = make_page();
    struct hk_tuning_copy in, out;
    page->sequence = UINT32_MAX - 1;
    for (uint64_t generation = 1; generation <= 2; generation++) {
        fill(&in, generation);
        hk_tuning_page_publish(page, &in);
        assert_int_equal(page->sequence & 1, 0);
        assert_true(hk_tuning_page_read(page, &out));
        assert_int_equal(out.generation, generation);
    }
    free(page);
}

struct race {
    struct hk_tuning_page *page;
    atomic_bool stop; /* the reader has seen enough */
    uint64_t written;
};

static void *write_generations(void *arg)
{
    struct race *race = arg;
    struct hk_tuning_copy copy;
    while (!atomic_load(&race->stop)) {
        fill(&copy, ++race->written);
        hk_tuning_page_publish(race->page, &copy);
        /* Leaves readers a gap, as a daemon does; without one they may rightly fail for ever. */
        if (race->written % 4 == 0)
            sched_yield();
    }
    return NULL;
}

static void readers_never_see_half_a_generation(void **state)
{
    (void)state;
    struct race race = {.page = make_page()};
    struct hk_tuning_copy in, out;
    fill(&in, 0);
    hk_tuning_page_publish(race.page, &in);
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_generations, &race), 0);
    uint64_t seen = 0, different = 0, torn = 0, backwards = 0;
    while (different < GENERATIONS) {
        if (!hk_tuning_page_read(race.page, &out)) {
            sched_yield();
            continue;
        }
        torn += !whole(&out);
        backwards += out.generation < seen;
        different += out.generation != seen;
        if (out.generation == seen)
            sched_yield(); /* on one processor the writer needs it */
        seen = out.generation;
    }
    atomic_store(&race.stop, true);
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(torn, 0);
    assert_int_equal(backwards, 0);
    assert_true(hk_tuning_page_read(race.page, &out));
    assert_int_equal(out.generation, race.written);
    free(race.page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_page_sets_nothing),           cmocka_unit_test(what_is_published_is_read),
        cmocka_unit_test(a_writer_may_die_in_the_middle),      cmocka_unit_test(the_sequence_may_wrap),
        cmocka_unit_test(readers_never_see_half_a_generation),
    };
    return cmocka_run_group_tests_name("shm.tuning", tests, NULL, NULL);
}
