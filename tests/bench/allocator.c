/* allocator.c - see allocator.h. */
#include "tests/bench/allocator.h"

#include <dlfcn.h>
#include <gnu/lib-names.h>
#include <limits.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_BLOCKS 64
#define PROBE_BYTES  3000

/* The object that a name resolves to in the order in which the dynamic linker binds calls; false if
 * none does. */
static bool object_of(const char *symbol, char path[PATH_MAX])
{
    Dl_info info;
    void *entry = NULL;
    void *at = dlsym(RTLD_DEFAULT, symbol);
    if (!at || dladdr1(at, &info, &entry, RTLD_DL_SYMENT) == 0)
        return false;
    const ElfW(Sym) *sym = entry;
    /* A program at a fixed address stands in for functions whose address it takes: a jump, not the
     * function. */
    if (sym && sym->st_shndx == SHN_UNDEF) {
        at = dlsym(RTLD_NEXT, symbol);
        if (!at || dladdr(at, &info) == 0)
            return false;
    }
    if (!info.dli_fname)
        return false;
    return realpath(info.dli_fname, path) != NULL;
}

/* Bytes that the C library's own malloc has handed out, whoever serves malloc. */
static size_t libc_bytes(void *libc)
{
    struct mallinfo2 (*info)(void) = NULL;
    void *symbol = dlsym(libc, "mallinfo2");
    memcpy(&info, &symbol, sizeof symbol);
    if (!info)
        return 0;
    struct mallinfo2 now = info();
    return now.uordblks + now.hblkhd;
}

/* Allocates a little and looks whether the C library's heap grew by it: a name can lie, this cannot. */
static const char *check_behaviour(bool is_libc)
{
    /* Through a library that needs it: asked for by its own name, the C library may be given a tested
     * allocator's functions in place of its own. */
    void *libc = dlopen(LIBM_SO, RTLD_LAZY);
    if (!libc)
        return "the C library could not be asked";
    void *blocks[PROBE_BLOCKS];
    size_t before = libc_bytes(libc), usable = SIZE_MAX;
    for (unsigned i = 0; i < PROBE_BLOCKS; i++) {
        blocks[i] = malloc(PROBE_BYTES);
        if (!blocks[i])
            return "malloc failed";
        memset(blocks[i], (int)i, PROBE_BYTES);
        size_t n = malloc_usable_size(blocks[i]);
        usable = n < usable ? n : usable;
    }
    size_t grown = libc_bytes(libc) - before;
    bool kept = true;
    for (unsigned i = 0; i < PROBE_BLOCKS; i++) {
        kept = kept && ((unsigned char *)blocks[i])[PROBE_BYTES - 1] == (unsigned char)i;
        free(blocks[i]);
    }
    dlclose(libc);
    if (usable < PROBE_BYTES)
        return "malloc_usable_size is less than what was asked for";
    if (!kept)
        return "blocks overlap";
    if (is_libc && grown < (size_t)PROBE_BLOCKS * PROBE_BYTES)
        return "malloc is the C library's by name, but its heap does not grow";
    if (!is_libc && grown >= (size_t)PROBE_BLOCKS * PROBE_BYTES)
        return "malloc is not the C library's by name, but the C library's heap grows";
    return NULL;
}

static bool is_libc_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strncmp(slash ? slash + 1 : path, "libc.so", 7) == 0 ||
           strncmp(slash ? slash + 1 : path, "libc-", 5) == 0;
}

void allocator_find(struct allocator *out)
{
    static const char *const others[] = {"free", "calloc", "realloc"};
    char other[PATH_MAX];
    memset(out, 0, sizeof *out);
    out->flaw = "malloc resolves to nothing";
    if (!object_of("malloc", out->path))
        return;
    out->flaw = "malloc and its relatives come from different objects";
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        if (!object_of(others[i], other) || strcmp(other, out->path) != 0)
            return;
    }
    out->flaw = check_behaviour(is_libc_path(out->path));
}

bool allocator_is(const struct allocator *allocator, const char *expected)
{
    char path[PATH_MAX];
    if (strcmp(expected, "libc") == 0)
        return is_libc_path(allocator->path);
    return realpath(expected, path) && strcmp(path, allocator->path) == 0;
}
