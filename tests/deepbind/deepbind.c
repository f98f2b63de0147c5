/*
 * deepbind.c - plugins that a program loads with RTLD_DEEPBIND, and the C library by its own name.
 *
 * usage: deepbind WHAT PLUGIN [OTHER]   one case a process: what the library does, it does at the first such
 * load
 *
 *   both      blocks go both ways between program, plugin and C library; closed and opened again
 *   own_names the plugin keeps its own functions; only the malloc family leads to the program's
 *   runpath   files are looked for where the caller's RUNPATH and $ORIGIN say; OTHER is beside PLUGIN alone
 *   cxx       PLUGIN is of C++
 *   dlmopen   by dlmopen(), in this name space and in another one
 *   libc      no plugin at all: the functions of dlopen("libc.so.6")
 *   lazy      nothing is written into the C library before the first such load, and nothing stays writable
 *   refused   the system lets nothing be made writable: the load still succeeds
 *   threads   eight threads load it at once, for the first time
 *   fork      a child loads it first, then the parent
 */
#include "tests/deepbind/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#define DEEP (RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)

int same_name(void) __attribute__((visibility("default")));
int same_name(void)
{
    return 1;
}

static const struct plugin *plugin_of(void *handle)
{
    CHECK(handle != NULL, "%s", dlerror()); // NOLINT(concurrency-mt-unsafe)
    const struct plugin *plugin = dlsym(handle, "plugin");
    CHECK(plugin != NULL, "the plugin's table");
    return plugin;
}

static void use(const struct plugin *plugin)
{
    CHECK(plugin->free_what_libc_made() == 7, "the C library's functions");
    for (unsigned kind = 0; kind < PLUGIN_KINDS; kind++) {
        char *p = plugin->make(kind);
        CHECK(p != NULL && malloc_usable_size(p) >= 100, "kind %u", kind);
        CHECK(plugin->usable(p) == malloc_usable_size(p), "kind %u", kind);
        memset(p, (int)kind, 100);
        p = kind % 2 == 0 ? realloc(p, 5000 * (size_t)kind + 200)
                          : plugin->resize(p, 5000 * (size_t)kind + 200);
        CHECK(p != NULL && p[0] == (char)kind && p[99] == (char)kind, "kind %u", kind);
        kind % 3 == 0 ? plugin->release(p) : free(p);
    }
    for (size_t size = 1; size < 10000000; size *= 7) {
        plugin->release(malloc(size));
        plugin->release(realloc(strdup("text"), size));
    }
}

static void both(const char *file)
{
    for (unsigned i = 0; i < 20; i++) {
        void *handle = dlopen(file, DEEP);
        use(plugin_of(handle));
        CHECK(dlclose(handle) == 0, "%s", dlerror()); // NOLINT(concurrency-mt-unsafe)
    }
}

static void own_names(const char *file)
{
    const struct plugin *plugin = plugin_of(dlopen(file, DEEP));
    CHECK(same_name() == 1, "%d", same_name());
    CHECK(plugin->call_same_name() == 2, "the plugin's function is %d", plugin->call_same_name());
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    CHECK(libc != NULL, "the C library's handle");
    CHECK(dlsym(libc, "free") == (void *)(uintptr_t)free, "free");
    CHECK(dlsym(libc, "malloc_usable_size") == (void *)(uintptr_t)malloc_usable_size, "malloc_usable_size");
    /* These are the library's too, and stay the C library's own: it calls the next definition. */
    CHECK(dlsym(libc, "dlopen") == NULL || dlsym(libc, "dlopen") != (void *)(uintptr_t)dlopen, "dlopen");
    CHECK(dlsym(libc, "strdup") == (void *)(uintptr_t)strdup, "strdup");
    CHECK(dlsym(libc, "__libc_free") != (void *)(uintptr_t)free, "__libc_free");
}

/* OTHER is a name alone; the first plugin has a RUNPATH of $ORIGIN/nested, which the program has not. */
static void runpath(const char *file, const char *other)
{
    CHECK(dlopen(other, DEEP) == NULL, "found without a RUNPATH");
    CHECK(strstr(dlerror(), other) != NULL, "the error names the file"); // NOLINT(concurrency-mt-unsafe)
    CHECK(dlopen("no/such.so", RTLD_NOW) == NULL && dlerror() != NULL,
          "an error"); // NOLINT(concurrency-mt-unsafe)
    const struct plugin *first = plugin_of(dlopen(file, DEEP));
    for (unsigned deep = 0; deep < 2; deep++) {
        void *handle = first->open(other, deep != 0 ? DEEP : RTLD_NOW | RTLD_LOCAL);
        CHECK(handle != NULL, "%s", first->error());
        CHECK(plugin_of(handle)->call_same_name() == (deep != 0 ? 3 : 1), "%d",
              plugin_of(handle)->call_same_name());
        use(plugin_of(handle));
        CHECK(dlclose(handle) == 0, "close");
    }
}

static void cxx(const char *file)
{
    const struct plugin *plugin = plugin_of(dlopen(file, DEEP));
    CHECK(plugin->use_cxx() == 1, "C++");
    plugin->release(strdup("text"));
}

static void by_dlmopen(const char *file)
{
    use(plugin_of(dlmopen(LM_ID_BASE, file, DEEP)));
    const struct plugin *apart = plugin_of(dlmopen(LM_ID_NEWLM, file, DEEP));
    CHECK(apart->free_what_libc_made() == 7, "in a name space of its own");
    apart->release(apart->resize(apart->make(0), 100000));
    CHECK(dlmopen(LM_ID_BASE, "no/such.so", RTLD_NOW) == NULL &&
              dlerror() != NULL, // NOLINT(concurrency-mt-unsafe)
          "an error");
}

