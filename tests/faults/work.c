/*
 * work.c - a program that uses its allocator in every way while memory, or the control plane, fails it.
 *
 * usage: work [short|steered]     short: less of it; steered: says who it is, and goes on until its input
 * ends
 *
 * What it is refused it does without: NULL must come with ENOMEM, a block that could not grow must be what it
 * was, and what it got is its own alone. Then it says that memory is back (a mark, inject.h), and from there
 * nothing may fail. At its end it frees all, and prints what it still has as one line of figures.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/faults/inject.h"
#include "tests/lib/blocks.h"
#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

#define PAGE    4096
#define THREADS 4
#define CROWD   40 /* more than the first cells of a segment are for */
#define LEFT    60

extern void *__libc_malloc(size_t size);

static _Atomic(bool) strict; /* nothing may fail */
static _Atomic(unsigned) refused;

/* ---- one block ---- */

struct block {
    unsigned char *p;
    size_t size;
    uint64_t seed;
};

/* Large ones in part: their ends, and a word each 64 KiB. */
static void fill(const struct block *b)
{
    if (b->size <= 2 * PAGE) {
        pattern_fill(b->p, b->size, b->seed);
        return;
    }
    pattern_fill(b->p, PAGE, b->seed);
    for (size_t at = 65536; at + 8 <= b->size - PAGE; at += 65536)
        pattern_fill(b->p + at, 8, b->seed + at);
    pattern_fill(b->p + b->size - PAGE, PAGE, b->seed + 1);
}

/* The first n bytes are as fill() left them. */
static void check(const struct block *b, size_t n)
{
    bool whole = n >= b->size;
    if (b->size <= 2 * PAGE) {
        n = whole ? b->size : n & ~(size_t)7;
        CHECK(pattern_check(b->p, n, b->seed) == n, "a block of %zu bytes changed", b->size);
        return;
    }
    size_t head = n < PAGE ? n & ~(size_t)7 : PAGE;
    CHECK(pattern_check(b->p, head, b->seed) == head, "a block of %zu bytes changed at its start", b->size);
    for (size_t at = 65536; at + 8 <= b->size - PAGE && at + 8 <= n; at += 65536)
        CHECK(pattern_check(b->p + at, 8, b->seed + at) == 8, "a block of %zu bytes changed at %zu", b->size,
              at);
    if (whole)
        CHECK(pattern_check(b->p + b->size - PAGE, PAGE, b->seed + 1) == PAGE,
              "a block of %zu bytes changed at its end", b->size);
}

/* What a call gave: a block, and errno is as it was; or none, and errno says why. */
static bool is_given(const void *p, int saved_errno, const char *call, size_t size)
{
    int now = errno;
    if (p != NULL) {
        CHECK(now == saved_errno, "%s(%zu) succeeded and left errno %d", call, size, now);
        return true;
    }
    CHECK(now == ENOMEM, "%s(%zu) failed with errno %d", call, size, now);
    CHECK(!atomic_load(&strict), "%s(%zu) failed, and there is memory", call, size);
    atomic_fetch_add(&refused, 1);
    return false;
}

static bool begin(struct block *b, unsigned way, size_t size, uint64_t seed)
{
    static const char *const names[] = {"malloc",         "calloc",        "memalign",
                                        "posix_memalign", "aligned_alloc", "realloc"};
    void *p = NULL;
    unsigned kind = way % (unsigned)HK_COUNT_OF(names);
    errno = EISDIR;
    switch (kind) {
    case 0:
        p = malloc(size);
        break;
    case 1:
        p = calloc(1, size);
        break;
    case 2:
        p = memalign(64, size);
        break;
    case 3: {
        int err = posix_memalign(&p, 256, size);
        CHECK(err == 0 || err == ENOMEM, "posix_memalign: %d", err);
        errno = err == 0 ? EISDIR : err;
        break;
    }
    case 4:
        p = aligned_alloc(32, size);
        break;
    default:
        p = realloc(NULL, size);
    }
    *b = (struct block){.p = p, .size = size, .seed = seed};
    if (!is_given(p, EISDIR, names[kind], size))
        return false;
    if (kind == 1)
        CHECK(is_zero(p, size), "calloc(%zu) is not zero", size);
    fill(b);
    return true;
}

