/* program_objects.c - see program_objects.h. */
#include "ctl/program/program_objects.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "shm/base.h"

/* More than any program comes to: a hostile one ends the look at it, and not the tool. */
#define LIBRARIES_MOST 256u
#define RUN_PATH_MOST  (16u * PATH_MAX)
#define RUN_DIRS_MOST  64u
#define SYMBOLS_MOST   (16u << 20)           /* of all that is looked at */
#define BYTES_MOST     (UINT64_C(4) << 30)   /* in the files of the libraries */
#define FILE_BYTES     (UINT64_C(128) << 20) /* of one no more is read */

static const char *const allocators[] = {
#define HK_ALLOCATOR(id, name) name,
#include "ctl/program/program_symbols.def"
};

static const struct row {
    enum hk_allocator allocator;
    const char *symbol;
} rows[] = {
#define HK_ALLOCATOR_SYMBOL(allocator, symbol) {HK_ALLOCATOR_##allocator, symbol},
#include "ctl/program/program_symbols.def"
};

_Static_assert(HK_COUNT_OF(rows) <= 64, "a bit each");

const char *hk_allocator_name(enum hk_allocator allocator)
{
    return allocators[allocator];
}

/* A handle on what a path leads to, which opens nothing yet. */
static int find_below(const char *root, const char *path)
{
    const int flags = O_PATH | O_CLOEXEC;
    if (root[0] == '\0')
        return open(path, flags);
    int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return -1;
    struct open_how how = {.flags = (uint64_t)flags, .resolve = RESOLVE_IN_ROOT};
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    if (fd < 0 && errno == ENOSYS) /* before Linux 5.6: a link may lead out of the root */
        fd = openat(dir, path + strspn(path, "/"), flags);
    int error = errno;
    close(dir);
    errno = error;
    return fd;
}

bool hk_stat_below(const char *root, const char *path, struct stat *st)
{
    int found = find_below(root, path);
    bool is_there = found >= 0 && fstat(found, st) == 0;
    if (found >= 0)
        close(found);
    return is_there;
}

/* The name may be a hostile program's choice, and to open a device can do harm. */
int hk_open_below(const char *root, const char *path)
{
    char handle[32];
    struct stat st;
    int found = find_below(root, path), fd = -1;
    if (found < 0)
        return -1;
    snprintf(handle, sizeof handle, "/proc/self/fd/%d", found);
    if (fstat(found, &st) != 0 || !S_ISREG(st.st_mode))
        errno = EISDIR;
    else
        fd = open(handle, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int error = errno;
    close(found);
    errno = error;
    return fd;
}

/* ---- symbols ---- */

/* What one object shows. */
struct shown {
    uint64_t asked, defined; /* bits of rows */
    bool own_malloc, own_free, linked;
    const char *sanitizer;
    uint64_t *symbols_left; /* that may be looked at yet */
};

/* Sanitizers that bring an allocator: the library of the runtime, and what a program that it is linked into
 * defines. */
static const struct {
    const char *library, *symbol, *name;
} sanitizers[] = {
    {"libasan.so", "__asan_init", "AddressSanitizer"},
    {"libclang_rt.asan", "__asan_init", "AddressSanitizer"},
    {"libhwasan.so", "__hwasan_init", "HWAddressSanitizer"},
    {"libclang_rt.hwasan", "__hwasan_init", "HWAddressSanitizer"},
    {"libtsan.so", "__tsan_init", "ThreadSanitizer"},
    {"libclang_rt.tsan", "__tsan_init", "ThreadSanitizer"},
    {"libclang_rt.msan", "__msan_init", "MemorySanitizer"},
    {"liblsan.so", "__lsan_init", "LeakSanitizer"},
};

static void take_definition(struct shown *shown, const char *name)
{
    shown->own_malloc |= strcmp(name, "malloc") == 0;
    shown->own_free |= strcmp(name, "free") == 0;
    shown->linked |= strcmp(name, "hakmem_version") == 0;
    for (unsigned i = 0; i < HK_COUNT_OF(sanitizers) && name[0] == '_'; i++) {
        if (strcmp(name, sanitizers[i].symbol) == 0)
            shown->sanitizer = sanitizers[i].name;
    }
}

/* Most names of large programs are C++'s: they are not compared with each row. */
static bool may_be_ours(const char *name)
{
    return name[0] == '_' ? name[1] == '_' || name[1] == 'r' : strchr("dfhjmrstx", name[0]) != NULL;
}

static bool take_symbol(void *arg, const struct hk_elf_symbol *symbol)
{
    struct shown *shown = arg;
    if (*shown->symbols_left == 0)
        return false;
    --*shown->symbols_left;
    if (!may_be_ours(symbol->name))
        return true;
    if (symbol->defined && symbol->function && !symbol->local)
        take_definition(shown, symbol->name);
    for (unsigned i = 0; i < HK_COUNT_OF(rows); i++) {
        if (strcmp(symbol->name, rows[i].symbol) != 0)
            continue;
        if (symbol->defined)
            shown->defined |= UINT64_C(1) << i;
        else if (symbol->exported && !symbol->weak)
            shown->asked |= UINT64_C(1) << i;
    }
    return true;
}

static uint64_t rows_of(enum hk_allocator allocator)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < HK_COUNT_OF(rows); i++)
        mask |= rows[i].allocator == allocator ? UINT64_C(1) << i : 0;
    return mask;
}

