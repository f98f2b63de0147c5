/* family.c - see family.h. */
#include "tests/foreign/family.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

/* An allocator that wants the program's static TLS can only be there from the start. */
static void *open_object(const char *library)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        check_skip("skipped: %s", dlerror());
    return handle;
}

/* arenas.lookup of jemalloc before 5.3.1 is for its own pointers alone. */
static bool jemalloc_can_be_asked(void *handle)
{
    const char *version = "";
    size_t bytes = sizeof(const char *);
    int (*mallctl)(const char *, void *, size_t *, void *, size_t) = (int (*)(
        const char *, void *, size_t *, void *, size_t))dlsym(handle, "mallctl");
    return mallctl != NULL && mallctl("version", (void *)&version, &bytes, NULL, 0) == 0 &&
           strncmp(version, "5.3.1-", 6) == 0;
}

/* A function of the object itself, and not of one that it is linked with. */
static void *own_function(void *handle, const char *name)
{
    Dl_info malloc_info, info;
    void *function = dlsym(handle, name);
    bool is_own = function != NULL && dladdr(dlsym(handle, "malloc"), &malloc_info) != 0 &&
                  dladdr(function, &info) != 0 && info.dli_fbase == malloc_info.dli_fbase;
    return is_own ? function : NULL;
}

void family_open(struct family *family, const char *library)
{
    void *handle = open_object(library);
    *family = (struct family){
        .handle = handle,
        .malloc = (void *(*)(size_t))dlsym(handle, "malloc"),
        .calloc = (void *(*)(size_t, size_t))own_function(handle, "calloc"),
        .memalign = (void *(*)(size_t, size_t))own_function(handle, "memalign"),
        .malloc_usable_size = (size_t(*)(void *))own_function(handle, "malloc_usable_size"),
        .own_live = (size_t(*)(void))own_function(handle, "own_live"),
    };
    family->asked = jemalloc_can_be_asked(handle) || dlsym(handle, "mi_is_in_heap_region") != NULL ||
                    dlsym(handle, "MallocExtension_GetOwnership") != NULL;
    CHECK(family->malloc != NULL && family->malloc != malloc, "%s has no malloc of its own", library);
}

static size_t read_all(int fd, char *to, size_t bytes)
{
    size_t got = 0;
    ssize_t n;
    while (got + 1 < bytes && (n = read(fd, to + got, bytes - 1 - got)) > 0)
        got += (size_t)n;
    to[got] = '\0';
    return got;
}

int family_in_child(void (*run)(void *arg), void *arg, char *said, size_t bytes)
{
    int ends[2], status = -1;
    CHECK(pipe(ends) == 0, "no pipe");
    pid_t pid = fork();
    CHECK(pid >= 0, "no child");
    if (pid == 0) {
        alarm(60);
        if (said != NULL)
            dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        run(arg);
        _exit(0);
    }
    close(ends[1]);
    if (said != NULL)
        (void)read_all(ends[0], said, bytes);
    CHECK(waitpid(pid, &status, 0) == pid, "no child to wait for");
    close(ends[0]);
    return status;
}
