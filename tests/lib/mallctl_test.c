/* mallctl_test.c - jemalloc's questions: names, MIBs, each error that its manual lists, and figures that
 * follow what was done. */
#include "tests/support/test.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/lib/mallctl.h"
#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

/* Every name there is, with 0 for an integer, and what may be done with it. */
struct name {
    char text[48];
    size_t bytes;
    bool read, write, made;
};

enum {
    BOOL = 1,
    UNSIGNED = 4,
    U32 = 4,
    SIZE = 8,
    SSIZE = 8,
    U64 = 8,
    STRING = 8,
    HOOKS = 4,
    BLOCK = 4,
    NOTHING = 0
};
enum { R = 1, W = 2, RW = 3, DO = 0, HK_CTL_NEW = 0, HK_CTL_MAKES = 4 };

static struct name names[] = {
#define HK_CTL(name, type, access, value, set, help)                                                         \
    {name, type, ((access)&R) != 0, ((access)&W) != 0, ((access)&HK_CTL_MAKES) != 0},
#include "lib/jemalloc/mallctl.def"
};

static void write_integers(void)
{
    for (unsigned i = 0; i < HK_COUNT_OF(names); i++) {
        for (char *at = names[i].text; (at = strchr(at, '#')) != NULL;)
            *at = '0';
    }
}

/* ---- names ---- */

static void every_name_is_answered(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_COUNT_OF(names); i++) {
        const struct name *n = &names[i];
        unsigned char value[8];
        size_t length = n->bytes;
        if (!n->read || n->made)
            continue;
        memset(value, 0xee, sizeof value);
        int error = mallctl(n->text, value, &length, NULL, 0);
        if (error != 0 || length != n->bytes)
            fail_msg("%s: error %d, %zu bytes", n->text, error, length);
        for (size_t at = n->bytes; at < sizeof value; at++)
            assert_int_equal(value[at], 0xee);
    }
}

static void reading_with_too_little_or_too_much_room(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_COUNT_OF(names); i++) {
        const struct name *n = &names[i];
        unsigned char whole[8] = {0}, part[9];
        size_t length = n->bytes;
        if (!n->read || n->made || strcmp(n->text, "stats.zero_reallocs") == 0)
            continue;
        assert_int_equal(mallctl(n->text, whole, &length, NULL, 0), 0);
        for (size_t room = 0; room <= sizeof part; room++) {
            if (room == n->bytes)
                continue;
            memset(part, 0xee, sizeof part);
            length = room;
            assert_int_equal(mallctl(n->text, part, &length, NULL, 0), EINVAL);
            size_t got = room < n->bytes ? room : n->bytes;
            assert_int_equal(length, got);
            assert_memory_equal(part, whole, got);
            for (size_t at = got; at < sizeof part; at++)
                assert_int_equal(part[at], 0xee);
        }
        assert_int_equal(mallctl(n->text, NULL, NULL, NULL, 0), 0);
        assert_int_equal(mallctl(n->text, whole, NULL, NULL, 0), 0);
        assert_int_equal(mallctl(n->text, NULL, &length, NULL, 0), 0);
    }
}

static void what_is_not_to_be_written_read_or_both(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_COUNT_OF(names); i++) {
        const struct name *n = &names[i];
        uint64_t value = 0;
        size_t length = n->bytes;
        if (!n->write) {
            assert_int_equal(mallctl(n->text, NULL, NULL, &value, n->bytes), EPERM);
            assert_int_equal(mallctl(n->text, NULL, NULL, NULL, 8), EPERM);
        }
        if (!n->read) {
            assert_int_equal(mallctl(n->text, &value, &length, NULL, 0), EPERM);
            assert_int_equal(mallctl(n->text, NULL, &length, NULL, 0), EPERM);
        }
        if (n->write && n->bytes != 4) {
            assert_int_equal(mallctl(n->text, NULL, NULL, &value, n->bytes - 1), EINVAL);
            assert_int_equal(mallctl(n->text, NULL, NULL, &value, n->bytes + 1), EINVAL);
        }
    }
}

