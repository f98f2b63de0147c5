/* preload.c - see preload.h. */
#include "ctl/preload.h"

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ctl/memory.h"
#include "shm/base.h"

#define PROGRAM_HEADERS_MAX 128

/* Whether a path is in a list with blanks or colons between. */
static bool is_listed(const char *list, const char *path)
{
    size_t len = strlen(path);
    for (const char *at = list; *at; at += strcspn(at, " :"), at += strspn(at, " :")) {
        if (strcspn(at, " :") == len && strncmp(at, path, len) == 0)
            return true;
    }
    return false;
}

void hk_preload_library(const char *library)
{
    const char *before = getenv("LD_PRELOAD");
    char *value = NULL;
    bool alone = !before || before[0] == '\0';
    if (!alone && is_listed(before, library))
        return;
    if (asprintf(&value, "%s%s%s", library, alone ? "" : ":", alone ? "" : before) < 0)
        value = NULL;
    setenv("LD_PRELOAD", hk_need(value), 1);
    free(value);
}

void hk_preload_tunes(const char *const *tunes, size_t count)
{
    const char *before = getenv("HAKMEM_TUNE");
    char *value = hk_need(strdup(before ? before : ""));
    const char *between = strchr(value, '#') ? "\n" : ","; /* a comment ends with its line */
    for (size_t i = 0; i < count; i++) {
        char *longer = NULL;
        if (asprintf(&longer, "%s%s%s", value, value[0] ? between : "", tunes[i]) < 0)
            longer = NULL;
        free(value);
        value = hk_need(longer);
    }
    if (count)
        setenv("HAKMEM_TUNE", value, 1);
    free(value);
}

/* ---- obstacles ---- */

static bool read_header(const char *path, Elf64_Ehdr *header, int *fd)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    bool elf = *fd >= 0 && pread(*fd, header, sizeof *header, 0) == (ssize_t)sizeof *header &&
               memcmp(header->e_ident, ELFMAG, SELFMAG) == 0;
    if (!elf && *fd >= 0)
        close(*fd);
    return elf;
}

static bool has_interpreter(int fd, const Elf64_Ehdr *header)
{
    for (unsigned i = 0; i < header->e_phnum && i < PROGRAM_HEADERS_MAX; i++) {
        Elf64_Phdr segment;
        off_t at = (off_t)(header->e_phoff + (uint64_t)i * header->e_phentsize);
        if (pread(fd, &segment, sizeof segment, at) != (ssize_t)sizeof segment)
            return true; /* not for us to judge */
        if (segment.p_type == PT_INTERP)
            return true;
    }
    return false;
}

/* The tool is of the same machine as the library. */
static bool is_foreign(const Elf64_Ehdr *header)
{
    Elf64_Ehdr own;
    int fd;
    if (!read_header("/proc/self/exe", &own, &fd))
        return false;
    close(fd);
    return header->e_ident[EI_CLASS] != own.e_ident[EI_CLASS] || header->e_machine != own.e_machine;
}

static bool has_more_rights(const char *path)
{
    struct stat st;
    if (geteuid() == 0 || stat(path, &st) != 0)
        return false;
    bool user = (st.st_mode & S_ISUID) && st.st_uid != geteuid();
    bool group = (st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getegid();
    return user || group || getxattr(path, "security.capability", NULL, 0) > 0;
}

const char *hk_preload_obstacle(const char *path)
{
    Elf64_Ehdr header;
    const char *obstacle = NULL;
    int fd;
    if (has_more_rights(path))
        return "it runs with more rights than yours";
    if (!read_header(path, &header, &fd))
        return NULL; /* a script: its interpreter decides */
    if (is_foreign(&header))
        obstacle = "it is for another kind of machine";
    else if (!has_interpreter(fd, &header))
        obstacle = "it is statically linked";
    close(fd);
    return obstacle;
}
