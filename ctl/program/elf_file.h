/*
 * elf_file.h - what an ELF file says of itself: sections, symbols, needed libraries.
 *
 * The file may be anybody's, and doctor reads it as root: nothing in it is believed. Every read is bounded,
 * by the file's size and by limits; what leads outside of it reads as not there. Only files of our own class
 * and byte order are read beyond their first bytes.
 */
#ifndef HAKMEM_CTL_PROGRAM_ELF_FILE_H
#define HAKMEM_CTL_PROGRAM_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hk_elf_state {
    HK_ELF_OK,
    HK_ELF_NONE,    /* no ELF file, or too short to be one */
    HK_ELF_FOREIGN, /* of another class or byte order than this tool's */
};

struct hk_elf {
    int fd;
    uint64_t size; /* of the file */
    Elf64_Ehdr header;
    Elf64_Shdr *sections; /* NULL: none that can be read */
    unsigned section_count;
    char *section_names;
    size_t section_names_size;
};

/* Reads the headers of the file behind fd, which stays the caller's and open as long as elf is used. Free
 * with hk_elf_free(), whatever the result. */
enum hk_elf_state hk_elf_read(struct hk_elf *elf, int fd);
void hk_elf_free(struct hk_elf *elf);

/* Whether it is a program, or a library, whose program headers can be read. */
bool hk_elf_is_whole(const struct hk_elf *elf);

/* The dynamic linker it asks for, into buf. False: none, it is not linked dynamically. */
bool hk_elf_interpreter(const struct hk_elf *elf, char *buf, size_t size);

bool hk_elf_has_section(const struct hk_elf *elf, const char *name);

/* Calls visit with the name of each needed library, and with its run path (DT_RUNPATH, DT_RPATH), each until
 * visit returns false. */
enum hk_elf_entry { HK_ELF_NEEDED, HK_ELF_RUN_PATH };
void hk_elf_each_entry(const struct hk_elf *elf,
                       bool (*visit)(void *arg, enum hk_elf_entry entry, const char *text), void *arg);

struct hk_elf_symbol {
    const char *name; /* until visit returns */
    bool defined;     /* here; else it is asked of others */
    bool exported;    /* or asked for: of the dynamic symbols */
    bool function;
    bool weak;
    bool local; /* nobody else's look-up finds it */
};

/* Calls visit for each dynamic symbol, and then, unless dynamic_alone, for each of the static table where
 * that was not stripped; until visit returns false. */
void hk_elf_each_symbol(const struct hk_elf *elf, bool dynamic_alone,
                        bool (*visit)(void *arg, const struct hk_elf_symbol *symbol), void *arg);

#endif
