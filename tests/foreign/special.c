/*
 * special.c - the other ways in which a pointer may come that is not from the arena.
 *
 * usage: special WHAT [LIBRARY]
 *   namespace  blocks of a second C library, in a name space of its own
 *   linker     what the dynamic linker allocates and frees is never foreign
 *   early      LIBRARY's constructor allocated (early.c)
 *   program    this program's own malloc, a plugin's deeply bound free: LIBRARY (back.c)
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#ifndef OWN_MALLOC

/* As the C library itself takes them: blocks that threads cache, and mappings. */
static void in_namespace(const char *library)
{
    static const size_t sizes[] = {24, 100, 1000, 20000000};
    (void)library;
    void *second = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
    CHECK(second != NULL, "%s", dlerror());
    void *(*allocate)(size_t) = (void *(*)(size_t))dlsym(second, "malloc");
    CHECK(allocate != NULL && allocate != malloc, "no second malloc");
    for (unsigned i = 0; i < HK_COUNT_OF(sizes); i++) {
        void *p = allocate(sizes[i]);
        CHECK(p != NULL && malloc_usable_size(p) >= sizes[i], "%zu bytes", sizes[i]);
        pattern_fill(p, sizes[i], i);
        CHECK(pattern_check(p, sizes[i], i) == sizes[i], "contents lost");
        free(p);
    }
    free(realloc(allocate(20000000), 30000000));
}

static __thread char large_tls[20000];

static void *touch(void *arg)
{
    large_tls[5000]++;
    (void)dlopen("no such library", RTLD_NOW);
    CHECK(dlerror() != NULL, "no error");
    return arg;
}

static void by_linker(const char *library)
{
    char line[400];
    unsigned told = 0, foreign = 0;
    const char *path = getenv("HAKMEM_TRACE_FILE");
    (void)library;
    CHECK(path != NULL, "HAKMEM_TRACE_FILE");
    for (unsigned i = 0; i < 20; i++) {
        pthread_t thread;
        void *handle = dlopen("libBrokenLocale.so.1", RTLD_NOW);
        CHECK(pthread_create(&thread, NULL, touch, NULL) == 0, "no thread");
        touch(NULL);
        pthread_join(thread, NULL);
        CHECK(dlsym(RTLD_DEFAULT, "no such name") == NULL && dlerror() != NULL, "no error");
        if (handle != NULL)
            CHECK(dlclose(handle) == 0, "dlclose");
    }
    FILE *trace = fopen(path, "r");
    CHECK(trace != NULL, "%s", path);
    while (fgets(line, sizeof line, trace) != NULL) {
        told++;
        foreign += strstr(line, ": the C library's") != NULL || strstr(line, ": another") != NULL;
    }
    (void)fclose(trace);
    (void)unlink(path);
    CHECK(told > 100 && foreign == 0, "%u of %u calls", foreign, told);
}

static void made_early(const char *library)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
    CHECK(handle != NULL, "%s", dlerror());
    void **made = dlsym(handle, "made_early");
    CHECK(made != NULL && *made != NULL, "nothing was made");
    CHECK(malloc_usable_size(*made) >= 100, "%zu bytes", malloc_usable_size(*made));
    *made = realloc(*made, 100000);
    CHECK(*made != NULL && strcmp(*made, "early") == 0, "contents lost");
    free(*made);
}

static const struct {
    const char *name;
    void (*run)(const char *library);
} whats[] = {{"namespace", in_namespace}, {"linker", by_linker}, {"early", made_early}};

#else

extern size_t own_live(void);

static void by_program(const char *library)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_DEEPBIND);
    CHECK(handle != NULL, "%s", dlerror());
    void (*give_back)(void *) = (void (*)(void *))dlsym(handle, "give_back");
    void *(*enlarge)(void *, size_t) = (void *(*)(void *, size_t))dlsym(handle, "enlarge");
    CHECK(give_back != NULL && enlarge != NULL, "%s", dlerror());
    size_t before = own_live();
    for (unsigned i = 0; i < 100; i++) {
        char *p = malloc(1000);
        CHECK(p != NULL, "no block");
        pattern_fill(p, 1000, i);
        p = enlarge(p, 3000);
        CHECK(p != NULL && pattern_check(p, 1000, i) == 1000, "contents lost");
        give_back(p);
    }
    CHECK(own_live() == before, "%zu blocks did not come back", own_live() - before);
}

static const struct {
    const char *name;
    void (*run)(const char *library);
} whats[] = {{"program", by_program}};

#endif

int main(int argc, char **argv)
{
    CHECK(argc >= 2, "usage: special WHAT [LIBRARY]");
    for (unsigned i = 0; i < HK_COUNT_OF(whats); i++) {
        if (strcmp(whats[i].name, argv[1]) == 0) {
            whats[i].run(argv[argc - 1]);
            return 0;
        }
    }
    CHECK(false, "what is %s?", argv[1]);
}