/* To another size, or as it is. */
static void resize(struct block *b, size_t size)
{
    if (b->p == NULL)
        return;
    errno = EISDIR;
    unsigned char *p = realloc(b->p, size);
    if (!is_given(p, EISDIR, "realloc", size)) {
        CHECK(size > b->size, "realloc to less failed");
        check(b, b->size);
        return;
    }
    b->p = p;
    check(b, size < b->size ? size : b->size);
    b->size = size;
    fill(b);
}

static void end(struct block *b)
{
    if (b->p != NULL)
        check(b, b->size);
    errno = EISDIR;
    free(b->p);
    CHECK(errno == EISDIR, "free left errno %d", errno);
    b->p = NULL;
}

/* ---- the ways ---- */

static void use_small(uint64_t salt)
{
    static const size_t sizes[] = {1, 24, 64, 100, 200, 480, 1000, 2000, 5000, 12000, 20000, 32000};
    enum { EACH = 40, N = EACH * HK_COUNT_OF(sizes) };
    struct block blocks[N];
    for (unsigned i = 0; i < N; i++)
        begin(&blocks[i], i, sizes[i / EACH], salt + i);
    for (unsigned i = 0; i < N; i += 3)
        resize(&blocks[i], blocks[i].size * (i % 2 ? 2 : 1) / (i % 2 ? 1 : 2) + 1);
    for (unsigned i = 0; i < N; i++)
        end(&blocks[(i * 7) % N]);
}

static void use_large(uint64_t salt)
{
    static const size_t sizes[] = {40000,   70000,   131072,  262144,  700000,  1500000,
                                   1900000, 2500000, 3500000, 5000000, 9000001, 12000000};
    enum { N = 2 * HK_COUNT_OF(sizes) };
    struct block blocks[N];
    for (unsigned i = 0; i < N; i++)
        begin(&blocks[i], i == 1 || i == 20 ? 1 : i % 2 * 2, sizes[i / 2], salt + i);
    for (unsigned i = 0; i < N; i += 3)
        end(&blocks[i]);
    for (unsigned i = 0; i < N; i += 3)
        begin(&blocks[i], 0, sizes[i / 2] - 5000, salt + i);
    for (unsigned i = 0; i < N; i++)
        end(&blocks[(i * 5) % N]);
}

/* Two at a time, so that neither can stay where it is for long; then down again. */
static void use_realloc(uint64_t salt)
{
    struct block a, b;
    begin(&a, 0, 30000, salt);
    begin(&b, 0, 35000, salt + 1);
    for (size_t size = 60000; size < 14u << 20; size = size * 9 / 4) {
        resize(&a, size);
        resize(&b, size + 5000);
    }
    for (size_t size = 5u << 20; size > 100; size /= 5) {
        if (size < a.size)
            resize(&a, size);
        if (size < b.size)
            resize(&b, size);
    }
    end(&a);
    end(&b);
}

static void use_alignments(void)
{
    for (size_t align = 8192; align <= 16u << 20; align *= 8) {
        for (unsigned i = 0; i < 3; i++) {
            static const size_t sizes[] = {1, 50000, 3000000};
            void *p = NULL;
            int err = posix_memalign(&p, align, sizes[i]);
            CHECK(err == 0 || (err == ENOMEM && !atomic_load(&strict)), "posix_memalign: %d", err);
            CHECK(is_aligned(p, align), "not aligned to %zu", align);
            free(p);
        }
    }
}

