/*
 * describe.h - the library described to a debugger, as data: where its variables are, and how its records are
 * laid out.
 *
 * A debugger finds hakmem_description by name in the dynamic symbols, which no stripping takes away, in a
 * live process and in a core: so what reads it (packaging/gdb) needs no debug information and holds for
 * libraries of other versions. Names are kept: one that has changed its meaning gets another name, and one
 * that is gone is missing. The format counts up when this struct changes, or what a name stands for that a
 * reader cannot do without.
 *
 * Constant, but for one word that is written at start. Nothing in the library reads it.
 */
#ifndef HAKMEM_LIB_ENTRY_DESCRIBE_H
#define HAKMEM_LIB_ENTRY_DESCRIBE_H

#include "shm/layout.h"

#define HK_DESCRIPTION_MAGIC  "hakmem describes"
#define HK_DESCRIPTION_FORMAT 1

/* A constant, or an offset or a length in bytes: "heap.bins", "slab bytes". */
struct hk_described_number {
    char name[40];
    uint64_t value;
};

/* A variable or a table. */
struct hk_described_place {
    char name[24];
    const void *at;
};

struct hk_description {
    char magic[16] HK_NONSTRING;
    uint32_t format;
    uint32_t bytes; /* of this struct */
    uint32_t number_count, number_bytes;
    uint32_t place_count, place_bytes;
    char version[HK_VERSION_BYTES];
    const struct hk_described_number *numbers;
    const struct hk_described_place *places;
};

extern const struct hk_description hakmem_description;

/* Notes what is known only when the library has been loaded. Called once, at start. */
void hk_describe_begin(void);

#endif