static void names_that_there_are_not(void **state)
{
    (void)state;
    static const char *const none[] = {"",
                                       ".",
                                       "epoch.",
                                       ".epoch",
                                       "epoch.x",
                                       "nothing",
                                       "stats",
                                       "stats.",
                                       "stats.arenas",
                                       "stats.arenas.0",
                                       "stats.arenas.0.bins.0",
                                       "arenas.bin.0",
                                       "arenas.bin.40.size",
                                       "arenas.bin.-1.size",
                                       "arenas.bin..size",
                                       "arenas.bin.x.size",
                                       "arenas.bin.0x1.size",
                                       "arenas.bin.99999999999999999999.size",
                                       "arenas.lextent.2.size",
                                       "arena.4095.purge",
                                       "arena.7.purge",
                                       "arena.0.",
                                       "arena.x.purge",
                                       "arena.4098.purge",
                                       "stats.arenas.77.pdirty",
                                       "stats.arenas.0.bins.40.curregs",
                                       "stats.arenas.0.bins.0.nothing",
                                       "opt.prof",
                                       "prof.active",
                                       "prof.dump",
                                       "prof.reset",
                                       "thread.prof.active",
                                       "thread.prof.name",
                                       "thread.allocated",
                                       "thread.allocatedp",
                                       "thread.deallocated",
                                       "thread.deallocatedp",
                                       "thread.peak.read",
                                       "stats.arenas.0.small.resident",
                                       "experimental.utilization.query",
                                       "stats.mutexes.ctl.num_ops",
                                       "arena.0.extent_hooks",
                                       "Version"};
    for (unsigned i = 0; i < HK_COUNT_OF(none); i++) {
        uint64_t value = 0;
        size_t length = sizeof value;
        int error = mallctl(none[i], &value, &length, NULL, 0);
        if (error != ENOENT || length != sizeof value || value != 0)
            fail_msg("'%s': error %d", none[i], error);
    }
    assert_int_equal(mallctl(NULL, NULL, NULL, NULL, 0), ENOENT);
}

/* ---- MIBs ---- */

static void a_mib_reads_what_its_name_does(void **state)
{
    (void)state;
    refresh();
    for (unsigned i = 0; i < HK_COUNT_OF(names); i++) {
        const struct name *n = &names[i];
        size_t mib[8] = {42, 42, 42, 42, 42, 42, 42, 42}, parts = 8;
        uint64_t by_name = 0, by_mib = 0;
        size_t length = n->bytes, length2 = n->bytes;
        assert_int_equal(mallctlnametomib(n->text, mib, &parts), 0);
        unsigned dots = 0;
        for (const char *at = n->text; *at != '\0'; at++)
            dots += *at == '.';
        assert_int_equal(parts, dots + 1);
        assert_int_equal(mib[parts], 42);
        if (n->read && !n->made) {
            assert_int_equal(mallctl(n->text, &by_name, &length, NULL, 0), 0);
            assert_int_equal(mallctlbymib(mib, parts, &by_mib, &length2, NULL, 0), 0);
            if (strcmp(n->text, "stats.zero_reallocs") != 0)
                assert_int_equal(by_name, by_mib);
        }
        /* Each number changed, one missing, one too many. */
        for (size_t at = 0; at < parts; at++) {
            size_t was = mib[at];
            mib[at] = 5000;
            assert_int_equal(mallctlbymib(mib, parts, NULL, NULL, NULL, 0), ENOENT);
            mib[at] = SIZE_MAX;
            assert_int_equal(mallctlbymib(mib, parts, NULL, NULL, NULL, 0), ENOENT);
            mib[at] = was;
        }
        assert_int_equal(mallctlbymib(mib, parts - 1, NULL, NULL, NULL, 0), ENOENT);
        assert_int_equal(mallctlbymib(mib, parts + 1, NULL, NULL, NULL, 0), ENOENT);
        assert_int_equal(mallctlbymib(mib, SIZE_MAX, NULL, NULL, NULL, 0), ENOENT);
    }
    assert_int_equal(mallctlbymib(NULL, 1, NULL, NULL, NULL, 0), ENOENT);
}

