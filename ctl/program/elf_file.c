/* elf_file.c - see elf_file.h. */
#include "ctl/program/elf_file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/base/alloc_or_exit.h"
#include "shm/base.h"

/* More than any program has; what is beyond is not looked at. */
#define SEGMENTS_MOST   256u
#define SECTIONS_MOST   8192u
#define STRINGS_MOST    (64u << 20)
#define SYMBOLS_MOST    (4u << 20)
#define ENTRIES_MOST    4096u
#define SYMBOLS_AT_ONCE 1024u

/* Whole or not at all. */
static bool read_at(const struct hk_elf *elf, uint64_t at, void *buf, size_t size)
{
    char *to = buf;
    if (at > elf->size || size > elf->size - at)
        return false;
    while (size > 0) {
        ssize_t n = pread(elf->fd, to, size, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        to += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

/* A part of the file as text that ends; NULL where it is none or too long. To be freed. */
static char *read_strings(const struct hk_elf *elf, uint64_t at, uint64_t size)
{
    if (size == 0 || size > STRINGS_MOST || at > elf->size || size > elf->size - at)
        return NULL;
    char *text = hk_need(malloc((size_t)size + 1));
    text[size] = '\0';
    if (read_at(elf, at, text, (size_t)size))
        return text;
    free(text);
    return NULL;
}

static void read_sections(struct hk_elf *elf)
{
    const Elf64_Ehdr *header = &elf->header;
    unsigned count = header->e_shnum < SECTIONS_MOST ? header->e_shnum : SECTIONS_MOST;
    if (count == 0 || header->e_shentsize != sizeof(Elf64_Shdr))
        return;
    Elf64_Shdr *sections = hk_need(calloc(count, sizeof *sections));
    if (!read_at(elf, header->e_shoff, sections, count * sizeof *sections)) {
        free(sections);
        return;
    }
    elf->sections = sections;
    elf->section_count = count;
    if (header->e_shstrndx >= count)
        return;
    const Elf64_Shdr *names = &sections[header->e_shstrndx];
    elf->section_names = read_strings(elf, names->sh_offset, names->sh_size);
    elf->section_names_size = elf->section_names ? (size_t)names->sh_size : 0;
}

/* What this tool was compiled for. */
static const Elf64_Ehdr *own_header(void)
{
    extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));
    return &__ehdr_start;
}

enum hk_elf_state hk_elf_read(struct hk_elf *elf, int fd)
{
    struct stat st;
    const Elf64_Ehdr *own = own_header();
    *elf = (struct hk_elf){.fd = fd};
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return HK_ELF_NONE;
    elf->size = (uint64_t)st.st_size;
    unsigned char *start = elf->header.e_ident;
    if (!read_at(elf, 0, &elf->header, sizeof elf->header) &&
        !read_at(elf, 0, &elf->header, sizeof(Elf32_Ehdr))) /* e_machine is at the same place */
        return HK_ELF_NONE;
    if (memcmp(start, ELFMAG, SELFMAG) != 0)
        return HK_ELF_NONE;
    if (start[EI_CLASS] != own->e_ident[EI_CLASS] || start[EI_DATA] != own->e_ident[EI_DATA])
        return HK_ELF_FOREIGN;
    if (elf->size < sizeof elf->header)
        return HK_ELF_NONE;
    read_sections(elf);
    return HK_ELF_OK;
}

void hk_elf_free(struct hk_elf *elf)
{
    free(elf->sections);
    free(elf->section_names);
    elf->sections = NULL;
    elf->section_names = NULL;
    elf->section_count = 0;
    elf->section_names_size = 0;
}

/* ---- segments ---- */

/* The index-th program header. False past the last. */
static bool read_segment(const struct hk_elf *elf, unsigned index, Elf64_Phdr *segment)
{
    const Elf64_Ehdr *header = &elf->header;
    return index < header->e_phnum && index < SEGMENTS_MOST && header->e_phentsize == sizeof *segment &&
           header->e_phoff <= elf->size &&
           read_at(elf, header->e_phoff + (uint64_t)index * sizeof *segment, segment, sizeof *segment);
}

static bool find_segment(const struct hk_elf *elf, uint32_t type, Elf64_Phdr *segment)
{
    for (unsigned i = 0; read_segment(elf, i, segment); i++) {
        if (segment->p_type == type)
            return true;
    }
    return false;
}

bool hk_elf_is_whole(const struct hk_elf *elf)
{
    Elf64_Phdr segment;
    uint16_t type = elf->header.e_type, count = elf->header.e_phnum;
    return (type == ET_EXEC || type == ET_DYN) && count > 0 &&
           (count > SEGMENTS_MOST || read_segment(elf, count - 1u, &segment));
}

bool hk_elf_interpreter(const struct hk_elf *elf, char *buf, size_t size)
{
    Elf64_Phdr segment;
    if (!find_segment(elf, PT_INTERP, &segment))
        return false;
    char *name = read_strings(elf, segment.p_offset,
                              segment.p_filesz < PATH_MAX ? segment.p_filesz : PATH_MAX);
    size_t len = name ? strlen(name) : 0;
    len = len < size ? len : size - 1;
    if (name)
        memcpy(buf, name, len);
    buf[len] = '\0';
    free(name);
    return true;
}

/* Where in the file an address of the loaded program comes from. */
static bool find_address(const struct hk_elf *elf, uint64_t address, uint64_t *at)
{
    Elf64_Phdr segment;
    for (unsigned i = 0; read_segment(elf, i, &segment); i++) {
        if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
            address - segment.p_vaddr < segment.p_filesz && segment.p_offset <= elf->size) {
            *at = segment.p_offset + (address - segment.p_vaddr);
            return true;
        }
    }
    return false;
}

