/* hostile.c - see hostile.h. */
#include "tests/tools/hostile.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shm/runtime_dir.h"
#include "tests/tools/segment_writer.h"

static struct segment_writer w;
static const char *dir;

static void make(void)
{
    writer_make(&w, 24, 64);
    if (!writer_claim_area(&w, "hostile", "") || !writer_claim_slot(&w))
        abort();
    writer_count(&w, 0, 1, 100, 50, 1, 110);
}

static void send_fds(const int *fds, unsigned count, size_t extra)
{
    int s = writer_hello(dir, &w, fds, count, 0, 0, extra);
    if (s >= 0)
        close(s);
}

static void send_as_it_is(void)
{
    int fds[2] = {w.counters_fd, w.tuning_fd};
    send_fds(fds, 2, 0);
}

/* The segment's bytes in a memfd with other seals. */
static int copy_of_counters(int seals)
{
    int fd = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || write(fd, w.base, w.size) != (ssize_t)w.size || fcntl(fd, F_ADD_SEALS, seals) != 0)
        abort();
    return fd;
}

static void no_seals(void)
{
    int fds[2] = {copy_of_counters(0), w.tuning_fd};
    send_fds(fds, 2, 0);
}

/* All but the one that keeps others from writing. */
static void weak_seals(void)
{
    int fds[2] = {copy_of_counters(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), w.tuning_fd};
    send_fds(fds, 2, 0);
}

static void swapped(void)
{
    int fds[2] = {w.tuning_fd, w.counters_fd};
    send_fds(fds, 2, 0);
}

static void regular_file(void)
{
    int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    int fds[2] = {file, file};
    send_fds(fds, 2, 0);
}

static void devices(void)
{
    int fds[2] = {open("/dev/zero", O_RDWR | O_CLOEXEC), open("/dev/null", O_RDWR | O_CLOEXEC)};
    send_fds(fds, 2, 0);
}

static void read_only_tuning(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", w.tuning_fd);
    int fds[2] = {w.counters_fd, open(path, O_RDONLY | O_CLOEXEC)};
    send_fds(fds, 2, 0);
}

static void huge_pages(void)
{
    int fds[2] = {memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB), w.tuning_fd};
    if (fds[0] >= 0) {
        fcntl(fds[0], F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | 0x10 | F_SEAL_SEAL);
        send_fds(fds, 2, 0);
    }
}

static void excessive(void)
{
    int fd = memfd_create("excessive", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)1 << 40) != 0 || write(fd, w.base, w.size) != (ssize_t)w.size ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | 0x10 | F_SEAL_SEAL) != 0)
        abort();
    int fds[2] = {fd, w.tuning_fd};
    send_fds(fds, 2, 0);
}

static void extra_descriptors(void)
{
    int fds[40];
    fds[0] = w.counters_fd;
    fds[1] = w.tuning_fd;
    for (unsigned i = 2; i < HK_COUNT_OF(fds); i++)
        fds[i] = dup(w.counters_fd);
    send_fds(fds, 3, 0);
    send_fds(fds, HK_COUNT_OF(fds), 0);
}

static void one_descriptor(void)
{
    int fds[1] = {w.counters_fd};
    send_fds(fds, 1, 0);
    send_fds(fds, 0, 0);
}

static void long_message(void)
{
    int fds[2] = {w.counters_fd, w.tuning_fd};
    send_fds(fds, 2, 100000);
}

static int connect_only(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    hk_runtime_socket(dir, HK_HELLO_SOCKET, address.sun_path, sizeof address.sun_path);
    if (s < 0 || connect(s, (struct sockaddr *)&address, sizeof address) != 0)
        abort();
    return s;
}

static void silent(void)
{
    connect_only();
}

static void many_silent(void)
{
    for (int i = 0; i < 300; i++)
        connect_only();
}

static void hang_up(void)
{
    close(connect_only());
}

static void garbage(void)
{
    char bytes[700];
    for (int i = 0; i < 50; i++) {
        int s = connect_only();
        memset(bytes, i * 5, sizeof bytes);
        if (send(s, bytes, (size_t)i * 14 + 1, MSG_NOSIGNAL) < 0)
            abort();
        close(s);
    }
}

/* Headers that are wrong in one place each; each a segment of its own. */
static void bad_headers(void)
{
    for (unsigned word = 0; word < 32; word++) {
        for (unsigned k = 0; k < 3; k++) {
            static const uint32_t values[] = {0, UINT32_MAX, 0x80000001};
            make();
            ((uint32_t *)(void *)w.base)[word] = values[k];
            send_as_it_is();
            writer_close(&w);
        }
    }
    make();
}