static void use_settings(void)
{
    static const char *const settings[][2] = {{"purge_kind", "free"},       {"thp", "madvise"},
                                              {"retain_bytes", "0"},        {"big_cache_bytes", "0"},
                                              {"purge_kind", "dontneed"},   {"thp", "off"},
                                              {"big_cache_bytes", "16MiB"}, {"retain_bytes", "2MiB"}};
    for (unsigned i = 0; i < HK_COUNT_OF(settings); i++) {
        CHECK(hakmem_tune(settings[i][0], settings[i][1]) == 0, "%s", settings[i][0]);
        if (i % 2 != 0) {
            use_large(i);
            malloc_trim(0);
        }
    }
    hakmem_label("faults");
}

/* Blocks of the C library's own go back to it. */
static void use_foreign(void)
{
    static const size_t sizes[] = {100, 5000, 300000};
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        void *p = __libc_malloc(sizes[i]);
        CHECK(p != NULL && malloc_usable_size(p) >= sizes[i], "the C library's malloc(%zu)", sizes[i]);
        free(p);
    }
}

/* ---- threads ---- */

static struct block left[THREADS + 1][LEFT];
static pthread_key_t key;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(unsigned) arrived;

/* After the allocator has parted with the thread. */
static void destroy(void *arg)
{
    uintptr_t round = (uintptr_t)arg;
    struct block b;
    begin(&b, (unsigned)round, 300 * round, round);
    end(&b);
    if (round < 4)
        (void)pthread_setspecific(key, (void *)(round + 1));
}

/* Ends what the thread before it left, and leaves as much. */
static void *in_thread(void *arg)
{
    unsigned n = (unsigned)(uintptr_t)arg;
    (void)pthread_setspecific(key, (void *)1);
    for (unsigned i = 0; i < LEFT; i++)
        end(&left[n][i]);
    use_small(n * 1000);
    for (unsigned i = 0; i < LEFT; i++)
        begin(&left[n + 1][i], i, 16 + i * (i % 10 == 0 ? 3000 : 40), n * 100 + i);
    use_realloc(n * 1000);
    return NULL;
}

/* By another thread, or, where there is no memory for one, by this. */
static void use_thread(void *(*body)(void *), void *arg)
{
    pthread_t thread;
    int err = pthread_create(&thread, NULL, body, arg);
    CHECK(err == 0 || !atomic_load(&strict), "no thread: %s", strerror(err));
    if (err == 0)
        pthread_join(thread, NULL);
    else
        body(arg);
}

static void use_threads(void)
{
    for (unsigned n = 0; n < THREADS; n++)
        use_thread(in_thread, (void *)(uintptr_t)n);
    for (unsigned i = 0; i < LEFT; i++)
        end(&left[THREADS][i]);
}

static void *in_crowd(void *arg)
{
    struct block b;
    begin(&b, 0, 100, (uintptr_t)arg);
    atomic_fetch_add(&arrived, 1);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    end(&b);
    return NULL;
}

/* All at once, each with a heap of its own. */
static void use_crowd(void)
{
    pthread_t threads[CROWD];
    pthread_attr_t attr;
    unsigned n = 0;
    atomic_store(&arrived, 0);
    pthread_mutex_lock(&gate);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 << 10);
    for (; n < CROWD; n++) {
        int err = pthread_create(&threads[n], &attr, in_crowd, (void *)(uintptr_t)n);
        CHECK(err == 0 || !atomic_load(&strict), "no thread: %s", strerror(err));
        if (err != 0)
            break;
    }
    while (atomic_load(&arrived) < n)
        sched_yield();
    pthread_mutex_unlock(&gate);
    for (unsigned i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    pthread_attr_destroy(&attr);
}

/* ---- children ---- */

static struct block kept[LEFT];

static _Noreturn void live_as_child(void)
{
    alarm(120);
    for (unsigned i = 0; i < LEFT; i++) {
        end(&kept[i]);
        begin(&kept[i], i, 100 + i * 200, i);
    }
    use_small(9);
    use_realloc(9);
    use_thread(in_thread, (void *)(uintptr_t)0);
    for (unsigned i = 0; i < LEFT; i++)
        end(&kept[i]);
    malloc_trim(0);
    exit(0);
}

