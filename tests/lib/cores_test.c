/*
 * cores_test.c - a core dump of a process reads what the process has written of its segment, and no hole of
 * it: a hole that is read is memory from then on, and stays it as long as the daemon has the descriptor.
 *
 * What is marked is seen in smaps. What comes of it is seen by a dump of the kernel's, and one of gdb's
 * gcore, where there are such.
 */
#include "tests/support/cmocka_check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/publish/segment.h"
#include "tests/support/stage.h"

/* ---- what is mapped, and with which marks ---- */

struct mapping {
    uint64_t offset, bytes;
    bool dumped;
};

struct mappings {
    unsigned count;
    struct mapping of[64];
};

/* A process's mappings of a memfd. */
static void read_mappings(pid_t pid, const char *name, struct mappings *out)
{
    char path[64], line[512];
    bool ours = false;
    snprintf(path, sizeof path, "/proc/%d/smaps", (int)pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    out->count = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        unsigned long from, to, offset;
        if (sscanf(line, "%lx-%lx %*s %lx", &from, &to, &offset) == 3) {
            ours = strstr(line, name) != NULL;
            assert_true(out->count < HK_COUNT_OF(out->of));
            if (ours)
                out->of[out->count++] = (struct mapping){offset, to - from, true};
        } else if (ours && strncmp(line, "VmFlags:", 8) == 0) {
            out->of[out->count - 1].dumped = strstr(line, " dd") == NULL;
        }
    }
    fclose(f);
    assert_int_not_equal(out->count, 0);
}

static bool is_dumped(const struct mappings *m, uint64_t offset)
{
    for (unsigned i = 0; i < m->count; i++) {
        if (m->of[i].dumped && offset >= m->of[i].offset && offset - m->of[i].offset < m->of[i].bytes)
            return true;
    }
    return false;
}

static bool is_hole(int fd, uint64_t offset)
{
    return lseek(fd, (off_t)offset, SEEK_DATA) != (off_t)offset;
}

static uint32_t cells_used(const struct greeting *g)
{
    uint32_t used = 0;
    assert_int_equal(pread(g->counters_fd, &used, sizeof used, offsetof(struct hk_header, cells_used)),
                     sizeof used);
    return used;
}

/* Whether a page of the counters has something of what the family has written. */
static bool is_used(const struct greeting *g, uint64_t offset)
{
    const struct hk_header *h = &g->reader.header;
    uint32_t used = cells_used(g);
    if (offset < h->dir_off)
        return true;
    if (offset < h->cells_off)
        return offset < h->dir_off + used * sizeof(uint64_t);
    return offset < h->cells_off + (uint64_t)used * HK_CELL_BYTES;
}

/* all: what is used is dumped too. Returns the dumped pages of the counters. */
static unsigned check_marks(const struct greeting *g, pid_t pid, bool all)
{
    struct mappings m;
    unsigned dumped = 0;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    read_mappings(pid, "hakmem-counters", &m);
    for (uint64_t at = 0; at < g->segment_bytes; at += page) {
        if (is_dumped(&m, at) && is_hole(g->counters_fd, at))
            fail_msg("the hole at %#llx of the counters would be dumped", (unsigned long long)at);
        if (all && is_used(g, at) && !is_dumped(&m, at))
            fail_msg("what is used at %#llx of the counters would not be dumped", (unsigned long long)at);
        dumped += is_dumped(&m, at);
    }
    read_mappings(pid, "hakmem-tuning", &m);
    assert_true(is_dumped(&m, 0));
    for (uint64_t at = 0; at < HK_TUNING_BYTES; at += page)
        assert_false(is_dumped(&m, at) && is_hole(g->tuning_fd, at));
    return dumped;
}

static void the_marks_follow_what_is_used(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    puppet_say(&s.puppet, "alloc 0 100 10");
    unsigned one = check_marks(&s.greeting, s.puppet.pid, true);
    for (unsigned w = 0; w < 20; w++) {
        puppet_say(&s.puppet, "start %u", w);
        puppet_say(&s.puppet, "on %u alloc %u 100 10", w, w + 1);
        check_marks(&s.greeting, s.puppet.pid, true);
    }
    assert_int_equal(cells_used(&s.greeting), 22);
    puppet_say(&s.puppet, "start 20 599"); /* more than are mapped at once */
    puppet_say(&s.puppet, "on 20 599 alloc 21 100 10");
    assert_true(cells_used(&s.greeting) > 2 * HK_CELLS_AT_ONCE);
    assert_true(check_marks(&s.greeting, s.puppet.pid, true) > one);
    puppet_say(&s.puppet, "stop 0 599");
    puppet_end(&s.puppet);
    stage_close(&s);
}

/* A child has in its dumps what it had at the fork, and its own; of cells that others have claimed since it
 * knows nothing. */
static void a_child_marks_its_own(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    struct mappings m;
    struct hk_area_view area;
    unsigned cell;
    pid_t children[3];
    puppet_say(&s.puppet, "alloc 0 100 10");
    for (unsigned i = 0; i < HK_COUNT_OF(children); i++) {
        puppet_say(&s.puppet, "start %u", i);
        puppet_say(&s.puppet, "on %u alloc %u 100 10", i, i + 10);
        children[i] = (pid_t)puppet_number(puppet_say(&s.puppet, "fork churn 500 2000 2"), 0);
        check_marks(&s.greeting, children[i], false);
        read_mappings(children[i], "hakmem-counters", &m);
        assert_true(greeting_area(&s.greeting, children[i], &area, &cell));
        assert_true(is_dumped(&m, hk_reader_cell_offset(&s.greeting.reader, cell)));
        check_marks(&s.greeting, s.puppet.pid, false);
    }
    for (unsigned i = 0; i < HK_COUNT_OF(children); i++)
        kill(children[i], SIGKILL);
    puppet_say(&s.puppet, "stop 0 2");
    puppet_end(&s.puppet);
    stage_close(&s);
}

