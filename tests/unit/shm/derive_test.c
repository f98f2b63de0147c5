/* derive_test.c - totals of a process and the figures that follow from them. */
#include "tests/support/test.h"

#include <string.h>

#include "shm/derive.h"
#include "tests/support/segment.h"

struct fixture {
    struct segment segment;
    struct hk_reader reader;
    struct hk_area_view area;
    struct hk_slot_view slots[2];
};

static void setup(struct fixture *f)
{
    const char *why;
    memset(f, 0, sizeof *f);
    f->segment = segment_make((struct segment_shape){0});
    assert_int_equal(hk_reader_open(&f->reader, f->segment.bytes, f->segment.size, f->segment.size, &why), 0);
}

static uint64_t *class_counter(struct fixture *f, unsigned slot, unsigned size_class, size_t at)
{
    return &f->slots[slot].rows[size_class][at];
}

static struct hk_totals totals_of(struct fixture *f)
{
    struct hk_totals t;
    hk_totals_start(&t, &f->reader, &f->area);
    hk_totals_add_slot(&t, &f->slots[0]);
    hk_totals_add_slot(&t, &f->slots[1]);
    hk_totals_finish(&t);
    segment_free(&f->segment);
    return t;
}

static void sums_slots_and_derives(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    /* class 3 is 256 bytes: 100 + 20 handed out, 30 given back, through two heaps */
    *class_counter(&f, 0, 3, HK_CLASS_AT(allocs_total)) = 100;
    *class_counter(&f, 0, 3, HK_CLASS_AT(frees_total)) = 10;
    *class_counter(&f, 0, 3, HK_CLASS_AT(refilled_blocks_total)) = 128;
    *class_counter(&f, 1, 3, HK_CLASS_AT(allocs_total)) = 20;
    *class_counter(&f, 1, 3, HK_CLASS_AT(frees_total)) = 20;
    *class_counter(&f, 1, 3, HK_CLASS_AT(refilled_blocks_total)) = 32;
    *class_counter(&f, 1, 3, HK_CLASS_AT(flushed_blocks_total)) = 16;
    /* class 0 is 16 bytes */
    *class_counter(&f, 0, 0, HK_CLASS_AT(allocs_total)) = 5;
    *class_counter(&f, 0, 0, HK_CLASS_AT(refilled_blocks_total)) = 64;
    f.slots[0].heap[HK_HEAP_AT(cache_bytes)] = 1000;
    f.slots[1].heap[HK_HEAP_AT(cache_bytes)] = 24;
    f.area.process[HK_PROCESS_AT(slabs_in_use)] = 2;
    f.area.process[HK_PROCESS_AT(big_bytes)] = 40960;
    f.area.process[HK_PROCESS_AT(huge_bytes)] = 4 * HK_MIB;
    f.area.process[HK_PROCESS_AT(big_allocs_total)] = 3;
    f.area.process[HK_PROCESS_AT(big_frees_total)] = 2;
    f.area.process[HK_PROCESS_AT(huge_allocs_total)] = 7;
    f.area.process[HK_PROCESS_AT(huge_frees_total)] = 6;
    f.area.process[HK_PROCESS_AT(heaps_live)] = 2;
    struct hk_totals t = totals_of(&f);

    assert_int_equal(t.heaps_published, 2);
    assert_int_equal(t.cache_bytes, 1024);
    assert_int_equal(t.threads, 2);
    assert_int_equal(t.classes[3].live_blocks, 90);
    assert_int_equal(t.classes[3].in_bin_blocks, 160 + 30 - 120 - 16);
    assert_int_equal(t.classes[0].live_blocks, 5);
    assert_int_equal(t.classes[0].in_bin_blocks, 59);
    uint64_t small = 90 * 256 + 5 * 16, bins = 54 * 256 + 59 * 16;
    assert_int_equal(t.live_bytes, small + 40960 + 4 * HK_MIB);
    assert_int_equal(t.bin_bytes, bins);
    assert_int_equal(t.partial_bytes, 2 * 64 * HK_KIB - small - bins);
    assert_int_equal(hk_totals_class_sum(&t, HK_CLASS_AT(refilled_blocks_total)), 224);
    assert_int_equal(hk_totals_allocs(&t), 125 + 3 + 7);
    assert_int_equal(hk_totals_frees(&t), 30 + 2 + 6);
}

/* Counters of heaps that run on are read at different moments. */
static void a_negative_difference_is_nothing(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    *class_counter(&f, 0, 1, HK_CLASS_AT(allocs_total)) = 10;
    *class_counter(&f, 1, 1, HK_CLASS_AT(frees_total)) = 12;
    *class_counter(&f, 1, 2, HK_CLASS_AT(flushed_blocks_total)) = 5;
    *class_counter(&f, 0, 4, HK_CLASS_AT(allocs_total)) = 100;
    struct hk_totals t = totals_of(&f);
    assert_int_equal(t.classes[1].live_blocks, 0);
    assert_int_equal(t.classes[2].in_bin_blocks, 0);
    assert_int_equal(t.classes[4].live_blocks, 100);
    assert_int_equal(t.partial_bytes, 0); /* no slab is in use, or so the area says */
}

static void finds_derived_figures_by_index(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    struct hk_totals t = totals_of(&f);
    t.classes[2].in_bin_blocks = 11;
    t.classes[2].live_blocks = 12;
    t.live_bytes = 13;
    t.bin_bytes = 14;
    t.partial_bytes = 15;
    t.threads = 16;
    static const struct {
        const char *name;
        uint64_t value;
    } expected[] = {{"in_bin_blocks", 11}, {"live_blocks", 12},   {"live_bytes", 13},
                    {"bin_bytes", 14},     {"partial_bytes", 15}, {"threads", 16}};
    assert_int_equal(hk_derived_counter_count, HK_COUNT_OF(expected));
    for (unsigned i = 0; i < hk_derived_counter_count; i++) {
        for (unsigned k = 0; k < HK_COUNT_OF(expected); k++) {
            if (strcmp(hk_derived_counters[i].name, expected[k].name) == 0)
                assert_int_equal(hk_totals_derived(&t, i, 2), expected[k].value);
        }
    }
    for (unsigned i = 0; i < hk_derived_counter_count; i++) {
        if (hk_derived_counters[i].scope == HK_SCOPE_CLASS)
            assert_int_equal(hk_totals_derived(&t, i, 1), 0);
    }
}

static void the_largest_shape_fits(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    f.reader.class_count = HK_MAX_CLASSES;
    for (unsigned c = 0; c < HK_MAX_CLASSES; c++) {
        f.reader.classes[c] = 16 * (c + 1);
        *class_counter(&f, 0, c, HK_CLASS_AT(allocs_total)) = 1;
        *class_counter(&f, 1, c, HK_CLASS_AT(allocs_total)) = 1;
    }
    struct hk_totals t = totals_of(&f);
    assert_int_equal(hk_totals_class_sum(&t, HK_CLASS_AT(allocs_total)), 2 * HK_MAX_CLASSES);
    assert_int_equal(t.live_bytes, 2 * 16 * (HK_MAX_CLASSES * (HK_MAX_CLASSES + 1) / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_slots_and_derives),
        cmocka_unit_test(a_negative_difference_is_nothing),
        cmocka_unit_test(finds_derived_figures_by_index),
        cmocka_unit_test(the_largest_shape_fits),
    };
    return cmocka_run_group_tests_name("shm.derive", tests, NULL, NULL);
}
