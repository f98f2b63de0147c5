/* quantity_test.c - numbers as people read them: where a unit ends and the next begins. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "ctl/base/quantity.h"
#include "shm/schema.h"

#define KIB 1024.0
#define MIB (1024 * KIB)

static void bytes_count_in_powers_of_1024(void **state)
{
    (void)state;
    assert_string_equal(hk_quantity_bytes(0).s, "0 B");
    assert_string_equal(hk_quantity_bytes(640).s, "640 B");
    assert_string_equal(hk_quantity_bytes(1023).s, "1023 B");
    assert_string_equal(hk_quantity_bytes(1024).s, "1.0 KiB");
    assert_string_equal(hk_quantity_bytes(1.2 * MIB).s, "1.2 MiB");
    assert_string_equal(hk_quantity_bytes(99.9 * MIB).s, "99.9 MiB");
    assert_string_equal(hk_quantity_bytes(99.96 * MIB).s, "100 MiB");
    assert_string_equal(hk_quantity_bytes(812.4 * MIB).s, "812 MiB");
    assert_string_equal(hk_quantity_bytes(1023.4 * MIB).s, "1023 MiB");
    assert_string_equal(hk_quantity_bytes(9007199254740992.0).s, "8.0 PiB");
}

static void rounding_never_shows_1024_of_a_unit(void **state)
{
    (void)state;
    for (double unit = KIB; unit < 1e15; unit *= 1024) {
        for (double below = 0.0; below < 1.0; below += 0.05)
            assert_null(strstr(hk_quantity_bytes((1024 - below) * unit).s, "1024"));
    }
    for (double n = 9990; n < 10010; n += 0.5)
        assert_null(strstr(hk_quantity_count(n).s, "10000"));
}

static void counts_and_rates_count_in_powers_of_1000(void **state)
{
    (void)state;
    assert_string_equal(hk_quantity_count(0).s, "0");
    assert_string_equal(hk_quantity_count(9999).s, "9999");
    assert_string_equal(hk_quantity_count(10000).s, "10.0 k");
    assert_string_equal(hk_quantity_count(12345).s, "12.3 k");
    assert_string_equal(hk_quantity_count(3.4e6).s, "3.4 M");
    assert_string_equal(hk_quantity_count(812e9).s, "812 G");
    assert_string_equal(hk_quantity_rate(0).s, "0 /s");
    assert_string_equal(hk_quantity_rate(0.04).s, "0.04 /s");
    assert_string_equal(hk_quantity_rate(0.4).s, "0.4 /s");
    assert_string_equal(hk_quantity_rate(12).s, "12 /s");
    assert_string_equal(hk_quantity_rate(999.4).s, "999 /s");
    assert_string_equal(hk_quantity_rate(999.6).s, "1.0 k/s");
    assert_string_equal(hk_quantity_rate(3.4e6).s, "3.4 M/s");
    assert_string_equal(hk_quantity_byte_rate(1.2 * MIB).s, "1.2 MiB/s");
}

static void durations_take_one_unit(void **state)
{
    (void)state;
    assert_string_equal(hk_quantity_duration(0).s, "0 s");
    assert_string_equal(hk_quantity_duration(850).s, "850 ms");
    assert_string_equal(hk_quantity_duration(999.6).s, "1 s");
    assert_string_equal(hk_quantity_duration(1200).s, "1.2 s");
    assert_string_equal(hk_quantity_duration(12000).s, "12 s");
    assert_string_equal(hk_quantity_duration(59.7e3).s, "1 min");
    assert_string_equal(hk_quantity_duration(3.4 * 60e3).s, "3.4 min");
    assert_string_equal(hk_quantity_duration(3600e3).s, "1 h");
    assert_string_equal(hk_quantity_duration(47 * 3600e3).s, "47 h");
    assert_string_equal(hk_quantity_duration(48 * 3600e3).s, "2 d");
    assert_string_equal(hk_quantity_duration(1000 * 86400e3).s, "1000 d");
}

static void what_is_no_number_reads_as_a_dash(void **state)
{
    (void)state;
    static struct hk_quantity_text (*const all[])(double) = {hk_quantity_bytes,    hk_quantity_count,
                                                             hk_quantity_rate,     hk_quantity_byte_rate,
                                                             hk_quantity_duration, hk_quantity_plain};
    for (unsigned i = 0; i < HK_COUNT_OF(all); i++) {
        assert_string_equal(all[i](NAN).s, "-");
        assert_string_equal(all[i](INFINITY).s, "-");
        assert_string_equal(all[i](-1).s, "-");
    }
    assert_string_equal(hk_quantity_exact(NAN, "bytes").s, "-");
}

static void a_column_shares_one_unit(void **state)
{
    (void)state;
    unsigned scale = hk_quantity_byte_scale(812.4 * MIB);
    assert_string_equal(hk_quantity_bytes_at(812.4 * MIB, scale).s, "812.40 MiB");
    assert_string_equal(hk_quantity_bytes_at(KIB * 64, scale).s, "0.06 MiB");
    assert_string_equal(hk_quantity_bytes_at(0, scale).s, "0.00 MiB");
    /* The small parts of a large whole are still to be seen. */
    assert_string_equal(hk_quantity_bytes_at(0.4 * MIB, hk_quantity_byte_scale(1600 * MIB)).s, "0.40 MiB");
    assert_string_equal(hk_quantity_bytes_at(1000, hk_quantity_byte_scale(1000)).s, "1000 B");
    assert_string_equal(hk_quantity_bytes_at(NAN, hk_quantity_byte_scale(NAN)).s, "-");
}

