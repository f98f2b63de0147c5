/* huge_test.c - huge pages (thp=large): for large programs alone, and what is purged of one is really given
 * back. */
#include <stdlib.h>

#include "tests/memory/memory.h"

#define SMALL_BYTES 1000
#define HUGE_BYTES  (2 * HK_MIB)
#define SLAB_BYTES  (HUGE_BYTES / 32)

/* The number behind a name at the start of a line; 0 where there is none. */
static uint64_t number_in(const char *path, const char *name)
{
    char line[256];
    uint64_t number = 0;
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            number = strtoull(line + strlen(name), NULL, 10);
    assert_int_equal(fclose(file), 0);
    return number;
}

static uint64_t huge_bytes(const struct stage *s)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)s->puppet.pid);
    return number_in(path, "AnonHugePages:") << 10;
}

/* Of all of the system, so that more may have been split than is looked for, never fewer. */
static uint64_t split_so_far(void)
{
    return number_in("/proc/vmstat", "thp_split_page ");
}

static void grow(struct stage *s, uint64_t bytes)
{
    puppet_say(&s->puppet, "alloc 0 %d %llu", SMALL_BYTES, (unsigned long long)bytes / SMALL_BYTES);
}

static void a_small_program_has_none(void **state)
{
    (void)state;
    struct stage s = begin("thp=large");
    grow(&s, 20 * HK_MIB);
    assert_int_equal(huge_bytes(&s), 0);
    finish(&s);
}

static void what_is_purged_of_one_is_given_back(void **state)
{
    (void)state;
    struct stage s = begin("thp=large,retain_bytes=0,retain_percent=0");
    grow(&s, 256 * HK_MIB);
    uint64_t huge = huge_bytes(&s) / HUGE_BYTES, split = split_so_far();
    if (huge < 16) {
        finish(&s);
        skip(); /* the system has none, or none to spare */
    }
    check_resident(&s, "with all of it live", 272 * HK_MIB, SLACK);
    /* Of two thousand blocks none, one or a few are left in each slab of 64 KiB: most SuperSlabs have both
     * kinds. */
    puppet_say(&s.puppet, "free 0 %llu random", 256 * (unsigned long long)HK_MIB / SMALL_BYTES - 2000);
    (void)budget(&s);
    assert_true(huge_bytes(&s) / HUGE_BYTES <= huge / 4);
    assert_true(split_so_far() - split >= huge / 2);
    check_resident(&s, "with little of it live", 2000 * SLAB_BYTES, SLACK);
    puppet_say(&s.puppet, "free 0");
    check_resident(&s, "freed", 0, SLACK);
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_program_has_none),
        cmocka_unit_test(what_is_purged_of_one_is_given_back),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
