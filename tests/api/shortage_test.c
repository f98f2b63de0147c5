/*
 * shortage_test.c - what a program relies on when there is no more: NULL with ENOMEM in every thread, blocks
 * that stay whole, memory that can be had again once some is freed, and a free that leaves errno alone even
 * where the system refuses what it asks for.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

enum { THREADS = 6 };

static size_t sizes[] = {24, 1000, 30000, 300000, 3000000, 700};

static pthread_barrier_t full;

/* Takes all that can be had; then each gives some back and gets as much again. */
static void *fill_up(void *arg)
{
    size_t size = *(const size_t *)arg;
    void **last = NULL;
    for (void **p; (p = malloc(size)) != NULL;) {
        memset(p, 1, size);
        *p = (void *)last;
        last = p;
    }
    CHECK(errno == ENOMEM, "malloc(%zu): %s", size, strerror(errno));
    errno = 0;
    CHECK(calloc(size, 1u << 20) == NULL && errno == ENOMEM, "calloc");
    if (last != NULL) {
        CHECK(realloc(last, (size_t)1 << 30) == NULL && errno == ENOMEM, "realloc");
        CHECK(malloc_usable_size((void *)last) >= size, "usable");
    }
    pthread_barrier_wait(&full);
    while (last != NULL) {
        void **next = *last;
        errno = EXDEV;
        free((void *)last);
        CHECK(errno == EXDEV, "free changed errno");
        last = next;
    }
    pthread_barrier_wait(&full);
    void *again = malloc(size);
    CHECK(again != NULL, "malloc(%zu) once all is free", size);
    free(again);
    return NULL;
}

static void all_threads_run_out(void)
{
    struct rlimit limit = {256u << 20, 256u << 20};
    pthread_t threads[THREADS];
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256u << 10);
    pthread_barrier_init(&full, NULL, THREADS);
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit");
    for (unsigned i = 0; i < THREADS; i++) {
        int err = pthread_create(&threads[i], &attributes, fill_up, &sizes[i]);
        CHECK(err == 0, "pthread_create: %s", strerror(err));
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* A process has a limited number of mappings: where it is reached, unmapping a part of one fails. */
static void no_mapping_is_left(void)
{
    static void *blocks[64];
    long most = 65530;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
    if (file != NULL) {
        if (fscanf(file, "%ld", &most) != 1)
            most = 65530;
        fclose(file);
    }
    if (most > 300000)
        check_skip("%ld mappings are too many to use up", most);
    for (unsigned i = 0; i < HK_COUNT_OF(blocks); i++) {
        blocks[i] = malloc((size_t)3 << 20);
        CHECK(blocks[i] != NULL, "malloc");
        memset(blocks[i], 1, (size_t)3 << 20);
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (long i = 0; i <= most; i++) {
        if (mmap(NULL, page, i % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
            break;
    }
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = round; i < HK_COUNT_OF(blocks); i += 2) {
            errno = EXDEV;
            free(blocks[i]);
            CHECK(errno == EXDEV, "free changed errno to %d", errno);
        }
    }
    for (unsigned i = 1; i < 20000; i += 100)
        free(malloc(i));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "mappings") == 0)
        no_mapping_is_left();
    else
        all_threads_run_out();
    return 0;
}
