/*
 * names_test.c - the ways to an allocator's functions that go round the linker, and the blocks that the C
 * library makes for its callers to free: all of them lead to one allocator.
 */
#include "tests/support/test.h"

#include <dlfcn.h>
#include <glob.h>
#include <iconv.h>
#include <malloc.h>
#include <obstack.h>
#include <regex.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#define obstack_chunk_alloc malloc
#define obstack_chunk_free  free

typedef void *malloc_fn(size_t size);
typedef void *resize_fn(void *p, size_t size);
typedef void free_fn(void *p);

static void use(malloc_fn *give, resize_fn *resize, free_fn *take)
{
    static const size_t sizes[] = {0, 1, 100, 5000, 100000, 5000000};
    assert_true(give != NULL && resize != NULL && take != NULL);
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        void *p = give(sizes[i]), *q = malloc(sizes[i]);
        assert_true(malloc_usable_size(p) >= sizes[i]);
        pattern_fill(p, sizes[i], i);
        p = resize(p, sizes[i] + 100);
        assert_int_equal(pattern_check(p, sizes[i], i), sizes[i]);
        free(p);
        take(resize(q, sizes[i] * 2 + 1));
    }
}

static void *named(void *handle, const char *name)
{
    return dlsym(handle, name);
}

static void looked_up_by_default(void **state)
{
    (void)state;
    use((malloc_fn *)named(RTLD_DEFAULT, "malloc"), (resize_fn *)named(RTLD_DEFAULT, "realloc"),
        (free_fn *)named(RTLD_DEFAULT, "free"));
}

static void looked_up_as_the_next(void **state)
{
    (void)state;
    use((malloc_fn *)dlsym(RTLD_NEXT, "malloc"), (resize_fn *)dlsym(RTLD_NEXT, "realloc"),
        (free_fn *)dlsym(RTLD_NEXT, "free"));
}

static void looked_up_in_the_program(void **state)
{
    (void)state;
    void *self = dlopen(NULL, RTLD_NOW);
    assert_non_null(self);
    use((malloc_fn *)named(self, "malloc"), (resize_fn *)named(self, "realloc"),
        (free_fn *)named(self, "free"));
    dlclose(self);
}

/* A block of the C library's own malloc is for free to take, whoever calls it. */
static void looked_up_in_the_c_library(void **state)
{
    (void)state;
    void *libc = dlopen("libc.so.6", RTLD_NOW);
    assert_non_null(libc);
    malloc_fn *give = (malloc_fn *)dlsym(libc, "malloc");
    resize_fn *resize = (resize_fn *)dlsym(libc, "realloc");
    free_fn *take = (free_fn *)dlsym(libc, "free");
    assert_true(give != NULL && resize != NULL && take != NULL);
    for (size_t size = 1; size < 3000000; size *= 3) {
        free(memset(give(size), 1, size));
        free(realloc(give(size), size * 2));
        take(resize(give(size), size * 2));
        void *own;
        memset(own = give(size), 1, size);
        assert_true(malloc_usable_size(own) >= size);
        take(own);
    }
    dlclose(libc);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void free_nothing(void *node)
{
    (void)node;
}

/* One of each kind that a caller frees, and of each that the C library frees itself. */
static void blocks_of_the_c_library(void **state)
{
    (void)state;
    char *text = NULL, *line = NULL;
    size_t size = 0;
    free(strdup("some text"));
    free(strndup("some text", 3));
    free(wcsdup(L"wide"));
    assert_true(asprintf(&text, "%100000d", 7) == 100000);
    free(text);
    free(realpath("/proc/self/exe", NULL));
    free(getcwd(NULL, 0));
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    for (unsigned i = 0; i < 20000; i++)
        fprintf(stream, "%u\n", i);
    assert_int_equal(fclose(stream), 0);
    stream = fmemopen(text, size, "r");
    size_t room = 0;
    unsigned lines = 0;
    while (getline(&line, &room, stream) > 0)
        lines++;
    assert_int_equal(lines, 20000);
    fclose(stream);
    free(line);
    free(text);
    glob_t found;
    assert_int_equal(glob("/proc/[1s]*", GLOB_NOSORT, NULL, &found), 0);
    globfree(&found);
    regex_t regex;
    assert_int_equal(regcomp(&regex, "^(a+b*|[c-x]{2,9})+$", REG_EXTENDED), 0);
    assert_int_equal(regexec(&regex, "aabbcdefaab", 0, NULL, 0), 0);
    regfree(&regex);
    iconv_t conversion = iconv_open("UTF-16", "UTF-8");
    if (conversion != (iconv_t)-1)
        iconv_close(conversion);
    void *tree = NULL;
    for (unsigned i = 0; i < 6; i++)
        tsearch(&"abcdef"[i], &tree, compare);
    tdestroy(tree, free_nothing);
    setenv("HK_NAMES_TEST", "a value", 1); // NOLINT(concurrency-mt-unsafe)
    unsetenv("HK_NAMES_TEST");             // NOLINT(concurrency-mt-unsafe)
    stream = popen("echo out", "r");       // NOLINT(cert-env33-c)
    assert_non_null(stream);
    assert_int_equal(fgetc(stream), 'o');
    assert_int_equal(pclose(stream), 0);
}

static void obstacks_grow_and_shrink(void **state)
{
    (void)state;
    struct obstack stack;
    obstack_init(&stack);
    char *first = obstack_copy0(&stack, "first", 5);
    for (int i = 0; i < 5000; i++) {
        void *object = obstack_alloc(&stack, i * 7 % 6000);
        memset(object, i, (size_t)(i * 7 % 6000));
        obstack_grow(&stack, "grown", 5);
        assert_memory_equal(obstack_finish(&stack), "grown", 5);
        if (i % 100 == 99)
            obstack_free(&stack, object);
    }
    assert_string_equal(first, "first");
    assert_true(_obstack_memory_used(&stack) > 5000);
    obstack_free(&stack, NULL);
}

/* As glibc since 2.26 has none, programs look for it before they use it. */
static void what_glibc_took_out_is_not_there(void **state)
{
    (void)state;
    static const char *const gone[] = {"malloc_get_state", "malloc_set_state", "__malloc_initialize_hook"};
    void *own = dlopen(NULL, RTLD_NOW);
    for (unsigned i = 0; i < HK_COUNT_OF(gone); i++)
        assert_null(dlsym(own, gone[i]));
    dlclose(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looked_up_by_default),
        cmocka_unit_test(looked_up_as_the_next),
        cmocka_unit_test(looked_up_in_the_program),
        cmocka_unit_test(looked_up_in_the_c_library),
        cmocka_unit_test(blocks_of_the_c_library),
        cmocka_unit_test(obstacks_grow_and_shrink),
        cmocka_unit_test(what_glibc_took_out_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
