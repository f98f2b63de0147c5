/*
 * program_objects.h - which allocators a program and the libraries that it needs use or hold, by their
 * symbols.
 */
#ifndef HAKMEM_CTL_PROGRAM_PROGRAM_OBJECTS_H
#define HAKMEM_CTL_PROGRAM_PROGRAM_OBJECTS_H

#include <stdint.h>
#include <sys/stat.h>

#include "ctl/program/elf_file.h"
#include "ctl/program/program.h"

enum hk_allocator {
#define HK_ALLOCATOR(id, ...) HK_ALLOCATOR_##id,
#include "ctl/program/program_symbols.def"
    HK_ALLOCATORS
};

enum hk_sanitizer {
    HK_SANITIZER_ASAN,
    HK_SANITIZER_TSAN,
    HK_SANITIZER_MSAN,
    HK_SANITIZER_LSAN,
    HK_SANITIZERS
};

struct hk_program_objects {
    char asks[HK_ALLOCATORS]
             [HK_PROGRAM_ABOUT_BYTES]; /* who asks for that allocator's functions, and which; or "" */
    char holds[HK_ALLOCATORS][HK_PROGRAM_ABOUT_BYTES]; /* which of them the program itself defines; or "" */
    bool jemalloc_is_served;                           /* all that is asked of jemalloc's is in the library */
    const char
        *sanitizer; /* the one that brings an allocator, needed as a library or linked in; NULL: none */
    bool own_malloc, own_free; /* the program defines them */
    bool linked;               /* with hakmem */
};

/* Name of an allocator. */
const char *hk_allocator_name(enum hk_allocator allocator);

/* Looks at a program that was read, at path, and at the libraries that it needs, as far as they are found
 * below the place's root. */
void hk_program_objects_read(struct hk_program_objects *objects, const struct hk_program_context *context,
                             const struct hk_elf *program, const char *path);

/* Opens a regular file as it is seen inside of root ("": everywhere), without a link leading out of it. A
 * descriptor, or -1 with errno, EISDIR for what is no regular file, which is not opened. */
int hk_open_below(const char *root, const char *path);

/* What is at path inside of root, without opening it. False: nothing that can be reached. */
bool hk_stat_below(const char *root, const char *path, struct stat *st);

#endif
