/*
 * segment_test.c - what a process hands to a daemon: sealed memfds, an honest hello, areas of forked
 * children, and what is left of a process that has been killed.
 */
#include "tests/support/cmocka_check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/size_class.h"
#include "tests/support/stage.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

static void the_hello_says_who_it_is(void **state)
{
    (void)state;
    const char *settings[] = {"HAKMEM_LABEL=a label of its own", NULL};
    struct stage s = stage_begin(settings);
    const struct hk_hello *h = &s.greeting.hello;
    char path[64], exe[HK_EXE_BYTES] = "";
    snprintf(path, sizeof path, "/proc/%d/exe", s.puppet.pid);
    assert_true(readlink(path, exe, sizeof exe - 1) > 0);
    assert_int_equal(h->pid, s.puppet.pid);
    assert_int_equal(h->root_pid, s.puppet.pid);
    assert_int_equal(h->flags, 0);
    assert_int_equal(h->abi_minor, HK_ABI_MINOR);
    assert_string_equal(h->version, HAKMEM_VERSION);
    assert_string_equal(h->comm, "hk_puppet");
    assert_string_equal(h->label, "a label of its own");
    assert_string_equal(h->exe, exe);
    assert_int_equal(s.greeting.peer.pid, s.puppet.pid);
    assert_int_equal(s.greeting.peer.uid, getuid());
    puppet_end(&s.puppet);
    stage_close(&s);
}

static void the_descriptors_are_sealed(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    int counters = fcntl(s.greeting.counters_fd, F_GET_SEALS);
    int tuning = fcntl(s.greeting.tuning_fd, F_GET_SEALS);
    int common = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
#ifdef F_SEAL_EXEC
    counters &= ~F_SEAL_EXEC;
    tuning &= ~F_SEAL_EXEC;
#else
    counters &= ~0x20;
    tuning &= ~0x20;
#endif
    assert_int_equal(counters, common | F_SEAL_FUTURE_WRITE);
    assert_int_equal(tuning, common);
    puppet_end(&s.puppet);
    stage_close(&s);
}

/* Whoever gets the counters' descriptor can neither write, nor cut, nor punch, nor map for writing. */
static void the_counters_cannot_be_harmed(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    int fd = s.greeting.counters_fd;
    char byte = 0;
    assert_true(pwrite(fd, &byte, 1, 0) < 0 && errno == EPERM);
    assert_true(ftruncate(fd, 0) < 0 && errno == EPERM);
    assert_true(ftruncate(fd, (off_t)s.greeting.segment_bytes * 2) < 0 && errno == EPERM);
    assert_true(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0 && errno == EPERM);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_true(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0);
    assert_true(ftruncate(s.greeting.tuning_fd, 0) < 0 && errno == EPERM);
    puppet_say(&s.puppet, "churn 100 1000 10");
    puppet_end(&s.puppet);
    stage_close(&s);
}

static void the_tables_are_the_librarys(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    const struct hk_reader *r = &s.greeting.reader;
    assert_int_equal(r->class_count, HK_CLASSES);
    unsigned c = 0;
#define HK_SIZE_CLASS(bytes) assert_int_equal(r->classes[c++], bytes);
#include "lib/base/size_classes.def"
    for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++)
        assert_int_not_equal(r->class_off[i], UINT32_MAX);
    for (unsigned i = 0; i < HK_HEAP_COUNTERS; i++)
        assert_int_not_equal(r->heap_off[i], UINT32_MAX);
    for (unsigned i = 0; i < HK_PROCESS_COUNTERS; i++)
        assert_int_not_equal(r->process_off[i], UINT32_MAX);
    for (unsigned i = 0; i < HK_TUNABLES; i++) {
        assert_int_equal(r->tunable_min[i], hk_tunables[i].min);
        assert_int_equal(r->tunable_max[i], hk_tunables[i].max);
    }
    assert_int_equal(r->header.root_pid, s.puppet.pid);
    assert_string_equal(r->header.version, HAKMEM_VERSION);
    puppet_end(&s.puppet);
    stage_close(&s);
}

/* 4,096 cells are 16 MiB of file; what a small process really takes is a few pages. */
static void a_small_process_takes_little(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    struct stat st;
    puppet_say(&s.puppet, "churn 100 1000 10");
    assert_int_equal(fstat(s.greeting.counters_fd, &st), 0);
    if (st.st_blocks * 512 > 96 * 1024)
        fail_msg("the counters of a process with one thread take %lld bytes", (long long)st.st_blocks * 512);
    puppet_end(&s.puppet);
    stage_close(&s);
}