/* As ctypes, JNA, Fiddle and others do. */
static void by_name(void)
{
    void *libc = dlopen("libc.so.6", RTLD_LAZY);
    CHECK(libc != NULL, "%s", dlerror()); // NOLINT(concurrency-mt-unsafe)
    void (*release)(void *p) = (void (*)(void *))dlsym(libc, "free");
    void *(*resize)(void *p, size_t size) = (void *(*)(void *, size_t))dlsym(libc, "realloc");
    char *(*copy)(const char *text) = (char *(*)(const char *))dlsym(libc, "strdup");
    CHECK(release != NULL && resize != NULL && copy != NULL, "the C library's functions");
    for (unsigned i = 0; i < 1000; i++) {
        release(copy("text"));
        release(resize(malloc(i), i * 100 + 1));
    }
}

/* ---- the C library's first mapping ---- */

struct mapping {
    char rights[5];
    long dirty_kib;
};

static struct mapping symbols_of_libc(void)
{
    struct mapping sum = {"", 0};
    char line[512], rights[5], path[256] = "";
    FILE *in = fopen("/proc/self/smaps", "re");
    CHECK(in != NULL, "/proc/self/smaps");
    unsigned long offset = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        long kib;
        if (sscanf(line, "%*x-%*x %4s %lx %*s %*s %255s", rights, &offset, path) >= 2 &&
            strchr(line, '-') != NULL && strstr(line, "libc.so.6") != NULL && strchr(rights, 'w') == NULL &&
            sum.rights[0] == '\0')
            strcpy(sum.rights, rights);
        else if (sscanf(line, "Private_Dirty: %ld kB", &kib) == 1 && strstr(path, "libc.so.6") != NULL &&
                 strchr(rights, 'w') == NULL)
            sum.dirty_kib += kib;
        else if (strstr(line, "libc.so.6") != NULL)
            CHECK(rights[1] != 'w' || offset > 0x100000, "writable: %s", line);
    }
    (void)fclose(in);
    return sum;
}

static void lazy(const char *file)
{
    struct mapping before = symbols_of_libc();
    if (before.rights[0] == '\0')
        check_skip("the C library is not called libc.so.6 in /proc");
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    CHECK(plugin_of(handle)->call_same_name() == 1, "without the flag");
    long shallow = symbols_of_libc().dirty_kib;
    CHECK(shallow == before.dirty_kib, "%ld KiB, %ld before", shallow, before.dirty_kib);
    CHECK(dlclose(handle) == 0, "close");
    use(plugin_of(dlopen(file, DEEP)));
    struct mapping after = symbols_of_libc();
    CHECK(after.dirty_kib > before.dirty_kib, "%ld KiB", after.dirty_kib);
    CHECK(strcmp(after.rights, before.rights) == 0, "%s, %s before", after.rights, before.rights);
    printf("%ld KiB of the C library became the process's own\n", after.dirty_kib - before.dirty_kib);
}

/* ---- where it cannot be done ---- */

static void refuse_writable(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_WRITE, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = HK_COUNT_OF(code), .filter = code};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        check_skip("no filter of system calls: %s", strerrorname_np(errno));
}

static void refused(const char *file)
{
    refuse_writable();
    const struct plugin *plugin = plugin_of(dlopen(file, DEEP));
    CHECK(plugin->call_same_name() == 2, "the plugin's own");
    for (unsigned kind = 0; kind < 9;
         kind++) /* its own blocks are the C library's, there and in the program */
        kind % 2 == 0 ? plugin->release(plugin->make(kind)) : free(plugin->make(kind));
    free(strdup("the program goes on"));
}

/* ---- threads and fork ---- */

static pthread_barrier_t barrier;

static void *load_at_once(void *file)
{
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < 50; i++) {
        void *handle = dlopen(file, DEEP);
        use(plugin_of(handle));
        CHECK(dlclose(handle) == 0, "close");
    }
    return NULL;
}

static void threads(char *file)
{
    pthread_t id[8];
    CHECK(pthread_barrier_init(&barrier, NULL, HK_COUNT_OF(id)) == 0, "barrier");
    for (unsigned i = 0; i < HK_COUNT_OF(id); i++)
        CHECK(pthread_create(&id[i], NULL, load_at_once, file) == 0, "thread %u", i);
    for (unsigned i = 0; i < HK_COUNT_OF(id); i++)
        CHECK(pthread_join(id[i], NULL) == 0, "thread %u", i);
}

static void forked(const char *file)
{
    for (unsigned i = 0; i < 3; i++) {
        pid_t child = fork();
        CHECK(child >= 0, "fork");
        if (child == 0) {
            both(file);
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0, "status %x", (unsigned)status);
        if (i == 0)
            both(file);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc >= 3, "usage: deepbind WHAT PLUGIN [OTHER]");
    const char *what = argv[1], *file = argv[2];
    if (strcmp(what, "both") == 0)
        both(file);
    else if (strcmp(what, "own_names") == 0)
        own_names(file);
    else if (strcmp(what, "runpath") == 0 && argc == 4)
        runpath(file, argv[3]);
    else if (strcmp(what, "cxx") == 0)
        cxx(file);
    else if (strcmp(what, "dlmopen") == 0)
        by_dlmopen(file);
    else if (strcmp(what, "libc") == 0)
        by_name();
    else if (strcmp(what, "lazy") == 0)
        lazy(file);
    else if (strcmp(what, "refused") == 0)
        refused(file);
    else if (strcmp(what, "threads") == 0)
        threads(argv[2]);
    else if (strcmp(what, "fork") == 0)
        forked(file);
    else
        CHECK(false, "no case named %s", what);
    return 0;
}
