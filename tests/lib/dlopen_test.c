/*
 * dlopen_test.c - the library loaded late, by a program that has run on the C library's allocator until then.
 *
 * Not preloaded. Blocks of both allocators meet in both: those from before go back to the C library, and
 * those of this library stay good after dlclose(), because it never leaves.
 */
#include "tests/support/test.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

static const size_t sizes[] = {1, 100, 5000, 60000, 200000, 5000000};

static struct {
    void *handle;
    void *(*malloc)(size_t size);
    void (*free)(void *p);
    void *(*realloc)(void *p, size_t size);
    void *(*calloc)(size_t count, size_t size);
    size_t (*usable)(void *p);
    const char *(*version)(void);
} late;

#define FIND(member, name)                                                                                   \
    do {                                                                                                     \
        *(void **)&late.member = dlsym(late.handle, name);                                                   \
        assert_non_null(late.member);                                                                        \
    } while (0)

static void *early[HK_COUNT_OF(sizes)];

static void the_library_can_be_loaded(void **state)
{
    (void)state;
    const char *path = getenv("HAKMEM_LIB");
    assert_non_null(path);
    assert_null(dlsym(RTLD_DEFAULT, "hakmem_version"));
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        early[i] = malloc(sizes[i]);
        pattern_fill(early[i], sizes[i], i);
    }
    late.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (late.handle == NULL)
        fail_msg("%s", dlerror());
    FIND(malloc, "malloc");
    FIND(free, "free");
    FIND(realloc, "realloc");
    FIND(calloc, "calloc");
    FIND(usable, "malloc_usable_size");
    FIND(version, "hakmem_version");
    assert_string_equal(late.version(), HAKMEM_VERSION);
    assert_ptr_not_equal((void *)(uintptr_t)late.malloc, (void *)(uintptr_t)malloc);
}

static void blocks_from_before_are_freed_and_resized(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        assert_int_equal(late.usable(early[i]), malloc_usable_size(early[i]));
        if (i % 2 != 0) {
            early[i] = late.realloc(early[i], sizes[i] * 2);
            assert_non_null(early[i]);
            assert_int_equal(pattern_check(early[i], sizes[i], i), sizes[i]);
        }
        late.free(early[i]);
    }
    /* The C library's heap is whole after that. */
    for (unsigned i = 0; i < 1000; i++)
        free(memset(malloc(i * 100), 1, i * 100));
}

static void *use_the_library(void *arg)
{
    void *blocks[HK_COUNT_OF(sizes)];
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
            blocks[i] = late.malloc(sizes[i]);
            if (blocks[i] == NULL || late.usable(blocks[i]) < sizes[i])
                return NULL;
            pattern_fill(blocks[i], sizes[i] < 5000 ? sizes[i] : 5000, i);
        }
        for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
            size_t n = sizes[i] < 5000 ? sizes[i] : 5000;
            if (pattern_check(blocks[i], n, i) != n)
                return NULL;
            late.free(blocks[i]);
        }
    }
    return arg;
}

static void its_own_blocks_are_as_good_as_ever(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (unsigned i = 0; i < HK_COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_the_library, &late), 0);
    assert_ptr_equal(use_the_library(&late), &late);
    for (unsigned i = 0; i < HK_COUNT_OF(threads); i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, &late);
    }
}

static void it_stays_when_it_is_closed(void **state)
{
    (void)state;
    void *p = late.malloc(1000);
    pattern_fill(p, 1000, 5);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(dlclose(late.handle), 0);
        late.handle = dlopen(getenv("HAKMEM_LIB"), RTLD_NOW | RTLD_LOCAL);
        assert_non_null(late.handle);
        assert_ptr_equal(dlsym(late.handle, "malloc"), (void *)(uintptr_t)late.malloc);
    }
    assert_int_equal(dlclose(late.handle), 0);
    assert_int_equal(pattern_check(p, 1000, 5), 1000);
    late.free(p);
    its_own_blocks_are_as_good_as_ever(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_library_can_be_loaded),
        cmocka_unit_test(blocks_from_before_are_freed_and_resized),
        cmocka_unit_test(its_own_blocks_are_as_good_as_ever),
        cmocka_unit_test(it_stays_when_it_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