static void area_of(const struct stage *s, pid_t pid, struct hk_area_view *area)
{
    CHECK(greeting_area(&s->greeting, pid, area, NULL), "%d has no area", (int)pid);
}

static void a_label_can_change(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    struct hk_area_view area;
    char text[HK_LABEL_BYTES + 40];
    area_of(&s, s.puppet.pid, &area);
    assert_string_equal(area.label, "");
    puppet_say(&s.puppet, "label one thing");
    area_of(&s, s.puppet.pid, &area);
    assert_string_equal(area.label, "one thing");
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    puppet_say(&s.puppet, "label %s", text);
    area_of(&s, s.puppet.pid, &area);
    text[HK_LABEL_BYTES - 1] = '\0';
    assert_string_equal(area.label, text);
    puppet_say(&s.puppet, "label");
    area_of(&s, s.puppet.pid, &area);
    assert_string_equal(area.label, "");
    puppet_end(&s.puppet);
    stage_close(&s);
}

static void a_normal_exit_is_marked(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    struct hk_area_view area;
    area_of(&s, s.puppet.pid, &area);
    assert_int_equal(area.flags & HK_AREA_EXITED, 0);
    assert_int_equal(puppet_end(&s.puppet), 0);
    area_of(&s, s.puppet.pid, &area);
    assert_int_equal(area.flags & HK_AREA_EXITED, HK_AREA_EXITED);
    stage_close(&s);
}

/* ---- families ---- */

static void a_forked_child_has_its_own_area(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    struct hk_area_view area;
    struct hk_totals parent_before, parent_after, child;
    unsigned c = greeting_class(&s.greeting, 500);
    puppet_say(&s.puppet, "churn 500 100 50"); /* a past that is the parent's alone */
    puppet_say(&s.puppet, "alloc 0 500 1000");
    puppet_say(&s.puppet, "snapshot");
    greeting_totals(&s.greeting, s.puppet.pid, &parent_before);
    pid_t pid = (pid_t)puppet_number(puppet_say(&s.puppet, "fork alloc 1 500 5000"), 0);
    area_of(&s, pid, &area);
    assert_int_equal(area.pid, pid);
    assert_int_equal(area.parent_pid, s.puppet.pid);
    assert_string_equal(area.comm, "hk_puppet");
    assert_int_equal(greeting_areas(&s.greeting), 2);

    /* The child's totals begin with the blocks it inherited; its parent's have not moved. */
    greeting_totals(&s.greeting, pid, &child);
    const uint64_t *was = parent_before.classes[c].counters, *is = child.classes[c].counters;
    uint64_t inherited = was[HK_CLASS_AT(allocs_total)] - was[HK_CLASS_AT(frees_total)];
    uint64_t made = is[HK_CLASS_AT(allocs_total)] - inherited;
    assert_int_equal(inherited, 1000);
    assert_int_equal(is[HK_CLASS_AT(frees_total)], 0);
    if (made > 5000 || made + is[HK_CLASS_AT(allocs_lag_blocks)] < 5000)
        fail_msg("the child made 5000 allocations; published: %llu, lag %llu", (unsigned long long)made,
                 (unsigned long long)is[HK_CLASS_AT(allocs_lag_blocks)]);
    greeting_totals(&s.greeting, s.puppet.pid, &parent_after);
    assert_int_equal(parent_after.classes[c].counters[HK_CLASS_AT(allocs_total)],
                     was[HK_CLASS_AT(allocs_total)]);
    kill(pid, SIGKILL);
    puppet_end(&s.puppet);
    stage_close(&s);
}

/* Threads of the parent do not exist in the child; what they had is not counted twice nor lost. */
static void a_child_of_many_threads_adds_up(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    struct hk_totals child;
    unsigned c = greeting_class(&s.greeting, 500);
    puppet_say(&s.puppet, "start 0 7");
    puppet_say(&s.puppet, "on 0 7 alloc 0 500 2000");
    puppet_say(&s.puppet, "on 0 7 free 0 1000");
    pid_t pid = (pid_t)puppet_number(puppet_say(&s.puppet, "fork churn 500 1000 3"), 0);
    greeting_totals(&s.greeting, pid, &child);
    const uint64_t *n = child.classes[c].counters;
    uint64_t slack = n[HK_CLASS_AT(allocs_lag_blocks)] + n[HK_CLASS_AT(frees_lag_blocks)];
    uint64_t live = child.classes[c].live_blocks;
    if (live + slack < 8000 || live > 8000 + slack)
        fail_msg("8000 blocks are live in the child; published: %llu, within %llu", (unsigned long long)live,
                 (unsigned long long)slack);
    assert_int_equal(child.threads, 1);
    kill(pid, SIGKILL);
    puppet_end(&s.puppet);
    stage_close(&s);
}

