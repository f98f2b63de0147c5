/*
 * plugin.c - a plugin that allocates and frees in all ways, by names that it looks up as dlopen was told to.
 *
 * Built twice: as the plugin that the program loads, and as one that is in reach of the first one's RUNPATH
 * alone.
 */
#include "tests/deepbind/plugin.h"

#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int same_name(void);
int same_name(void)
{
    return SAME_NAME;
}

static void *made_aligned(void)
{
    void *p = NULL;
    return posix_memalign(&p, 256, 100) == 0 ? p : NULL;
}

static void *made_by_asprintf(void)
{
    char *text = NULL;
    return asprintf(&text, "%0120d", 7) > 0 ? text : NULL;
}

static void *made_by_getline(void)
{
    char *line = NULL;
    size_t room = 0;
    char text[] =
        "a line that is as long as it takes to make a block of some hundred bytes in the C library's own code\n";
    FILE *in = fmemopen(text, sizeof text - 1, "r");
    if (in == NULL)
        return NULL;
    (void)getline(&line, &room, in);
    (void)fclose(in);
    return line;
}

static void *made_by_memstream(void)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        return NULL;
    for (unsigned i = 0; i < 1000; i++)
        (void)fprintf(out, "%u ", i);
    (void)fclose(out);
    return text;
}

static void *make(unsigned kind)
{
    switch (kind) {
    case 0:
        return malloc(100);
    case 1:
        return calloc(10, 10);
    case 2:
        return realloc(NULL, 100);
    case 3:
        return reallocarray(NULL, 10, 10);
    case 4:
        return aligned_alloc(64, 128);
    case 5:
        return memalign(128, 100);
    case 6:
        return made_aligned();
    case 7:
        return valloc(100);
    case 8:
        return pvalloc(100);
    case 9:
        return made_by_asprintf();
    case 10:
        return made_by_getline();
    default:
        return made_by_memstream();
    }
}

static int free_what_libc_made(void)
{
    int freed = 0;
    char *blocks[] = {strdup("short"),    strndup("a longer one", 9), realpath("/", NULL), getcwd(NULL, 0),
                      made_by_asprintf(), made_by_getline(),          made_by_memstream()};
    struct dirent **names = NULL;
    int count = scandir("/", &names, NULL, alphasort);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        freed += blocks[i] != NULL;
        free(blocks[i]);
    }
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return freed;
}

static void *resize(void *p, size_t size)
{
    return realloc(p, size);
}

static size_t usable(void *p)
{
    return malloc_usable_size(p);
}

static void release(void *p)
{
    free(p);
}

static int call_same_name(void)
{
    return same_name();
}

static void *open_from_here(const char *file, int mode)
{
    void *handle = dlopen(file, mode);
    __asm__ volatile("" ::: "memory"); /* no tail call: the address that dlopen returns to is this plugin's */
    return handle;
}

static const char *error(void)
{
    return dlerror();
}

extern const struct plugin plugin;
const struct plugin plugin = {
    .make = make,
    .free_what_libc_made = free_what_libc_made,
    .resize = resize,
    .usable = usable,
    .release = release,
    .call_same_name = call_same_name,
    .open = open_from_here,
    .error = error,
};