/* ---- needed libraries ---- */

/* The dynamic section; NULL: none. To be freed. */
static Elf64_Dyn *read_dynamic(const struct hk_elf *elf, size_t *count)
{
    Elf64_Phdr segment;
    if (!find_segment(elf, PT_DYNAMIC, &segment))
        return NULL;
    uint64_t n = segment.p_filesz / sizeof(Elf64_Dyn);
    *count = n < ENTRIES_MOST ? (size_t)n : ENTRIES_MOST;
    if (*count == 0 || segment.p_offset > elf->size ||
        *count * sizeof(Elf64_Dyn) > elf->size - segment.p_offset)
        return NULL;
    Elf64_Dyn *entries = hk_need(calloc(*count, sizeof *entries));
    if (read_at(elf, segment.p_offset, entries, *count * sizeof *entries))
        return entries;
    free(entries);
    return NULL;
}

static uint64_t value_of(const Elf64_Dyn *entries, size_t count, int64_t tag)
{
    for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
        if (entries[i].d_tag == tag)
            return entries[i].d_un.d_val;
    }
    return 0;
}

void hk_elf_each_entry(const struct hk_elf *elf,
                       bool (*visit)(void *arg, enum hk_elf_entry entry, const char *text), void *arg)
{
    size_t count;
    uint64_t at;
    Elf64_Dyn *entries = read_dynamic(elf, &count);
    if (!entries)
        return;
    uint64_t size = value_of(entries, count, DT_STRSZ);
    char *strings = find_address(elf, value_of(entries, count, DT_STRTAB), &at) ? read_strings(elf, at, size)
                                                                                : NULL;
    bool more = strings != NULL;
    for (size_t i = 0; more && i < count && entries[i].d_tag != DT_NULL; i++) {
        int64_t tag = entries[i].d_tag;
        bool path = tag == DT_RUNPATH || tag == DT_RPATH;
        if ((path || tag == DT_NEEDED) && entries[i].d_un.d_val < size)
            more = visit(arg, path ? HK_ELF_RUN_PATH : HK_ELF_NEEDED, strings + entries[i].d_un.d_val);
    }
    free(strings);
    free(entries);
}

