/* program.c - see program.h. */
#include "ctl/program/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/program/elf_file.h"
#include "ctl/program/program_objects.h"
#include "shm/base.h"

/* The kernel follows scripts of scripts this far, and reads this much of a first line. */
#define SCRIPTS_MOST     5u
#define FIRST_LINE_BYTES 256u

const struct hk_program_info hk_program_infos[HK_PROGRAM_IDS] = {
#define HK_PROGRAM(id, name, severity, message, remedy) {name, HK_SEVERITY_##severity, message, remedy},
#include "ctl/program/program_findings.def"
};

/* ---- findings ---- */

/* Rows stand from the worst on; so do findings. */
static void find(struct hk_program *program, enum hk_program_id id, const char *about)
{
    unsigned at = program->count;
    if (at == HK_PROGRAM_FOUND_MAX)
        return;
    for (; at > 0 && program->found[at - 1].id > id; at--)
        program->found[at] = program->found[at - 1];
    program->found[at].id = id;
    snprintf(program->found[at].about, HK_PROGRAM_ABOUT_BYTES, "%.*s", HK_PROGRAM_ABOUT_BYTES - 1, about);
    program->count++;
}

char *hk_program_finding_text(const struct hk_program *program, unsigned index)
{
    const char *about = program->found[index].about;
    char *text = NULL;
    if (asprintf(&text, "%s%s%s%s", hk_program_infos[program->found[index].id].message, about[0] ? " (" : "",
                 about, about[0] ? ")" : "") < 0)
        text = NULL;
    return hk_need(text);
}

bool hk_program_has(const struct hk_program *program, enum hk_severity severity)
{
    for (unsigned i = 0; i < program->count; i++) {
        if (hk_program_infos[program->found[i].id].severity == severity)
            return true;
    }
    return false;
}

/* ---- rights ---- */

/* As the kernel decides: bits that change nothing give no more rights, and root's capabilities cannot grow.
 */
static const char *more_rights(const struct hk_program_context *context, int fd, const struct stat *st)
{
    struct statvfs fs;
    if (context->no_new_privileges || (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOSUID)))
        return NULL;
    if ((st->st_mode & S_ISUID) && st->st_uid != context->uid)
        return "set-user-ID";
    if ((st->st_mode & S_ISGID) && (st->st_mode & S_IXGRP) && st->st_gid != context->gid)
        return "set-group-ID";
    return context->uid != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0 ? "file capabilities"
                                                                                  : NULL;
}

/* ---- ELF files ---- */