static void many_children_have_areas(void **state)
{
    (void)state;
    enum { CHILDREN = 40 };
    struct stage s = stage_begin(NULL);
    struct hk_area_view area;
    pid_t pids[CHILDREN];
    for (unsigned i = 0; i < CHILDREN; i++)
        pids[i] = (pid_t)puppet_number(puppet_say(&s.puppet, "fork churn 500 100 10"), 0);
    assert_int_equal(greeting_areas(&s.greeting), CHILDREN + 1);
    for (unsigned i = 0; i < CHILDREN; i++) {
        area_of(&s, pids[i], &area);
        assert_int_equal(area.parent_pid, s.puppet.pid);
        kill(pids[i], SIGKILL);
    }
    puppet_end(&s.puppet);
    stage_close(&s);
}

static pid_t only_child_of(pid_t pid)
{
    char path[64];
    int child = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &child), 1);
    fclose(file);
    return child;
}

/* Its father does nothing but fork: a process has an area from its first slow path on. */
static void a_grandchild_has_its_own_area(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    struct hk_area_view area;
    pid_t child = (pid_t)puppet_number(puppet_say(&s.puppet, "fork fork alloc 3 500 100"), 0);
    pid_t grandchild = only_child_of(child);
    area_of(&s, grandchild, &area);
    assert_int_equal(area.parent_pid, child);
    kill(child, SIGKILL);
    puppet_end(&s.puppet);
    stage_close(&s);
}

/* Cells of children that the daemon knows to be dead are used again: a prefork server never runs out. */
static void cells_of_dead_children_are_reused(void **state)
{
    (void)state;
    enum { CHILDREN = 200 };
    struct stage s = stage_begin(NULL);
    hk_au16 *dead = (hk_au16 *)((char *)s.greeting.page + HK_TUNING_DEAD_OFF);
    struct hk_area_view area;
    uint32_t used = 0;
    for (unsigned i = 0; i < CHILDREN; i++) {
        pid_t pid = (pid_t)puppet_number(puppet_say(&s.puppet, "fork churn 500 100 1"), 0);
        area_of(&s, pid, &area);
        kill(pid, SIGKILL);
        assert_int_equal(
            pread(s.greeting.counters_fd, &used, sizeof used, offsetof(struct hk_header, cells_used)),
            sizeof used);
        for (uint32_t cell = 0; cell < used; cell++) {
            uint64_t word = 0;
            assert_int_equal(pread(s.greeting.counters_fd, &word, sizeof word,
                                   (off_t)(s.greeting.reader.header.dir_off + 8ull * cell)),
                             sizeof word);
            if (HK_DIR_PID(word) == (uint32_t)pid)
                atomic_store(&dead[cell], HK_DIR_SEQ(word));
        }
    }
    if (used > 16)
        fail_msg("%u cells are used after %d children, one at a time", used, CHILDREN);
    puppet_end(&s.puppet);
    stage_close(&s);
}

/* ---- death ---- */

static void counters_of_the_killed_can_be_read(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    struct hk_totals before, after;
    struct hk_area_view area;
    puppet_say(&s.puppet, "alloc 0 500 12345");
    puppet_say(&s.puppet, "snapshot");
    greeting_totals(&s.greeting, s.puppet.pid, &before);
    puppet_kill(&s.puppet);
    greeting_totals(&s.greeting, s.puppet.pid, &after);
    assert_int_equal(hk_totals_allocs(&after), hk_totals_allocs(&before));
    assert_true(hk_totals_allocs(&after) >= 12345);
    area_of(&s, s.puppet.pid, &area);
    assert_int_equal(area.flags & HK_AREA_EXITED, 0);
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hello_says_who_it_is),
        cmocka_unit_test(the_descriptors_are_sealed),
        cmocka_unit_test(the_counters_cannot_be_harmed),
        cmocka_unit_test(the_tables_are_the_librarys),
        cmocka_unit_test(a_small_process_takes_little),
        cmocka_unit_test(a_label_can_change),
        cmocka_unit_test(a_normal_exit_is_marked),
        cmocka_unit_test(a_forked_child_has_its_own_area),
        cmocka_unit_test(a_child_of_many_threads_adds_up),
        cmocka_unit_test(many_children_have_areas),
        cmocka_unit_test(a_grandchild_has_its_own_area),
        cmocka_unit_test(cells_of_dead_children_are_reused),
        cmocka_unit_test(counters_of_the_killed_can_be_read),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