/* What takes the place of the first segment is marked as that was. */
static void so_does_a_segment_made_anew(void **state)
{
    (void)state;
    struct stage s = stage_begin(NULL);
    struct greeting again;
    puppet_say(&s.puppet, "start 0 9");
    puppet_say(&s.puppet, "on 0 9 alloc 0 100 10");
    check_marks(&s.greeting, s.puppet.pid, true);
    greeting_beat(&s.greeting, 1, true);
    puppet_say(&s.puppet, "churn 500 2000 2");
    CHECK(POLL_UNTIL((puppet_say(&s.puppet, "churn 500 2000 2"), listener_accept(&s.listener, 0, &again))),
          "no second hello");
    puppet_say(&s.puppet, "on 0 9 churn 500 2000 2");
    check_marks(&again, s.puppet.pid, true);
    puppet_say(&s.puppet, "start 10 19");
    puppet_say(&s.puppet, "on 10 19 alloc 10 100 10");
    check_marks(&again, s.puppet.pid, true);
    puppet_say(&s.puppet, "stop 0 19");
    puppet_end(&s.puppet);
    greeting_drop(&again);
    stage_close(&s);
}

/* ---- dumps ---- */

static blkcnt_t blocks_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_blocks;
}

/* Each page of the counters that is used is in the file. */
static void check_core(const struct greeting *g, const char *path)
{
    static unsigned char bytes[64 << 10];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &st) == 0, "%s: %s", path, strerror(errno));
    const char *core = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_ptr_not_equal(core, MAP_FAILED);
    for (uint64_t at = 0; at < g->segment_bytes; at += page) {
        if (!is_used(g, at))
            continue;
        assert_int_equal(pread(g->counters_fd, bytes, page, (off_t)at), page);
        if (memmem(core, (size_t)st.st_size, bytes, page) == NULL)
            fail_msg("what is used at %#llx of the counters is not in %s", (unsigned long long)at, path);
    }
    munmap((void *)(uintptr_t)core, (size_t)st.st_size);
    close(fd);
}

/* A folder of its own, in which a process that starts now drops its core. */
static void enter_folder(char *folder, size_t size)
{
    snprintf(folder, size, "/tmp/hakmem-cores-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
}

static void remove_folder(const char *folder)
{
    char command[128];
    assert_int_equal(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* The one file that is in the working folder, "" if there is none. */
static void only_file(char *name, size_t size)
{
    name[0] = '\0';
    FILE *list = popen("ls", "r");
    assert_non_null(list);
    if (fgets(name, (int)size, list) != NULL)
        name[strcspn(name, "\n")] = '\0';
    pclose(list);
}

static bool may_dump_core(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_CORE, &limit), 0);
    return limit.rlim_max == RLIM_INFINITY;
}

static void a_dump_of_the_kernels_fills_no_hole(void **state)
{
    (void)state;
    char folder[64], name[256];
    if (!may_dump_core()) {
        print_message("no core files here (RLIMIT_CORE)\n");
        skip();
    }
    enter_folder(folder, sizeof folder);
    struct stage s = stage_begin(NULL);
    puppet_say(&s.puppet, "start 0 4");
    puppet_say(&s.puppet, "on 0 4 alloc 0 100 10");
    puppet_say(&s.puppet, "churn 100 1000 10");
    blkcnt_t counters = blocks_of(s.greeting.counters_fd), tuning = blocks_of(s.greeting.tuning_fd);
    kill(s.puppet.pid, SIGABRT);
    int status = puppet_end(&s.puppet);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_int_equal(blocks_of(s.greeting.counters_fd), counters);
    assert_int_equal(blocks_of(s.greeting.tuning_fd), tuning);
    only_file(name, sizeof name);
    if (name[0] != '\0')
        check_core(&s.greeting, name);
    stage_close(&s);
    remove_folder(folder);
    if (!WCOREDUMP(status)) {
        print_message("no core was dumped (kernel.core_pattern)\n");
        skip();
    }
}

static void nor_does_gcore(void **state)
{
    (void)state;
    char folder[64], command[128];
    if (system("command -v gcore >/dev/null") != 0) {
        print_message("no gcore\n");
        skip();
    }
    enter_folder(folder, sizeof folder);
    struct stage s = stage_begin(NULL);
    puppet_say(&s.puppet, "start 0 4");
    puppet_say(&s.puppet, "on 0 4 alloc 0 100 10");
    blkcnt_t counters = blocks_of(s.greeting.counters_fd), tuning = blocks_of(s.greeting.tuning_fd);
    snprintf(command, sizeof command, "gcore -o dump %d >log 2>&1 || ! cat log", (int)s.puppet.pid);
    bool done = system(command) == 0;
    if (done) {
        assert_int_equal(blocks_of(s.greeting.counters_fd), counters);
        assert_int_equal(blocks_of(s.greeting.tuning_fd), tuning);
        snprintf(command, sizeof command, "dump.%d", (int)s.puppet.pid);
        check_core(&s.greeting, command);
    }
    puppet_say(&s.puppet, "stop 0 4");
    puppet_end(&s.puppet);
    stage_close(&s);
    remove_folder(folder);
    if (!done)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_marks_follow_what_is_used),
        cmocka_unit_test(a_child_marks_its_own),
        cmocka_unit_test(so_does_a_segment_made_anew),
        cmocka_unit_test(a_dump_of_the_kernels_fills_no_hole),
        cmocka_unit_test(nor_does_gcore),
    };
    check_by_cmocka();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