/* Whether the library is for the machine of the program. The tool is, where there is no library to ask. */
static bool is_same_machine(const struct hk_program_context *context, const struct hk_elf *elf)
{
    struct hk_elf other;
    int fd = context->library ? open(context->library, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bool same = fd < 0 || hk_elf_read(&other, fd) != HK_ELF_OK ||
                other.header.e_machine == elf->header.e_machine;
    if (fd >= 0) {
        hk_elf_free(&other);
        close(fd);
    }
    return same;
}

/* It preloads into the program that it is given. */
static bool is_dynamic_linker(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return strncmp(name, "ld-linux", 8) == 0 || strcmp(name, "ld.so") == 0;
}

/* What is linked into the program itself: an allocator that serves it whole, or, under other names, in part.
 */
static void judge_held(struct hk_program *program, const struct hk_program_objects *objects)
{
    bool whole = objects->own_malloc && objects->own_free;
    const char *held = "";
    for (unsigned i = 0; i < HK_ALLOCATORS; i++) {
        if (objects->holds[i][0] && !whole)
            find(program, HK_PROGRAM_OTHER_HEAP, objects->holds[i]);
        held = objects->holds[i][0] ? hk_allocator_name(i) : held;
    }
    if (whole)
        find(program, HK_PROGRAM_OWN_MALLOC, held);
}

static void judge_objects(struct hk_program *program, const struct hk_program_objects *objects)
{
    if (objects->sanitizer)
        find(program, HK_PROGRAM_SANITIZER, objects->sanitizer);
    else
        judge_held(program, objects);
    for (unsigned i = 0; i < HK_ALLOCATORS; i++) {
        bool served = i == HK_ALLOCATOR_JEMALLOC && objects->jemalloc_is_served;
        enum hk_program_id id = i != HK_ALLOCATOR_JEMALLOC ? HK_PROGRAM_OTHER_API
                                : served                   ? HK_PROGRAM_JEMALLOC_SERVED
                                                           : HK_PROGRAM_JEMALLOC_API;
        if (objects->asks[i][0])
            find(program, id, objects->asks[i]);
    }
}

static void inspect_elf(struct hk_program *program, const struct hk_program_context *context,
                        const struct hk_elf *elf)
{
    char interpreter[HK_PROGRAM_ABOUT_BYTES];
    if (!is_same_machine(context, elf)) {
        find(program, HK_PROGRAM_OTHER_MACHINE, "");
        return;
    }
    if (!hk_elf_is_whole(elf)) {
        find(program, HK_PROGRAM_NO_PROGRAM, "a damaged ELF file");
        return;
    }
    if (hk_elf_has_section(elf, ".go.buildinfo") || hk_elf_has_section(elf, ".note.go.buildid"))
        find(program, HK_PROGRAM_GO, "");
    bool dynamic = hk_elf_interpreter(elf, interpreter, sizeof interpreter);
    if (dynamic && strstr(interpreter, "/ld-musl-"))
        find(program, HK_PROGRAM_OTHER_LIBC, interpreter);
    struct hk_program_objects objects;
    hk_program_objects_read(&objects, context, elf, program->path);
    if (objects.linked)
        find(program, HK_PROGRAM_LINKED, "");
    else if (dynamic)
        judge_objects(program, &objects);
    else if (!is_dynamic_linker(program->path))
        find(program, HK_PROGRAM_STATIC, "");
}

/* ---- scripts ---- */

static const char *next_word(const char *at)
{
    at += strcspn(at, " \t");
    return at + strspn(at, " \t");
}

/* One option of env that begins at word: where what follows it does. Some take a value, in the same word or
 * as the next; -S takes words, which are read on. */
static const char *skip_env_option(const char *word, size_t len)
{
    static const char *const with_value[] = {"--unset", "--chdir", "--argv0"};
    static const char split[] = "--split-string=";
    if (word[1] != '-') {
        size_t at = 1 + strcspn(word + 1, "uCaPS \t");
        if (word[at] == 'S')
            return word + at + 1 + strspn(word + at + 1, " \t");
        return at + 1 == len ? next_word(next_word(word)) : next_word(word);
    }
    if (strncmp(word, split, strlen(split)) == 0)
        return word + strlen(split);
    for (unsigned i = 0; i < HK_COUNT_OF(with_value); i++) {
        if (len == strlen(with_value[i]) && strncmp(word, with_value[i], len) == 0)
            return next_word(next_word(word));
    }
    return next_word(word);
}

/* The program that env, with these arguments, would start: where its name begins. NULL: none that can be
 * told. */
static const char *env_argument(const char *arguments)
{
    const char *at = arguments + strspn(arguments, " \t");
    for (bool options = true; *at;) {
        size_t len = strcspn(at, " \t");
        if (options && at[0] == '-') {
            options = len != 2 || at[1] != '-';
            at = options ? skip_env_option(at, len) : next_word(at);
            continue;
        }
        options = false;
        if (!memchr(at, '=', len))
            return at;
        at = next_word(at);
    }
    return NULL;
}

/* Whether what stands before the program's name takes the preload away, or changes where the program is
 * looked for. */
static bool changes_much(const char *arguments, const char *program)
{
    static const char all[] = "--ignore-environment", preload[] = "LD_PRELOAD", path[] = "PATH=";
    for (const char *at = arguments; at < program; at = next_word(at)) {
        size_t len = strcspn(at, " \t");
        bool is_short = at[0] == '-' && at[1] != '-';
        if (memmem(at, len, preload, strlen(preload)) || strncmp(at, path, strlen(path)) == 0 ||
            (len == strlen(all) && strncmp(at, all, len) == 0) ||
            (is_short && (len == 1 || memchr(at + 1, 'i', strcspn(at + 1, "uCaPS \t")))))
            return true;
    }
    return false;
}

static bool is_env(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && strcmp(slash, "/env") == 0;
}

/* The path of the program whose name begins at a word. "": none that can be told. */
static void locate(const struct hk_program_context *context, const char *word, char buf[PATH_MAX])
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, " \t"), word);
    if (strchr(name, '/'))
        snprintf(buf, PATH_MAX, "%s", name);
    else
        hk_program_find(context, name, buf);
}

bool hk_program_started_by_env(const struct hk_program_context *context, const char *path,
                               const char *arguments, char buf[PATH_MAX])
{
    const char *program = is_env(path) ? env_argument(arguments) : NULL;
    if (!program || changes_much(arguments, program))
        return false;
    locate(context, program, buf);
    return buf[0] == '/';
}

/* The path of a name in a directory of a search path, which may be relative, or empty: from the current
 * directory, which is known of this tool alone. False: not to be told. */
static bool join(const struct hk_program_context *context, const char *dir, size_t len, const char *name,
                 char buf[PATH_MAX])
{
    char here[PATH_MAX] = "";
    if (len == 0 || dir[0] != '/') {
        if (context->root[0] || !getcwd(here, sizeof here) || here[0] != '/')
            return false;
    }
    int wrote = snprintf(buf, PATH_MAX, "%s%s%.*s/%s", here, here[0] && len ? "/" : "", (int)len, dir, name);
    return wrote > 0 && wrote < PATH_MAX;
}

