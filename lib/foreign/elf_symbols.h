/*
 * elf_symbols.h - the exported symbols of an object that the dynamic linker has loaded, by name.
 *
 * Reads the tables that the linker itself uses, in memory: no file, no allocation, no lock. Knows nothing of
 * malloc. Objects are described by dl_iterate_phdr().
 */
#ifndef HAKMEM_LIB_FOREIGN_ELF_SYMBOLS_H
#define HAKMEM_LIB_FOREIGN_ELF_SYMBOLS_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* Where an object's tables lie. Valid as long as the object stays loaded. */
struct hk_elf_symbols {
    uintptr_t base;         /* what is added to the addresses in the file */
    ElfW(Sym) * table;      /* in read-only memory */
    const char *names;      /* the string table */
    const char *soname;     /* the object's own name for itself; "" where it has none */
    const uint32_t *bucket; /* hash modulo buckets -> the first symbol with such a hash; 0: none */
    const uint32_t *chain;  /* for each symbol from `first` on: its hash; the lowest bit marks the last */
    uint32_t buckets;       /* number of buckets, not 0 */
    uint32_t first;         /* the first exported symbol */
    unsigned segment_flags; /* PF_R, PF_W, PF_X of the segment that holds `table` */
    uintptr_t plt_relocs;   /* address of the PLT's relocations, behind which code begins; 0: has none */
};

/*
 * Finds the tables of an object.
 *
 * @param out   filled in on success, else undefined
 * @param info  the object, as dl_iterate_phdr() describes it
 * @return      false: it exports nothing, or has no table of GNU hashes
 * Any thread; the object must not be unloaded meanwhile.
 */
bool hk_elf_symbols_open(struct hk_elf_symbols *out, const struct dl_phdr_info *info);

/* The same for an object of the linker's list; segment_flags is left 0. */
bool hk_elf_symbols_open_map(struct hk_elf_symbols *out, const struct link_map *map);

/*
 * Finds the exported symbols of a name: there may be several, of different versions.
 *
 * @param elf    an object that hk_elf_symbols_open() found
 * @param name   the symbol's name, without a version
 * @param after  0 for the first one; then the index that the last call returned
 * @return       an index into elf->table; 0: no further one
 * Any thread; the object must not be unloaded meanwhile.
 */
uint32_t hk_elf_symbols_find(const struct hk_elf_symbols *elf, const char *name, uint32_t after);

/*
 * Enumerates all exported symbols, in the table's order.
 *
 * @param elf    an object that hk_elf_symbols_open() found
 * @param after  0 for the first one; then the index that the last call returned
 * @param hash_bucket  the caller's cursor: 0 before the first call, changed by each
 * @return       an index into elf->table; 0: no further one
 * Any thread; the object must not be unloaded meanwhile.
 */
uint32_t hk_elf_symbols_next(const struct hk_elf_symbols *elf, uint32_t after, uint32_t *hash_bucket);

#endif
