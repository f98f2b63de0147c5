/*
 * load_test.c - memory before main, after main and across libraries that are loaded and unloaded: by default,
 * and in a name space of its own.
 *
 * usage: load_test PLUGIN
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/check.h"

static char *of_constructor;
static char *of_preinit;

static void before_all(void)
{
    of_preinit = malloc(50);
    if (of_preinit != NULL)
        strcpy(of_preinit, "preinit");
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(void) = before_all;

__attribute__((constructor(101))) static void before_main(void)
{
    of_constructor = strdup("constructor");
    of_preinit = realloc(of_preinit, 5000);
}

__attribute__((destructor(101))) static void after_main(void)
{
    CHECK(strcmp(of_preinit, "preinit") == 0, "%s", of_preinit);
    free(of_preinit);
    free(malloc(3 << 20));
}

static void at_exit(void)
{
    CHECK(strcmp(of_constructor, "constructor") == 0, "%s", of_constructor);
    free(of_constructor);
}

typedef char *text_fn(const char *from);
typedef void forget_fn(void);

static void use(void *handle)
{
    CHECK(handle != NULL, "%s", dlerror()); // NOLINT(concurrency-mt-unsafe)
    text_fn *text = (text_fn *)dlsym(handle, "plugin_text");
    forget_fn *forget = (forget_fn *)dlsym(handle, "plugin_forget");
    CHECK(text != NULL && forget != NULL, "the plugin's functions");
    for (unsigned i = 0; i < 100; i++) {
        char *copy = text("some text of the program's");
        CHECK(copy != NULL && strcmp(copy, "some text of the program's") == 0, "%s", copy);
        CHECK(malloc_usable_size(copy) >= 27, "%zu", malloc_usable_size(copy));
        if (i % 2)
            copy = realloc(copy, 10000);
        free(copy);
    }
    forget();
    CHECK(dlclose(handle) == 0, "dlclose");
}

static void *load_and_use(void *plugin)
{
    for (unsigned i = 0; i < 100; i++)
        use(dlopen(plugin, RTLD_NOW));
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[3];
    CHECK(argc == 2, "usage: load_test PLUGIN");
    atexit(at_exit);
    use(dlopen(argv[1], RTLD_LAZY));
    for (unsigned i = 0; i < HK_COUNT_OF(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, load_and_use, argv[1]) == 0, "pthread_create");
    for (unsigned i = 0; i < HK_COUNT_OF(threads); i++)
        pthread_join(threads[i], NULL);

    /* What another C library made is for it alone to free. */
    void *apart = dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW);
    CHECK(apart != NULL, "%s", dlerror()); // NOLINT(concurrency-mt-unsafe)
    ((forget_fn *)dlsym(apart, "plugin_forget"))();
    CHECK(dlclose(apart) == 0, "dlclose");
    return 0;
}
