/* registry_test.c - who is known: order, the dead, and that no counter is lost with a record. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/process_selector.h"
#include "daemon/model/registry.h"

static struct hk_process *process(struct hk_registry *registry, pid_t pid, uid_t uid, const char *comm,
                                  uint64_t big_allocs)
{
    struct hk_process *p = calloc(1, sizeof *p);
    p->pid = pid;
    p->uid = uid;
    p->user = hk_registry_user(registry, uid, HK_NS_PER_S);
    snprintf(p->comm, sizeof p->comm, "%s", comm);
    p->figures.totals.process[HK_PROCESS_AT(big_allocs_total)] = big_allocs;
    return p;
}

static void bury(struct hk_registry *registry, pid_t pid, uid_t uid, const char *comm, uint64_t big_allocs,
                 unsigned max)
{
    hk_registry_bury(registry, process(registry, pid, uid, comm, big_allocs), max);
}

static uint64_t sum(const struct hk_registry *registry, const struct hk_selector *selector,
                    const struct hk_viewer *viewer)
{
    struct hk_counts *counts = calloc(1, sizeof *counts);
    const struct hk_process *p;
    TAILQ_FOREACH(p, &registry->dead, link)
    {
        if (hk_selects(selector, viewer, p))
            hk_counts_add(counts, &p->figures);
    }
    for (unsigned i = 0; i < registry->grave_count; i++) {
        if (hk_selects_grave(selector, viewer, registry->graves[i]))
            hk_counts_add_counts(counts, &registry->graves[i]->counts);
    }
    uint64_t v = counts->totals[hk_total_index("big_allocs_total")];
    free(counts);
    return v;
}

static const struct hk_viewer root = {.uid = 0, .everything = true};
static const struct hk_viewer alice = {.uid = 7};
static const struct hk_selector all;

static void test_live_ones_are_in_order(void **state)
{
    static const pid_t pids[] = {50, 10, 30, 20, 40, 5, 60};
    struct hk_registry registry;
    (void)state;
    hk_registry_init(&registry);
    for (size_t i = 0; i < sizeof pids / sizeof pids[0]; i++)
        hk_registry_insert(&registry, process(&registry, pids[i], 1, "x", 0));
    for (unsigned i = 1; i < registry.process_count; i++)
        assert_true(registry.processes[i - 1]->pid < registry.processes[i]->pid);
    assert_int_equal(hk_registry_find(&registry, 30)->pid, 30);
    assert_null(hk_registry_find(&registry, 31));
    struct hk_process *p = hk_registry_find(&registry, 30);
    hk_registry_remove(&registry, p);
    assert_null(hk_registry_find(&registry, 30));
    hk_registry_bury(&registry, p, 100);
    assert_int_equal(registry.process_count, 6);
    assert_int_equal(registry.dead_count, 1);
    hk_registry_clear(&registry);
}

static void test_records_go_counters_stay(void **state)
{
    struct hk_registry registry;
    (void)state;
    hk_registry_init(&registry);
    for (int i = 0; i < 10; i++)
        bury(&registry, 100 + i, i % 2 ? 7 : 8, i < 4 ? "early" : "late", 1, 100);
    assert_int_equal(sum(&registry, &all, &root), 10);
    assert_int_equal(sum(&registry, &all, &alice), 5);
    hk_registry_trim_dead(&registry, HK_NS_PER_S, 3, 0);
    assert_int_equal(registry.dead_count, 3);
    assert_int_equal(sum(&registry, &all, &root), 10);
    hk_registry_trim_dead(&registry, HK_NS_PER_S, 3, 2 * HK_NS_PER_S);
    assert_int_equal(registry.dead_count, 0);
    assert_int_equal(registry.grave_count, 4);
    assert_int_equal(sum(&registry, &all, &root), 10);
    assert_int_equal(sum(&registry, &all, &alice), 5);
    struct hk_selector late = {.given = true};
    hk_match_add_glob(&late.match, HK_MATCH_COMM, "l*");
    assert_int_equal(sum(&registry, &late, &root), 6);
    assert_int_equal(sum(&registry, &late, &alice), 3);
    struct hk_selector one = {.given = true, .has_family = true, .family = 0};
    assert_int_equal(sum(&registry, &one, &root), 0); /* a family's are not told apart any more */
    hk_selector_clear(&late);
    hk_registry_clear(&registry);
}

static void test_no_user_pushes_out_another(void **state)
{
    struct hk_registry registry;
    const struct hk_process *p;
    unsigned bobs = 0;
    (void)state;
    hk_registry_init(&registry);
    bury(&registry, 1, 8, "bob", 1, 10);
    for (int i = 0; i < 100; i++)
        bury(&registry, 100 + i, 7, "alice", 1, 10);
    TAILQ_FOREACH(p, &registry.dead, link)
    {
        bobs += p->uid == 8;
    }
    assert_int_equal(bobs, 1);
    assert_int_equal(registry.dead_count, 6);
    assert_int_equal(sum(&registry, &all, &root), 101);
    hk_registry_clear(&registry);
}

/* However many kinds and users there are, memory is bounded and nothing is lost. */
static void test_graves_are_bounded(void **state)
{
    struct hk_registry registry;
    char comm[16];
    (void)state;
    hk_registry_init(&registry);
    for (unsigned i = 0; i < 4000; i++) {
        snprintf(comm, sizeof comm, "kind-%u", i);
        bury(&registry, (pid_t)(1 + i), 10 + i / 2, comm, 1, 4);
        hk_registry_trim_dead(&registry, 0, 0, 1);
    }
    assert_true(registry.grave_count <= 2 * HK_GRAVES_MAX);
    assert_int_equal(sum(&registry, &all, &root), 4000);
    struct hk_viewer first = {.uid = 10};
    assert_int_equal(sum(&registry, &all, &first), 2);
    /* The last users' have all become one sum, which only those who see everything may see. */
    struct hk_viewer last = {.uid = 10 + 1999};
    assert_int_equal(sum(&registry, &all, &last), 0);
    hk_registry_prune_users(&registry, 1000 * HK_NS_PER_S);
    assert_int_equal(registry.user_count, 0);
    hk_registry_clear(&registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_ones_are_in_order),
        cmocka_unit_test(test_records_go_counters_stay),
        cmocka_unit_test(test_no_user_pushes_out_another),
        cmocka_unit_test(test_graves_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
