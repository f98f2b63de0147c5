/*
 * threads_test.c - threads as programs use them: many short ones, blocks that outlive their thread,
 * destructors of thread-specific data that allocate, cancelled threads, a first thread that ends before the
 * others.
 */
#include "tests/support/test.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

enum { SPAM = 400, AT_ONCE = 8, BLOCKS = 500 };

struct work {
    uint64_t seed;
    unsigned char *blocks[BLOCKS];
};

static size_t size_of(uint64_t seed, unsigned i)
{
    return 1 + (seed * 31 + i * i * 13) % (i % 50 == 0 ? 200000 : 3000);
}

static void *make(void *arg)
{
    struct work *w = arg;
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t size = size_of(w->seed, i);
        w->blocks[i] = i % 3 == 0 ? calloc(1, size) : i % 3 == 1 ? malloc(size) : aligned_alloc(64, size);
        CHECK(w->blocks[i] != NULL, "%zu bytes", size);
        pattern_fill(w->blocks[i], size, w->seed * BLOCKS + i);
    }
    return NULL;
}

static void *check_and_free(void *arg)
{
    struct work *w = arg;
    for (unsigned i = 0; i < BLOCKS; i++) {
        size_t size = size_of(w->seed, i);
        CHECK(pattern_check(w->blocks[i], size, w->seed * BLOCKS + i) == size, "block %u of %llu is broken",
              i, (unsigned long long)w->seed);
        free(w->blocks[i]);
    }
    return NULL;
}

static void run(void *(*what)(void *), struct work *works, unsigned shift)
{
    pthread_t threads[AT_ONCE];
    for (unsigned i = 0; i < AT_ONCE; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, what, &works[(i + shift) % AT_ONCE]), 0);
    for (unsigned i = 0; i < AT_ONCE; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* Who made a block has ended when another thread, or a new one in its place, frees it. */
static void blocks_outlive_their_thread(void **state)
{
    (void)state;
    static struct work works[AT_ONCE];
    for (unsigned round = 0; round < SPAM / AT_ONCE; round++) {
        for (unsigned i = 0; i < AT_ONCE; i++)
            works[i].seed = round * AT_ONCE + i;
        run(make, works, 0);
        run(check_and_free, works, round % AT_ONCE);
    }
}

static pthread_key_t key;
static atomic_uint destroyed;

/* Asks to be called again until the C library gives up, and allocates each time. */
static void destroy(void *arg)
{
    void *block = malloc(1000);
    void *resized = realloc(arg, 100 + malloc_usable_size(arg));
    atomic_fetch_add(&destroyed, 1);
    free(block);
    if (*(unsigned *)resized == 0) {
        free(resized);
        return;
    }
    --*(unsigned *)resized;
    pthread_setspecific(key, resized);
}

static void *set_data(void *arg)
{
    unsigned *data = malloc(sizeof *data);
    *data = 2;
    pthread_setspecific(key, data);
    return arg;
}

static void destructors_may_allocate(void **state)
{
    (void)state;
    assert_int_equal(pthread_key_create(&key, destroy), 0);
    for (unsigned i = 0; i < 50; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, set_data, NULL), 0);
        pthread_join(thread, NULL);
    }
    assert_int_equal(destroyed, 150);
    pthread_key_delete(key);
}

static void put_away(void *arg)
{
    free(arg);
}

/* malloc and free are no cancellation points; what writes to a stream is one. */
static void *report_for_ever(void *arg)
{
    FILE *null = arg;
    for (;;) {
        void *block = malloc(5000);
        pthread_cleanup_push(put_away, block);
        malloc_info(0, null);
        fflush(null);
        pthread_testcancel();
        pthread_cleanup_pop(1);
    }
    return NULL;
}

static void cancelled_threads_leave_no_lock(void **state)
{
    (void)state;
    FILE *null = fopen("/dev/null", "w");
    assert_non_null(null);
    for (unsigned i = 0; i < 100; i++) {
        pthread_t thread;
        void *end;
        assert_int_equal(pthread_create(&thread, NULL, report_for_ever, null), 0);
        for (unsigned k = 0; k < i * 20; k++)
            free(malloc(k));
        pthread_cancel(thread);
        pthread_join(thread, &end);
        assert_ptr_equal(end, PTHREAD_CANCELED);
    }
    fclose(null);
    free(malloc(1 << 20));
}

static void *outlive_main(void *arg)
{
    pthread_join(*(pthread_t *)arg, NULL);
    for (unsigned i = 1; i < 2000; i++)
        free(realloc(malloc(i), i * 10));
    exit(0); // NOLINT(concurrency-mt-unsafe)
}

static void the_first_thread_may_end_first(void **state)
{
    (void)state;
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        static pthread_t self;
        pthread_t other;
        self = pthread_self();
        CHECK(pthread_create(&other, NULL, outlive_main, &self) == 0, "pthread_create");
        free(malloc(100));
        pthread_exit(NULL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_outlive_their_thread),
        cmocka_unit_test(destructors_may_allocate),
        cmocka_unit_test(cancelled_threads_leave_no_lock),
        cmocka_unit_test(the_first_thread_may_end_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