static void use_child(void)
{
    int status = -1;
    for (unsigned i = 0; i < LEFT; i++)
        begin(&kept[i], i, i % 10 == 0 ? 100000 : 50 + i * 100, i);
    pid_t pid = fork();
    if (pid == 0)
        live_as_child();
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "fork: %s", strerror(errno));
    CHECK(status == 0, "the child ended with status %#x", (unsigned)status);
    for (unsigned i = 0; i < LEFT; i++)
        end(&kept[i]);
}

/* ---- what is left ---- */

static unsigned count_entries(const char *path)
{
    DIR *dir = opendir(path);
    unsigned n = 0;
    CHECK(dir != NULL, "%s: %s", path, strerror(errno));
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* Bytes mapped at and above the SuperSlab of a block that was taken first, within a window's length; and how
 * many mappings the process has. */
static size_t window_bytes(const void *first, unsigned *mappings)
{
    static char text[1 << 18];
    uintptr_t base = (uintptr_t)first & ~(uintptr_t)(2 * HK_MIB - 1);
    size_t bytes = 0, have = 0;
    ssize_t n;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0, "/proc/self/maps: %s", strerror(errno));
    while ((n = read(fd, text + have, sizeof text - 1 - have)) > 0)
        have += (size_t)n;
    close(fd);
    text[have] = '\0';
    *mappings = 0;
    for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1, (*mappings)++) {
        uintptr_t low = strtoul(line, &line, 16), high = strtoul(line + 1, &line, 16);
        if (high > base && low < base + ((uintptr_t)1 << 40))
            bytes += high - (low > base ? low : base);
    }
    return bytes;
}

static void print_figures(const void *first)
{
    struct hakmem_snapshot s = {0};
    unsigned mappings, fds = count_entries("/proc/self/fd");
    hakmem_trim(0);
    CHECK(hakmem_snapshot(&s, sizeof s) == 0, "hakmem_snapshot");
    size_t window = window_bytes(first, &mappings);
    char line[256];
    int n = snprintf(line, sizeof line,
                     "figures refused=%u fds=%u mappings=%u live=%llu mapped=%llu window=%zu rss=%zu\n",
                     atomic_load(&refused), fds, mappings, (unsigned long long)s.live_blocks,
                     (unsigned long long)s.mapped_bytes >> 10, window >> 10, check_rss_bytes(0) >> 10);
    CHECK(n > 0 && write(STDOUT_FILENO, line, (size_t)n) == (ssize_t)n, "write");
}

static void memory_is_back(void)
{
    (void)fcntl(-1, INJECT_MARK, 1);
    atomic_store(&strict, true);
}

/* Goes on until its input ends: daemons come and go. */
static void be_steered(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&input, 1, 10) == 0) {
        struct block large; /* what is cached is no occasion to look around, what is large always is */
        use_small(1);
        begin(&large, 0, 40000, 1);
        end(&large);
    }
}

static void use_all(bool much)
{
    use_small(1);
    use_large(2);
    use_realloc(3);
    if (much) {
        use_alignments();
        use_foreign();
    }
    use_threads();
    use_child();
    if (much) {
        use_crowd();
        use_settings();
    }
    malloc_trim(0);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    struct block first;
    alarm(strcmp(how, "steered") == 0 ? 600 : 240);
    begin(&first, 0, 10, 0);
    (void)pthread_key_create(&key, destroy);
    if (strcmp(how, "steered") == 0) {
        int n = dprintf(STDOUT_FILENO, "pid %d\n", getpid());
        CHECK(n > 0, "dprintf");
        be_steered();
    } else {
        use_all(strcmp(how, "short") != 0);
    }
    memory_is_back();
    void *place = first.p != NULL ? first.p : malloc(10);
    use_all(false);
    use_crowd();
    print_figures(place);
    return 0;
}
