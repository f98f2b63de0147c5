/*
 * listed.c - blocks of a plugin's own allocator are freed while other threads list and load objects.
 *
 * usage: listed WHAT PLUGIN      (own_malloc.c)
 *   threads    threads that free meet others that free inside of dl_iterate_phdr()
 *   children   children of a program one of whose threads lists objects all the time give back its blocks
 *   loading    the same while another loads and unloads objects: what cannot be given back stays
 *
 * A hang ends by SIGALRM. Under HAKMEM_TRACE_FILE the file is read at the end.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/foreign/family.h"
#include "tests/lib/blocks.h"
#include "tests/support/check.h"

extern void *__libc_malloc(size_t size);

enum { CHILDREN = 40, FREERS = 2, ROUNDS = 5000, BYTES = 3000 };

static struct family other;
static volatile bool stop;

static int visit(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)info;
    (void)size;
    (void)arg;
    free(malloc(50));
    free(other.malloc(30));
    return 0;
}

static void *list(void *arg)
{
    while (!stop)
        (void)dl_iterate_phdr(visit, NULL);
    return arg;
}

/* One that nobody else has loaded. */
static void *load(void *arg)
{
    while (!stop) {
        void *handle = dlopen("libBrokenLocale.so.1", RTLD_NOW);
        if (handle != NULL)
            (void)dlclose(handle);
    }
    return arg;
}

static pthread_t started(void *(*run)(void *arg), void *arg)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run, arg) == 0, "no thread");
    return thread;
}

/* ---- threads ---- */

static void *free_many(void *arg)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        free(other.malloc(40));
        free(realloc(other.malloc(40), 100));
        free(malloc(40));
        free(__libc_malloc(40));
    }
    return arg;
}

static void threads(void)
{
    pthread_t freers[FREERS], lister = started(list, NULL);
    for (unsigned i = 0; i < FREERS; i++)
        freers[i] = started(free_many, NULL);
    for (unsigned i = 0; i < FREERS; i++)
        pthread_join(freers[i], NULL);
    stop = true;
    pthread_join(lister, NULL);
    CHECK(other.own_live() == 0, "%zu blocks did not come back", other.own_live());
}

/* ---- children ---- */

static void *blocks[CHILDREN];

/* In a child with threads the list of objects may change while it is read. */
static void *use_in_thread(void *arg)
{
    char *p = realloc(other.malloc(BYTES), 2 * BYTES);
    CHECK(p != NULL, "realloc");
    memset(p, 1, 2 * BYTES);
    free(p);
    return arg;
}

static void use_in_child(void *arg)
{
    bool must_come_back = arg != NULL;
    for (unsigned i = 0; i < CHILDREN; i++) {
        blocks[i] = realloc(blocks[i], 2 * BYTES);
        CHECK(blocks[i] != NULL && pattern_check(blocks[i], BYTES, i) == BYTES, "contents lost");
        memset(blocks[i], 1, 2 * BYTES);
        free(blocks[i]);
        free(realloc(__libc_malloc(100), 200000));
    }
    size_t live = other.own_live();
    CHECK(live <= FREERS || !must_come_back, "%zu blocks did not come back", live);
    if (must_come_back)
        pthread_join(started(use_in_thread, NULL), NULL);
}

/* The plugin's lock, which children need, is nobody's while they are made: whoever lists makes no blocks. */
static int visit_quietly(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)info;
    (void)size;
    (void)arg;
    return 0;
}

static void *list_quietly(void *arg)
{
    while (!stop)
        (void)dl_iterate_phdr(visit_quietly, NULL);
    return arg;
}

static void make_children(bool must_come_back)
{
    for (unsigned i = 0; i < CHILDREN; i++) {
        blocks[i] = other.malloc(BYTES);
        CHECK(blocks[i] != NULL, "no block");
        pattern_fill(blocks[i], BYTES, i);
    }
    for (unsigned i = 0; i < CHILDREN; i++) {
        int status = family_in_child(use_in_child, must_come_back ? &other : NULL, NULL, 0);
        CHECK(status == 0, "status %#x", status);
    }
    for (unsigned i = 0; i < CHILDREN; i++)
        free(blocks[i]);
}

static void children(void)
{
    pthread_t lister = started(list_quietly, NULL);
    make_children(true);
    stop = true;
    pthread_join(lister, NULL);
}

static void loading(void)
{
    pthread_t lister = started(list_quietly, NULL), loader = started(load, NULL);
    make_children(false);
    stop = true;
    pthread_join(lister, NULL);
    pthread_join(loader, NULL);
}

/* ---- the trace ---- */

static void check_trace(const char *path)
{
    char line[400];
    unsigned ours = 0, libcs = 0;
    FILE *trace = fopen(path, "r");
    CHECK(trace != NULL, "%s: no trace", path);
    while (fgets(line, sizeof line, trace) != NULL) {
        ours += strstr(line, ": another allocator's\n") != NULL;
        libcs += strstr(line, ": the C library's\n") != NULL;
    }
    (void)fclose(trace);
    CHECK(ours > 0 && libcs > 0, "told of %u and %u", ours, libcs);
    (void)unlink(path);
}

int main(int argc, char **argv)
{
    const char *trace = getenv("HAKMEM_TRACE_FILE");
    CHECK(argc == 3, "usage: listed WHAT PLUGIN");
    alarm(240);
    family_open(&other, argv[2]);
    if (strcmp(argv[1], "threads") == 0)
        threads();
    else if (strcmp(argv[1], "children") == 0)
        children();
    else
        loading();
    if (trace != NULL)
        check_trace(trace);
    return 0;
}