/* Every cell an area: of this process again, of init, of processes that are not, of the daemon's parent. */
static void lying_directory(void)
{
    uint64_t *directory = writer_directory(&w);
    for (unsigned i = 1; i < w.own.cell_count; i++) {
        uint32_t pids[] = {(uint32_t)getpid(), 1, 0x7fffffff, (uint32_t)getppid(), 2};
        directory[i] = HK_DIR_WORD(i % 2 ? HK_CELL_AREA : HK_CELL_SLOT, i * 977, i, pids[i % 5]);
    }
    w.header->cells_used = UINT32_MAX;
    send_as_it_is();
}

/* Slots that name areas beyond the end, and a chain that would never end were it one. */
static void lying_slots(void)
{
    uint64_t *directory = writer_directory(&w);
    for (unsigned i = 2; i < w.own.cell_count; i++)
        directory[i] = HK_DIR_WORD(HK_CELL_SLOT, i % 3 ? i : 0x3fff, i, (uint32_t)getpid());
    w.header->cells_used = w.own.cell_count;
    send_as_it_is();
}

/* Numbers as large as they get, and strings that do not end and are no text. */
static void huge_numbers(void)
{
    struct hk_area *area = writer_area(&w);
    struct hk_slot *slot = writer_slot(&w, 0);
    uint32_t pid = area->pid, cell = slot->area;
    memset((char *)area + 8, 0xff, sizeof *area - 8);
    memset((char *)slot + 8, 0xff, sizeof *slot - 8);
    memset(area->comm, 0x80, sizeof area->comm);
    static const char label[] = "\xff\xfe\x1b[31m\"\\\n\xc3\x28";
    memcpy(area->label, label, sizeof label);
    area->pid = pid;
    slot->area = cell;
    writer_touch_area(&w);
    writer_touch_slot(&w, 0);
    send_as_it_is();
}

/* Writes all over both memfds while the daemon works with them. */
static void *scribble(void *arg)
{
    unsigned char *tuning = arg;
    unsigned seed = (unsigned)getpid();
    for (;;) {
        for (int i = 0; i < 1000; i++) {
            w.base[(size_t)rand_r(&seed) % w.size] = (unsigned char)rand_r(&seed);
            if (tuning)
                tuning[(unsigned)rand_r(&seed) % HK_TUNING_BYTES] = (unsigned char)rand_r(&seed);
        }
        poll(NULL, 0, 1);
    }
    return NULL;
}

static void scribbler(void)
{
    pthread_t thread;
    void *tuning = mmap(NULL, HK_TUNING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, w.tuning_fd, 0);
    send_as_it_is();
    if (tuning == MAP_FAILED || pthread_create(&thread, NULL, scribble, tuning) != 0)
        abort();
}

/* Takes the tuning page away under the daemon. The counters' seals forbid even their owner the same. */
static void puncher(void)
{
    send_as_it_is();
    while (atomic_load(&w.page->heartbeat) == 0)
        poll(NULL, 0, 1);
    int how = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    if (fallocate(w.tuning_fd, how, 0, HK_TUNING_BYTES) != 0 ||
        fallocate(w.counters_fd, how, 0, (off_t)w.size) == 0)
        abort();
}

/* The same segment over and over. */
static void flood(void)
{
    for (int i = 0; i < 3000; i++)
        send_as_it_is();
}

static const struct {
    const char *name;
    void (*run)(void);
} kinds[] = {
    {"no-seals", no_seals},
    {"weak-seals", weak_seals},
    {"swapped", swapped},
    {"regular-file", regular_file},
    {"devices", devices},
    {"read-only-tuning", read_only_tuning},
    {"huge-pages", huge_pages},
    {"excessive", excessive},
    {"extra-descriptors", extra_descriptors},
    {"one-descriptor", one_descriptor},
    {"long-message", long_message},
    {"silent", silent},
    {"many-silent", many_silent},
    {"hang-up", hang_up},
    {"garbage", garbage},
    {"bad-headers", bad_headers},
    {"lying-directory", lying_directory},
    {"lying-slots", lying_slots},
    {"huge-numbers", huge_numbers},
    {"scribbler", scribbler},
    {"puncher", puncher},
    {"flood", flood},
};

int hostile_run(const char *kind, const char *runtime_dir)
{
    char c;
    dir = runtime_dir;
    for (unsigned i = 0; i < HK_COUNT_OF(kinds); i++) {
        if (strcmp(kind, "list") == 0)
            printf("%s\n", kinds[i].name);
        if (strcmp(kind, kinds[i].name) != 0)
            continue;
        make();
        kinds[i].run();
        printf("ok %d\n", (int)getpid());
        fflush(stdout);
        while (read(STDIN_FILENO, &c, 1) > 0)
            ;
        return 0;
    }
    return strcmp(kind, "list") == 0 ? 0 : 2;
}
