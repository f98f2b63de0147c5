/* errno_test.c - calls that succeed leave errno alone, the first of a thread and those to the system too. */
#include "tests/support/test.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

#define MARK EXDEV /* what no allocator sets */

static const char *broken_by;

/* Fails after the round: a failed assertion in another thread would not be seen. */
static void still_marked(const char *call)
{
    if (errno != MARK && broken_by == NULL)
        broken_by = call;
    errno = MARK;
}

static void round_of_calls(size_t size)
{
    void *p = malloc(size);
    still_marked("malloc");
    memset(p, 0xff, size);
    p = realloc(p, size * 2 + 1);
    still_marked("realloc");
    free(p);
    still_marked("free");
    p = calloc(size, 3);
    still_marked("calloc");
    p = reallocarray(p, size, 2);
    still_marked("reallocarray");
    free(p);
    p = aligned_alloc(4096, size);
    still_marked("aligned_alloc");
    free(p);
    p = memalign(4096, size);
    still_marked("memalign");
    still_marked(malloc_usable_size(p) != 0 ? "malloc_usable_size" : "?");
    free(p);
    p = valloc(size);
    still_marked("valloc");
    free(p);
    p = pvalloc(size);
    still_marked("pvalloc");
    free(p);
    free(NULL);
    still_marked("free");
}

static void *all_sizes(void *arg)
{
    errno = MARK;
    for (size_t size = 1; size < 40u << 20; size = size * 2 + 1)
        round_of_calls(size);
    malloc_trim(0);
    still_marked("malloc_trim");
    (void)mallinfo2();
    still_marked("mallinfo2");
    (void)hakmem_trim(0);
    still_marked("hakmem_trim");
    return arg;
}

static void successful_calls_keep_errno(void **state)
{
    (void)state;
    all_sizes(NULL);
    if (broken_by != NULL)
        fail_msg("%s changed errno", broken_by);
}

static void the_first_calls_of_a_thread_keep_errno(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, all_sizes, NULL), 0);
        pthread_join(thread, NULL);
        if (broken_by != NULL)
            fail_msg("%s changed errno", broken_by);
    }
}

/* Enough blocks that freeing them gives memory back to the system along the way. */
static void frees_that_purge_keep_errno(void **state)
{
    (void)state;
    enum { N = 100000 };
    static void *blocks[N];
    for (unsigned i = 0; i < N; i++)
        blocks[i] = malloc(1000);
    errno = MARK;
    for (unsigned i = 0; i < N; i++) {
        free(blocks[i]);
        if (errno != MARK)
            fail_msg("free number %u changed errno to %d", i, errno);
    }
}

static void refusals_set_errno_and_nothing_else(void **state)
{
    (void)state;
    errno = MARK;
    assert_null(malloc(check_hidden_size(SIZE_MAX)));
    assert_int_equal(errno, ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(successful_calls_keep_errno),
        cmocka_unit_test(the_first_calls_of_a_thread_keep_errno),
        cmocka_unit_test(frees_that_purge_keep_errno),
        cmocka_unit_test(refusals_set_errno_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