/* 0, ENOENT, or EACCES for what is there and is no program. */
static int try_path(const struct hk_program_context *context, const char *path)
{
    struct stat st;
    if (!hk_stat_below(context->root, path, &st))
        return ENOENT;
    bool runs = S_ISREG(st.st_mode) &&
                (context->root[0] ? (st.st_mode & 0111) != 0 : access(path, X_OK) == 0);
    return runs ? 0 : EACCES;
}

int hk_program_find(const struct hk_program_context *context, const char *name, char buf[PATH_MAX])
{
    char path[PATH_MAX];
    int result = ENOENT;
    buf[0] = '\0';
    for (const char *dir = context->search; dir; dir = strchr(dir, ':'), dir += dir ? 1 : 0) {
        int error = join(context, dir, strcspn(dir, ":"), name, path) ? try_path(context, path) : ENOENT;
        if (error != ENOENT && (error == 0 || result == ENOENT))
            snprintf(buf, PATH_MAX, "%s", path);
        if (error == 0)
            return 0;
        result = error == EACCES ? EACCES : result;
    }
    return result;
}

/* The interpreter that a first line "#!..." names, into buf; of env the program that it starts. "": none that
 * can be told. False: the file does not begin so. */
static bool read_script(const struct hk_program_context *context, int fd, char buf[PATH_MAX])
{
    char line[FIRST_LINE_BYTES + 1];
    ssize_t n = pread(fd, line, FIRST_LINE_BYTES, 0);
    if (n < 2 || line[0] != '#' || line[1] != '!')
        return false;
    line[n] = '\0';
    line[strcspn(line, "\n")] = '\0';
    const char *interpreter = line + 2 + strspn(line + 2, " \t");
    size_t len = strcspn(interpreter, " \t");
    snprintf(buf, PATH_MAX, "%.*s", (int)len, interpreter);
    const char *program = is_env(buf) ? env_argument(interpreter + len) : NULL;
    if (program)
        locate(context, program, buf);
    return true;
}

/* ---- all ---- */

static void inspect(struct hk_program *program, const struct hk_program_context *context, int fd,
                    unsigned depth);

static void open_and_inspect(struct hk_program *program, const struct hk_program_context *context,
                             const char *path, unsigned depth)
{
    snprintf(program->path, sizeof program->path, "%s", path);
    int fd = hk_open_below(context->root, path);
    if (fd >= 0) {
        inspect(program, context, fd, depth);
        close(fd);
    } else if (errno == ENOENT || errno == ENOTDIR) {
        find(program, HK_PROGRAM_NOT_THERE, depth ? path : "");
    } else if (errno == EISDIR) {
        find(program, HK_PROGRAM_NOT_EXECUTABLE, "");
    }
}

static void inspect(struct hk_program *program, const struct hk_program_context *context, int fd,
                    unsigned depth)
{
    struct hk_elf elf;
    struct stat st;
    char interpreter[PATH_MAX];
    if (fstat(fd, &st) != 0)
        return;
    if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111)) {
        find(program, HK_PROGRAM_NOT_EXECUTABLE, "");
        return;
    }
    enum hk_elf_state state = hk_elf_read(&elf, fd);
    /* Bits of scripts have no effect. */
    const char *rights = state == HK_ELF_NONE ? NULL : more_rights(context, fd, &st);
    if (rights)
        find(program, HK_PROGRAM_MORE_RIGHTS, rights);
    if (state == HK_ELF_OK)
        inspect_elf(program, context, &elf);
    else if (state == HK_ELF_FOREIGN)
        find(program, HK_PROGRAM_OTHER_MACHINE, "");
    else if (!read_script(context, fd, interpreter))
        find(program, HK_PROGRAM_NO_PROGRAM, "");
    else if (interpreter[0] == '/' && depth < SCRIPTS_MOST)
        open_and_inspect(program, context, interpreter, depth + 1);
    hk_elf_free(&elf);
}

void hk_program_inspect(struct hk_program *program, const struct hk_program_context *context,
                        const char *path)
{
    program->count = 0;
    open_and_inspect(program, context, path, 0);
}

void hk_program_inspect_file(struct hk_program *program, const struct hk_program_context *context, int fd,
                             const char *path)
{
    program->count = 0;
    snprintf(program->path, sizeof program->path, "%s", path);
    inspect(program, context, fd, 0);
}

bool hk_program_inspect_process(struct hk_program *program, const struct hk_program_context *context,
                                pid_t pid)
{
    char exe[64], root[64], path[PATH_MAX];
    struct hk_program_context inside = *context;
    snprintf(exe, sizeof exe, "/proc/%d/exe", (int)pid);
    snprintf(root, sizeof root, "/proc/%d/root", (int)pid);
    ssize_t n = readlink(exe, path, sizeof path - 1);
    int fd = open(exe, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || n < 0) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    path[n] = '\0';
    inside.root = root;
    hk_program_inspect_file(program, &inside, fd, path);
    close(fd);
    return true;
}
