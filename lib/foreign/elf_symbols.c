/*
 * elf_symbols.c - see elf_symbols.h.
 *
 * The table of GNU hashes: four words (buckets, first exported symbol, words of the filter, its shift), the
 * filter, the buckets, and one word for each exported symbol. Symbols of one bucket follow one another.
 */
#include "lib/foreign/elf_symbols.h"

#include <string.h>

#include "shm/base.h"

/* The linker relocates these addresses in place, except in objects that it did not map itself. */
static uintptr_t address(uintptr_t base, const ElfW(Dyn) * entry)
{
    return entry->d_un.d_ptr >= base ? entry->d_un.d_ptr : base + entry->d_un.d_ptr;
}

static const ElfW(Dyn) * dynamic_section(const struct dl_phdr_info *info)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            return (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
    }
    return NULL;
}

static unsigned flags_at(const struct dl_phdr_info *info, uintptr_t at)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && at - info->dlpi_addr - segment->p_vaddr < segment->p_memsz)
            return segment->p_flags;
    }
    return 0;
}

static void read_hash_table(struct hk_elf_symbols *elf, const uint32_t *table)
{
    elf->buckets = table[0];
    elf->first = table[1];
    elf->bucket = table + 4 + (size_t)table[2] * sizeof(ElfW(Addr)) / sizeof *table;
    elf->chain = elf->bucket + elf->buckets;
}

static bool read_dynamic_section(struct hk_elf_symbols *out, uintptr_t base, const ElfW(Dyn) * entry)
{
    uintptr_t hashes = 0, soname = 0;
    *out = (struct hk_elf_symbols){.base = base, .soname = ""};
    for (; entry != NULL && entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_SYMTAB)
            out->table = (ElfW(Sym) *)address(out->base, entry);
        else if (entry->d_tag == DT_STRTAB)
            out->names = (const char *)address(out->base, entry);
        else if (entry->d_tag == DT_GNU_HASH)
            hashes = address(out->base, entry);
        else if (entry->d_tag == DT_JMPREL)
            out->plt_relocs = address(out->base, entry);
        else if (entry->d_tag == DT_SONAME)
            soname = entry->d_un.d_val;
    }
    if (out->table == NULL || out->names == NULL || hashes == 0)
        return false;
    if (soname != 0)
        out->soname = out->names + soname;
    read_hash_table(out, (const uint32_t *)hashes);
    return out->buckets != 0;
}

bool hk_elf_symbols_open(struct hk_elf_symbols *out, const struct dl_phdr_info *info)
{
    bool ok = read_dynamic_section(out, info->dlpi_addr, dynamic_section(info));
    if (ok)
        out->segment_flags = flags_at(info, (uintptr_t)out->table);
    return ok;
}

bool hk_elf_symbols_open_map(struct hk_elf_symbols *out, const struct link_map *map)
{
    return read_dynamic_section(out, map->l_addr, map->l_ld);
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

/* The symbol behind this one in its bucket; 0 if it is the last. */
static uint32_t next_in_bucket(const struct hk_elf_symbols *elf, uint32_t index)
{
    return (elf->chain[index - elf->first] & 1) != 0 ? 0 : index + 1;
}

uint32_t hk_elf_symbols_find(const struct hk_elf_symbols *elf, const char *name, uint32_t after)
{
    uint32_t hash = hash_of(name);
    uint32_t i = after == 0 ? elf->bucket[hash % elf->buckets] : next_in_bucket(elf, after);
    for (; i != 0; i = next_in_bucket(elf, i)) {
        bool may_be = ((elf->chain[i - elf->first] ^ hash) & ~(uint32_t)1) == 0;
        if (may_be && strcmp(elf->names + elf->table[i].st_name, name) == 0)
            return i;
    }
    return 0;
}

uint32_t hk_elf_symbols_next(const struct hk_elf_symbols *elf, uint32_t after, uint32_t *hash_bucket)
{
    uint32_t next = after == 0 ? 0 : next_in_bucket(elf, after);
    while (next == 0 && *hash_bucket < elf->buckets)
        next = elf->bucket[(*hash_bucket)++];
    return next;
}