/* No two names have one MIB, and a number of one path does not serve another. */
static void mibs_differ(void **state)
{
    (void)state;
    size_t a[8], b[8], a_parts = 8, b_parts = 8;
    assert_int_equal(mallctlnametomib("arenas.bin.0.size", a, &a_parts), 0);
    assert_int_equal(mallctlnametomib("arenas.lextent.0.size", b, &b_parts), 0);
    assert_int_equal(a[0], b[0]);
    assert_int_not_equal(a[1], b[1]);
    a[1] = b[1];
    assert_int_equal(mallctlbymib(a, 4, NULL, NULL, NULL, 0), ENOENT);
}

static void integers_of_a_mib_are_the_callers(void **state)
{
    (void)state;
    size_t mib[4], parts = 4, size = 0, length = sizeof size;
    unsigned bins = unsigned_of("arenas.nbins");
    assert_int_equal(bins, CLASS_COUNT);
    assert_int_equal(mallctlnametomib("arenas.bin.0.size", mib, &parts), 0);
    for (unsigned i = 0; i < bins; i++) {
        mib[2] = i;
        assert_int_equal(mallctlbymib(mib, parts, &size, &length, NULL, 0), 0);
        assert_int_equal(size, class_sizes[i]);
    }
    mib[2] = bins;
    assert_int_equal(mallctlbymib(mib, parts, &size, &length, NULL, 0), ENOENT);
}

static void names_and_mibs_may_be_short(void **state)
{
    (void)state;
    size_t mib[4] = {42, 42, 42, 42}, parts = 3;
    assert_int_equal(mallctlnametomib("arenas.bin.7.nregs", mib, &parts), 0);
    assert_int_equal(parts, 3);
    assert_int_equal(mib[2], 7);
    assert_int_equal(mib[3], 42);
    parts = 4;
    assert_int_equal(mallctlnametomib("arenas.bin.8", mib, &parts), 0);
    assert_int_equal(parts, 3);
    assert_int_equal(mib[2], 8);
    assert_int_equal(mib[3], 42);
    assert_int_equal(mallctlbymib(mib, 3, NULL, NULL, NULL, 0), ENOENT);
    assert_int_equal(mallctlnametomib("arenas.bin.8.bob", mib, &parts), ENOENT);
    assert_int_equal(mallctlnametomib("nothing", mib, &parts), ENOENT);
}

/* ---- what answers say ---- */

static void constants_are_right(void **state)
{
    (void)state;
    bool yes = false;
    assert_int_equal(strncmp(text_of("version"), "5.3.0-", 6), 0);
    assert_non_null(strstr(text_of("version"), "hakmem-" HAKMEM_VERSION));
    assert_int_equal(reads("config.stats", &yes, sizeof yes), 0);
    assert_true(yes);
    assert_int_equal(size_of("arenas.page"), (size_t)sysconf(_SC_PAGESIZE));
    assert_int_equal(size_of("arenas.quantum"), 16);
    unsigned large = unsigned_of("arenas.nlextents");
    char name[64];
    snprintf(name, sizeof name, "arenas.lextent.%u.size", large - 1);
    size_t most = size_of(name);
    assert_int_equal(nallocx(most, 0), most);
    assert_int_equal(nallocx(most + 1, 0), 0);
}