/* "libisc.so: mallocx, sdallocx", unless there is something already. */
static void note_rows(char about[HK_PROGRAM_ABOUT_BYTES], const char *who, uint64_t mask)
{
    if (about[0] || !mask)
        return;
    size_t len = (size_t)snprintf(about, HK_PROGRAM_ABOUT_BYTES, "%.64s: ", who);
    const char *between = "";
    for (unsigned i = 0; i < HK_COUNT_OF(rows); i++) {
        if (!(mask >> i & 1) || len + strlen(rows[i].symbol) + 3 > HK_PROGRAM_ABOUT_BYTES)
            continue;
        len += (size_t)snprintf(about + len, HK_PROGRAM_ABOUT_BYTES - len, "%s%s", between, rows[i].symbol);
        between = ", ";
    }
}

/* ---- libraries ---- */

struct search {
    struct hk_program_objects *objects;
    const struct hk_program_context *context;
    char *names[LIBRARIES_MOST]; /* seen already, or still to be looked at */
    unsigned count;
    char *run_path; /* of the object that is looked at, colons between */
    char origin[PATH_MAX];
    uint64_t symbols_left, bytes_left;
    uint64_t asked_of_jemalloc;
};

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void dirname_of(const char *path, char buf[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    snprintf(buf, PATH_MAX, "%.*s", slash ? (int)(slash - path) : 0, path);
}

static void note_sanitizer(struct hk_program_objects *objects, const char *library)
{
    for (unsigned i = 0; i < HK_COUNT_OF(sanitizers); i++) {
        if (strncmp(library, sanitizers[i].library, strlen(sanitizers[i].library)) == 0)
            objects->sanitizer = sanitizers[i].name;
    }
}

static void want(struct search *search, const char *name)
{
    if (strcmp(name, "libc.so.6") == 0 /* every program's */ || strnlen(name, PATH_MAX) == PATH_MAX)
        return;
    note_sanitizer(search->objects, base_of(name));
    for (unsigned i = 0; i < search->count; i++) {
        if (strcmp(search->names[i], name) == 0)
            return;
    }
    if (search->count < LIBRARIES_MOST)
        search->names[search->count++] = hk_need(strdup(name));
}

/* Of several run paths the dynamic linker takes the last. */
static bool take_entry(void *arg, enum hk_elf_entry entry, const char *text)
{
    struct search *search = arg;
    if (entry == HK_ELF_NEEDED) {
        want(search, text);
    } else if (strnlen(text, RUN_PATH_MOST) < RUN_PATH_MOST) {
        free(search->run_path);
        search->run_path = hk_need(strdup(text));
    }
    return true;
}

/* Opens a library in one of the directories of a list, and leaves its path in buf. -1: in none. */
static int open_in(const struct search *search, const char *list, const char *name, char buf[PATH_MAX])
{
    static const char *const origins[] = {"$ORIGIN", "${ORIGIN}"};
    const char *dir = list;
    for (unsigned n = 0; dir && *dir && n < RUN_DIRS_MOST; n++) {
        int len = (int)strcspn(dir, ":");
        int wrote = snprintf(buf, PATH_MAX, "%.*s/%s", len, dir, name);
        for (unsigned i = 0; i < HK_COUNT_OF(origins); i++) {
            size_t cut = strlen(origins[i]);
            if (strncmp(dir, origins[i], cut) == 0 && cut <= (size_t)len)
                wrote = snprintf(buf, PATH_MAX, "%s%.*s/%s", search->origin, len - (int)cut, dir + cut, name);
        }
        int fd = wrote > 0 && wrote < PATH_MAX && buf[0] == '/' ? hk_open_below(search->context->root, buf)
                                                                : -1;
        if (fd >= 0)
            return fd;
        dir += len;
        dir += strspn(dir, ":");
    }
    return -1;
}

/* The directory of the C library that this tool uses: others are usually beside it. */
static const char *usual_dirs(void)
{
    static char dirs[2 * PATH_MAX];
    char own[PATH_MAX] = "/lib";
    Dl_info info;
    if (dladdr((void *)(uintptr_t)getpid, &info) && info.dli_fname && info.dli_fname[0] == '/')
        dirname_of(info.dli_fname, own);
    snprintf(dirs, sizeof dirs, "%s:/usr%s:/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib", own, own);
    return dirs;
}

static int open_library(const struct search *search, const char *name, char path[PATH_MAX])
{
    if (strchr(name, '/')) {
        snprintf(path, PATH_MAX, "%s", name);
        return name[0] == '/' ? hk_open_below(search->context->root, name) : -1;
    }
    int fd = open_in(search, search->context->library_path, name, path);
    if (fd < 0)
        fd = open_in(search, search->run_path, name, path);
    return fd >= 0 ? fd : open_in(search, usual_dirs(), name, path);
}

/* What an object asks for; and what it needs is to be looked at, too. */
static void take_object(struct search *search, const struct hk_elf *elf, const char *path,
                        struct shown *shown, bool dynamic_alone)
{
    struct hk_program_objects *objects = search->objects;
    shown->symbols_left = &search->symbols_left;
    hk_elf_each_symbol(elf, dynamic_alone, take_symbol, shown);
    shown->asked &= ~shown->defined;
    for (unsigned a = 0; a < HK_ALLOCATORS; a++)
        note_rows(objects->asks[a], base_of(path), shown->asked & rows_of(a));
    search->asked_of_jemalloc |= shown->asked & rows_of(HK_ALLOCATOR_JEMALLOC);
    free(search->run_path);
    search->run_path = NULL;
    dirname_of(path, search->origin);
    hk_elf_each_entry(elf, take_entry, search);
}

/* An allocator's own library uses what it defines. */
static void look_at_library(struct search *search, const char *name)
{
    char path[PATH_MAX];
    struct hk_elf elf;
    struct shown shown = {0};
    int fd = open_library(search, name, path);
    if (fd < 0)
        return;
    enum hk_elf_state state = hk_elf_read(&elf, fd);
    uint64_t bytes = elf.size < FILE_BYTES ? elf.size : FILE_BYTES;
    if (state == HK_ELF_OK && bytes <= search->bytes_left) {
        search->bytes_left -= bytes;
        take_object(search, &elf, path, &shown, true);
    }
    hk_elf_free(&elf);
    close(fd);
}

/* What the library that will be preloaded defines. */
static uint64_t served_by(const struct hk_program_context *context)
{
    uint64_t symbols_left = SYMBOLS_MOST;
    struct shown shown = {.symbols_left = &symbols_left};
    struct hk_elf elf;
    int fd = context->library ? open(context->library, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    if (hk_elf_read(&elf, fd) == HK_ELF_OK)
        hk_elf_each_symbol(&elf, true, take_symbol, &shown);
    hk_elf_free(&elf);
    close(fd);
    return shown.defined;
}

void hk_program_objects_read(struct hk_program_objects *objects, const struct hk_program_context *context,
                             const struct hk_elf *program, const char *path)
{
    struct shown shown = {0};
    struct search search = {
        .objects = objects, .context = context, .symbols_left = SYMBOLS_MOST, .bytes_left = BYTES_MOST};
    *objects = (struct hk_program_objects){.linked = false};
    take_object(&search, program, path, &shown, false);
    objects->own_malloc = shown.own_malloc;
    objects->own_free = shown.own_free;
    objects->linked = shown.linked;
    if (shown.sanitizer)
        objects->sanitizer = shown.sanitizer;
    for (unsigned a = 0; a < HK_ALLOCATORS; a++)
        note_rows(objects->holds[a], hk_allocator_name(a), shown.defined & rows_of(a));
    for (unsigned i = 0; i < search.count && search.symbols_left > 0; i++)
        look_at_library(&search, search.names[i]);
    if (search.asked_of_jemalloc)
        objects->jemalloc_is_served = (search.asked_of_jemalloc & ~served_by(context)) == 0;
    for (unsigned i = 0; i < search.count; i++)
        free(search.names[i]);
    free(search.run_path);
}