static void tunables_lose_nothing(void **state)
{
    (void)state;
    const char *bytes = hk_unit_name(HK_UNIT_BYTES), *ms = hk_unit_name(HK_UNIT_MILLISECONDS);
    assert_string_equal(hk_quantity_exact(0, bytes).s, "0 B");
    assert_string_equal(hk_quantity_exact(65536, bytes).s, "64 KiB");
    assert_string_equal(hk_quantity_exact(65537, bytes).s, "65537 B");
    assert_string_equal(hk_quantity_exact(1099511627776.0, bytes).s, "1 TiB");
    assert_string_equal(hk_quantity_exact(1500, ms).s, "1500 ms");
    assert_string_equal(hk_quantity_exact(3600000, ms).s, "3600 s");
    assert_string_equal(hk_quantity_exact(5, hk_unit_name(HK_UNIT_PERCENT)).s, "5 %");
    assert_string_equal(hk_quantity_exact(128, hk_unit_name(HK_UNIT_BLOCKS)).s, "128");
    assert_string_equal(hk_quantity_exact(9007199254740991.0, "none").s, "9007199254740991");
}

static void the_key_says_the_unit(void **state)
{
    (void)state;
    assert_string_equal(hk_quantity_by_key("live_bytes", 2048).s, "2.0 KiB");
    assert_string_equal(hk_quantity_by_key("purged_bytes_total", 2048).s, "2.0 KiB");
    assert_string_equal(hk_quantity_by_key("purged_bytes_per_s", 2048).s, "2.0 KiB/s");
    assert_string_equal(hk_quantity_by_key("allocs_per_s", 2048).s, "2.0 k/s");
    assert_string_equal(hk_quantity_by_key("allocs_total", 2048).s, "2048");
    assert_string_equal(hk_quantity_by_key("idle_ms", 2000).s, "2 s");
    assert_string_equal(hk_quantity_by_key("uptime_s", 2).s, "2 s");
    assert_string_equal(hk_quantity_by_key("last_ns", 2e9).s, "2 s");
    assert_string_equal(hk_quantity_by_key("threads", 8).s, "8");
    assert_string_equal(hk_quantity_by_key("", 8).s, "8");
}

/* Every counter that can be published must read as something, by the name of its key alone. */
static void every_counter_reads_in_its_unit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_PROCESS_COUNTERS; i++) {
        const struct hk_counter_info *info = &hk_process_counters[i];
        bool shown_as_bytes = strstr(hk_quantity_by_key(info->name, 2048).s, "KiB") != NULL;
        assert_int_equal(shown_as_bytes, info->unit == HK_UNIT_BYTES);
    }
}

static void reads_times_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double ms;
    } good[] = {{"2", 2000},    {"0.5", 500},      {"500ms", 500}, {"2s", 2000}, {"10min", 600e3},
                {"1h", 3600e3}, {"7d", 7 * 864e5}, {"0", 0},       {".25", 250}, {"3.", 3000}};
    static const char *const bad[] = {"",    "s",  ".",  "-1",  "+1",  " 1",  "1 ",
                                      "1 s", "1x", "1m", "1e3", "nan", "0x10"};
    double ms;
    for (unsigned i = 0; i < HK_COUNT_OF(good); i++) {
        assert_true(hk_quantity_parse_duration(good[i].text, &ms));
        assert_true(fabs(ms - good[i].ms) < 1e-6);
    }
    for (unsigned i = 0; i < HK_COUNT_OF(bad); i++)
        assert_false(hk_quantity_parse_duration(bad[i], &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_count_in_powers_of_1024),
        cmocka_unit_test(rounding_never_shows_1024_of_a_unit),
        cmocka_unit_test(counts_and_rates_count_in_powers_of_1000),
        cmocka_unit_test(durations_take_one_unit),
        cmocka_unit_test(what_is_no_number_reads_as_a_dash),
        cmocka_unit_test(a_column_shares_one_unit),
        cmocka_unit_test(tunables_lose_nothing),
        cmocka_unit_test(the_key_says_the_unit),
        cmocka_unit_test(every_counter_reads_in_its_unit),
        cmocka_unit_test(reads_times_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
