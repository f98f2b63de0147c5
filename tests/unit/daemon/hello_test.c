/* hello_test.c - hello messages, and the checks on a family's descriptors. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/intake/hello_socket.h"
#include "daemon/sources/segment_files.h"
#include "shm/derive.h"
#include "tests/tools/segment_writer.h"

static struct hk_hello good(void)
{
    struct hk_hello hello = {
        .magic = HK_HELLO_MAGIC, .abi_major = HK_ABI_MAJOR, .abi_minor = 7, .bytes = sizeof hello, .pid = 5};
    memset(hello.comm, 'c', sizeof hello.comm);
    memset(hello.exe, 'e', sizeof hello.exe);
    return hello;
}

static void test_parse(void **state)
{
    struct hk_hello hello = good(), out;
    char longer[sizeof hello + 100] = "";
    (void)state;
    assert_null(hk_hello_parse(&hello, sizeof hello, &out));
    assert_int_equal(strlen(out.comm), sizeof out.comm - 1);
    assert_int_equal(strlen(out.exe), sizeof out.exe - 1);
    /* A newer library's may be longer. */
    hello.bytes = sizeof longer;
    memcpy(longer, &hello, sizeof hello);
    assert_null(hk_hello_parse(longer, sizeof longer, &out));
    assert_non_null(hk_hello_parse(longer, sizeof longer - 1, &out));
    assert_non_null(hk_hello_parse(&hello, sizeof hello - 1, &out));
    assert_non_null(hk_hello_parse(&hello, 0, &out));
    hello = good();
    hello.magic++;
    assert_non_null(hk_hello_parse(&hello, sizeof hello, &out));
    hello = good();
    hello.abi_major++;
    assert_non_null(hk_hello_parse(&hello, sizeof hello, &out));
    hello = good();
    hello.bytes--;
    assert_non_null(hk_hello_parse(&hello, sizeof hello, &out));
}

static void test_segment(void **state)
{
    struct segment_writer w;
    struct hk_segment segment;
    const char *why;
    static uint64_t words[HK_MAX_CELLS];
    (void)state;
    writer_make(&w, 8, 16);
    assert_true(writer_claim_area(&w, "unit", "test") && writer_claim_slot(&w));
    writer_count(&w, 0, 3, 100, 20, 2, 110);
    assert_int_equal(hk_segment_open(&segment, dup(w.counters_fd), dup(w.tuning_fd), &why), 0);
    assert_null(why);
    assert_int_equal(segment.reader.class_count, 8);
    assert_int_equal(hk_segment_directory(&segment, words), 2);
    assert_int_equal(HK_DIR_KIND(words[0]), HK_CELL_AREA);
    assert_int_equal(HK_DIR_PID(words[1]), getpid());
    struct hk_area_view area;
    struct hk_slot_view slot;
    assert_true(hk_segment_area(&segment, 0, &area));
    assert_true(hk_segment_slot(&segment, 1, &slot));
    assert_string_equal(area.comm, "unit");
    assert_int_equal(slot.rows[3][HK_CLASS_AT(allocs_total)], 100);
    assert_int_equal(hk_segment_stamp(&segment, 1), slot.stamp);
    /* The page is shared: what the daemon writes the process sees. */
    atomic_store(&segment.page->heartbeat, 77);
    assert_int_equal(atomic_load(&w.page->heartbeat), 77);
    atomic_store(&segment.dead[5], 9);
    /* A directory that says more than there is, is cut. */
    w.header->cells_used = UINT32_MAX;
    assert_int_equal(hk_segment_directory(&segment, words), 16);
    hk_segment_close(&segment);
    writer_close(&w);
}

/* Both descriptors are gone after a refusal. */
static void refused(int counters_fd, int tuning_fd, const char *reason)
{
    struct hk_segment segment;
    const char *why;
    assert_true(counters_fd >= 0 && tuning_fd >= 0);
    assert_int_not_equal(hk_segment_open(&segment, counters_fd, tuning_fd, &why), 0);
    assert_string_equal(why, reason);
    assert_int_equal(fcntl(counters_fd, F_GETFD), -1);
    assert_int_equal(fcntl(tuning_fd, F_GETFD), -1);
}

static void test_refusals(void **state)
{
    struct segment_writer w;
    (void)state;
    writer_make(&w, 8, 16);
    refused(dup(w.tuning_fd), dup(w.counters_fd), "a memfd lacks a seal");
    refused(dup(w.counters_fd), dup(w.counters_fd), "a memfd is sealed against the daemon");
    refused(memfd_create("x", MFD_ALLOW_SEALING), dup(w.tuning_fd), "a memfd lacks a seal");
    refused(open("/dev/null", O_RDWR), dup(w.tuning_fd), "a descriptor is not a memfd");
    refused(dup(w.counters_fd), open("/proc/self/exe", O_RDONLY), "a descriptor is not a memfd");
    w.header->magic++;
    refused(dup(w.counters_fd), dup(w.tuning_fd), "not a hakmem segment (magic)");
    w.header->magic--;
    w.header->cell_bytes = 32 * HK_KIB;
    w.header->cell_count = 1;
    refused(dup(w.counters_fd), dup(w.tuning_fd), "the segment's cells are too large");
    writer_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_segment),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