static void figures_follow_the_blocks(void **state)
{
    (void)state;
    enum { N = 5000 };
    static void *blocks[N];
    refresh();
    size_t before = size_of("stats.allocated"), small = size_of("stats.arenas.0.small.allocated");
    size_t large = size_of("stats.arenas.4096.large.allocated");
    for (unsigned i = 0; i < N; i++)
        blocks[i] = mallocx(1000, 0);
    void *big = mallocx(1 << 20, 0), *huge = mallocx(8 << 20, 0);
    assert_int_equal(size_of("stats.allocated"), before); /* not refreshed */
    refresh();
    size_t now = size_of("stats.allocated"), active = size_of("stats.active");
    assert_int_equal(now - before, N * 1024 + (9 << 20));
    assert_int_equal(size_of("stats.arenas.0.small.allocated") - small, N * 1024);
    assert_int_equal(size_of("stats.arenas.4096.large.allocated") - large, 9 << 20);
    struct hakmem_snapshot s;
    assert_int_equal(hakmem_snapshot(&s, sizeof s), 0);
    assert_int_equal(now, s.live_bytes);
    assert_int_equal(active, s.live_bytes + s.bin_bytes + s.partial_bytes);
    assert_int_equal(active % size_of("arenas.page"), 0);
    assert_true(size_of("stats.resident") > active);
    assert_true(size_of("stats.mapped") > active);
    assert_int_equal(active + size_of("stats.arenas.0.pdirty") * size_of("arenas.page") +
                         size_of("stats.retained"),
                     s.mapped_bytes);
    assert_true(size_of("stats.arenas.0.bins.19.curregs") >= N);
    assert_true(size_of("stats.arenas.0.bins.19.curslabs") * 64 >= size_of("stats.arenas.0.bins.19.curregs"));
    assert_int_equal(size_of("stats.arenas.0.lextents.1.curlextents"), 1);
    for (unsigned i = 0; i < N; i++)
        dallocx(blocks[i], 0);
    dallocx(big, 0);
    dallocx(huge, 0);
    refresh();
    assert_int_equal(size_of("stats.allocated"), before);
    assert_int_equal(size_of("stats.arenas.0.lextents.1.curlextents"), 0);
}

/* Blocks less slabs are what a program computes fragmentation from: never below nothing. */
static void bins_add_up(void **state)
{
    (void)state;
    refresh();
    char name[64];
    uint64_t sum = 0, live = 0;
    for (unsigned i = 0; i < CLASS_COUNT; i++) {
        snprintf(name, sizeof name, "arenas.bin.%u.nregs", i);
        uint32_t nregs = unsigned_of(name);
        snprintf(name, sizeof name, "stats.arenas.4096.bins.%u.curslabs", i);
        size_t slabs = size_of(name);
        snprintf(name, sizeof name, "stats.arenas.4096.bins.%u.curregs", i);
        size_t regs = size_of(name);
        assert_true(regs <= slabs * nregs);
        sum += slabs * 65536;
        live += regs * class_sizes[i];
    }
    assert_true(sum >= live);
    assert_int_equal(sum + size_of("stats.arenas.0.large.allocated"), size_of("stats.active"));
}

static void epochs_count_up(void **state)
{
    (void)state;
    uint64_t first = 0, second = 77;
    size_t length = sizeof second;
    assert_int_equal(reads("epoch", &first, sizeof first), 0);
    assert_int_equal(mallctl("epoch", &second, &length, &second, sizeof second), 0);
    assert_int_equal(second, first + 1);
    assert_int_equal(reads("epoch", &first, sizeof first), 0);
    assert_int_equal(first, second);
    assert_int_equal(mallctl("epoch", NULL, NULL, &first, sizeof first - 1), EINVAL);
    assert_int_equal(reads("epoch", &first, sizeof first), 0);
    assert_int_equal(first, second);
}

static void reallocs_to_nothing_are_counted(void **state)
{
    (void)state;
    refresh();
    size_t before = size_of("stats.zero_reallocs");
    for (unsigned i = 0; i < 5; i++)
        assert_null(realloc(check_hidden_pointer(malloc(10)), check_hidden_size(0)));
    assert_int_equal(size_of("stats.zero_reallocs") - before, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_answered),
        cmocka_unit_test(reading_with_too_little_or_too_much_room),
        cmocka_unit_test(what_is_not_to_be_written_read_or_both),
        cmocka_unit_test(names_that_there_are_not),
        cmocka_unit_test(a_mib_reads_what_its_name_does),
        cmocka_unit_test(mibs_differ),
        cmocka_unit_test(integers_of_a_mib_are_the_callers),
        cmocka_unit_test(names_and_mibs_may_be_short),
        cmocka_unit_test(constants_are_right),
        cmocka_unit_test(figures_follow_the_blocks),
        cmocka_unit_test(bins_add_up),
        cmocka_unit_test(epochs_count_up),
        cmocka_unit_test(reallocs_to_nothing_are_counted),
    };
    write_integers();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