/* ---- sections and symbols ---- */

bool hk_elf_has_section(const struct hk_elf *elf, const char *name)
{
    for (unsigned i = 0; i < elf->section_count; i++) {
        uint32_t at = elf->sections[i].sh_name;
        if (at < elf->section_names_size && strcmp(elf->section_names + at, name) == 0)
            return true;
    }
    return false;
}

/* A table of symbols, and the names in it. */
struct symbols {
    const struct hk_elf *elf;
    const Elf64_Shdr *section;
    char *names;
    uint64_t names_size;
    bool exported;
};

static bool visit_some(const struct symbols *table, const Elf64_Sym *symbols, size_t count,
                       bool (*visit)(void *arg, const struct hk_elf_symbol *symbol), void *arg)
{
    for (size_t i = 0; i < count; i++) {
        unsigned type = ELF64_ST_TYPE(symbols[i].st_info);
        if (symbols[i].st_name == 0 || symbols[i].st_name >= table->names_size)
            continue;
        const struct hk_elf_symbol symbol = {.name = table->names + symbols[i].st_name,
                                             .defined = symbols[i].st_shndx != SHN_UNDEF,
                                             .exported = table->exported,
                                             .function = type == STT_FUNC || type == STT_GNU_IFUNC,
                                             .weak = ELF64_ST_BIND(symbols[i].st_info) == STB_WEAK,
                                             .local = ELF64_ST_BIND(symbols[i].st_info) == STB_LOCAL};
        if (!visit(arg, &symbol))
            return false;
    }
    return true;
}

static bool visit_table(const struct symbols *table,
                        bool (*visit)(void *arg, const struct hk_elf_symbol *symbol), void *arg)
{
    Elf64_Sym *some = hk_need(calloc(SYMBOLS_AT_ONCE, sizeof *some));
    uint64_t count = table->section->sh_size / sizeof *some, at = table->section->sh_offset;
    bool more = true;
    count = count < SYMBOLS_MOST ? count : SYMBOLS_MOST;
    while (more && count > 0 && at <= table->elf->size) {
        size_t n = count < SYMBOLS_AT_ONCE ? (size_t)count : SYMBOLS_AT_ONCE;
        if (!read_at(table->elf, at, some, n * sizeof *some))
            break;
        more = visit_some(table, some, n, visit, arg);
        at += n * sizeof *some;
        count -= n;
    }
    free(some);
    return more;
}

/* False: visit has seen enough. One table of each kind is all that a linker makes. */
static bool visit_tables(const struct hk_elf *elf, uint32_t type,
                         bool (*visit)(void *arg, const struct hk_elf_symbol *symbol), void *arg)
{
    for (unsigned i = 0; i < elf->section_count; i++) {
        const Elf64_Shdr *section = &elf->sections[i];
        if (section->sh_type != type || section->sh_entsize != sizeof(Elf64_Sym) ||
            section->sh_link >= elf->section_count)
            continue;
        const Elf64_Shdr *names = &elf->sections[section->sh_link];
        struct symbols table = {.elf = elf,
                                .section = section,
                                .names = read_strings(elf, names->sh_offset, names->sh_size),
                                .names_size = names->sh_size,
                                .exported = type == SHT_DYNSYM};
        bool more = !table.names || visit_table(&table, visit, arg);
        free(table.names);
        return more;
    }
    return true;
}

void hk_elf_each_symbol(const struct hk_elf *elf, bool dynamic_alone,
                        bool (*visit)(void *arg, const struct hk_elf_symbol *symbol), void *arg)
{
    if (visit_tables(elf, SHT_DYNSYM, visit, arg) && !dynamic_alone)
        visit_tables(elf, SHT_SYMTAB, visit, arg);
}
