/*
 * abi.c - prints the segment's ABI: sizes, offsets and numbers that other processes rely on.
 *
 * What it prints is compared with abi.golden. A difference means that libraries already running would
 * be misread: then HK_ABI_MAJOR changes, or the change is undone. Rows generated from the tables are
 * left out: readers find those through descriptors, and a new row is no break.
 *
 * Fields are listed by hand; whatever the list misses shows as a gap.
 */
#include <stdio.h>
#include <string.h>

#include "shm/layout.h"

static size_t reached; /* end of the last field printed */

static void print_field(const char *name, size_t at, size_t bytes)
{
    if (at != reached)
        printf("  %4zu  %4zu  (gap)\n", reached, at - reached);
    printf("  %4zu  %4zu  %s\n", at, bytes, name);
    reached = at + bytes;
}

#define STRUCT(type)                                                                                         \
    printf("\nstruct %s, align %zu\n", #type, _Alignof(struct type));                                        \
    reached = 0
#define FIELD(type, name)                                                                                    \
    print_field(#name, offsetof(struct type, name), sizeof(((const struct type *)NULL)->name))
/* The last field where its size follows from the tables. */
#define FIELD_OPEN(type, name)                                                                               \
    if (offsetof(struct type, name) != reached)                                                              \
        printf("  (gap)\n");                                                                                 \
    printf("  %4zu     *  %s\n", offsetof(struct type, name), #name)
#define END(type)                                                                                            \
    if (sizeof(struct type) != reached)                                                                      \
        printf("  %4zu  %4zu  (gap)\n", reached, sizeof(struct type) - reached);                             \
    printf("  %4zu        end\n", sizeof(struct type))
#define NUMBER(name) printf("%s = %#llx\n", #name, (unsigned long long)(name))

static void print_numbers(void)
{
    NUMBER(HK_ABI_MAJOR);
    NUMBER(HK_COUNTERS_MAGIC);
    NUMBER(HK_TUNING_MAGIC);
    NUMBER(HK_HELLO_MAGIC);
    NUMBER(HK_ENDIAN_MARK);
    NUMBER(HK_CELL_BYTES);
    NUMBER(HK_TUNING_DEAD_OFF);
    NUMBER(HK_TUNING_BYTES);
    NUMBER(HK_DIR_WORD(HK_CELL_SLOT, 0x155, 0xabcd, 0x12345678));
    puts("");
    NUMBER(HK_KIND_COUNTER);
    NUMBER(HK_KIND_GAUGE);
    NUMBER(HK_KIND_TUNABLE);
    NUMBER(HK_SCOPE_CLASS);
    NUMBER(HK_SCOPE_HEAP);
    NUMBER(HK_SCOPE_PROCESS);
    NUMBER(HK_SCOPE_TUNABLE);
    NUMBER(HK_SCOPE_TUNABLE_PER_CLASS);
    NUMBER(HK_UNIT_NONE);
    NUMBER(HK_UNIT_EVENTS);
    NUMBER(HK_UNIT_BLOCKS);
    NUMBER(HK_UNIT_BYTES);
    NUMBER(HK_UNIT_NANOSECONDS);
    NUMBER(HK_UNIT_ITEMS);
    NUMBER(HK_UNIT_NUMBER);
    NUMBER(HK_UNIT_PERCENT);
    NUMBER(HK_UNIT_MILLISECONDS);
    NUMBER(HK_TYPE_UINT);
    NUMBER(HK_TYPE_CHOICE);
    NUMBER(HK_EFFECT_SLOW_PATH);
    NUMBER(HK_EFFECT_PURGE);
    NUMBER(HK_EFFECT_OPEN);
    puts("");
    NUMBER(HK_CELL_FREE);
    NUMBER(HK_CELL_AREA);
    NUMBER(HK_CELL_SLOT);
    NUMBER(HK_SOURCE_DEFAULT);
    NUMBER(HK_SOURCE_FILE);
    NUMBER(HK_SOURCE_ENVIRONMENT);
    NUMBER(HK_SOURCE_PROGRAM);
    NUMBER(HK_SOURCE_POLICY);
    NUMBER(HK_SOURCE_AUTOTUNE);
    NUMBER(HK_SOURCE_OPERATOR);
    NUMBER(HK_VERDICT_NONE);
    NUMBER(HK_VERDICT_APPLIED);
    NUMBER(HK_VERDICT_CLAMPED);
    NUMBER(HK_VERDICT_UNKNOWN);
    NUMBER(HK_AREA_EXITED);
    NUMBER(HK_AREA_PRIVATE);
    NUMBER(HK_SLOT_UNUSED);
    NUMBER(HK_SLOT_LIVE);
    NUMBER(HK_SLOT_POOLED);
    NUMBER(HK_SLOT_SHARED);
    NUMBER(HK_TUNING_MAY_HELLO);
    NUMBER(HK_ENTRY_SET);
    NUMBER(HK_HELLO_REPEATED);
    NUMBER(HK_HELLO_CHILD);
}

static void print_header(void)
{
    STRUCT(hk_header);
    FIELD(hk_header, magic);
    FIELD(hk_header, endian);
    FIELD(hk_header, abi_major);
    FIELD(hk_header, abi_minor);
    FIELD(hk_header, header_bytes);
    FIELD(hk_header, page_bytes);
    FIELD(hk_header, pointer_bytes);
    FIELD(hk_header, clock_id);
    FIELD(hk_header, class_count);
    FIELD(hk_header, class_off);
    FIELD(hk_header, desc_count);
    FIELD(hk_header, desc_bytes);
    FIELD(hk_header, desc_off);
    FIELD(hk_header, cell_count);
    FIELD(hk_header, cell_bytes);
    FIELD(hk_header, dir_off);
    FIELD(hk_header, cells_off);
    FIELD(hk_header, row_off);
    FIELD(hk_header, row_bytes);
    FIELD(hk_header, applied_off);
    FIELD(hk_header, applied_bytes);
    FIELD(hk_header, value_count);
    FIELD(hk_header, max_classes);
    FIELD(hk_header, segment_bytes);
    FIELD(hk_header, created_ns);
    FIELD(hk_header, root_pid);
    FIELD(hk_header, reserved0);
    FIELD(hk_header, version);
    FIELD(hk_header, cells_used);
    FIELD(hk_header, reserved);
    END(hk_header);
}

static void print_desc(void)
{
    STRUCT(hk_desc);
    FIELD(hk_desc, name);
    FIELD(hk_desc, choices);
    FIELD(hk_desc, scope);
    FIELD(hk_desc, kind);
    FIELD(hk_desc, unit);
    FIELD(hk_desc, type);
    FIELD(hk_desc, effect);
    FIELD(hk_desc, reserved);
    FIELD(hk_desc, offset);
    FIELD(hk_desc, reserved2);
    FIELD(hk_desc, min);
    FIELD(hk_desc, max);
    FIELD(hk_desc, dflt);
    END(hk_desc);
}

static void print_cells(void)
{
    STRUCT(hk_applied);
    FIELD(hk_applied, value);
    FIELD(hk_applied, effective);
    FIELD(hk_applied, generation);
    FIELD(hk_applied, life_s);
    FIELD(hk_applied, source);
    FIELD(hk_applied, verdict);
    END(hk_applied);

    STRUCT(hk_area);
    FIELD(hk_area, stamp);
    FIELD(hk_area, pid);
    FIELD(hk_area, parent_pid);
    FIELD(hk_area, claimed_ns);
    FIELD(hk_area, flags);
    FIELD(hk_area, reserved0);
    FIELD(hk_area, trim_done);
    FIELD(hk_area, flush_done);
    FIELD(hk_area, trim_released_bytes);
    FIELD(hk_area, comm);
    FIELD(hk_area, label);
    FIELD_OPEN(hk_area, counters);

    STRUCT(hk_slot);
    FIELD(hk_slot, stamp);
    FIELD(hk_slot, area);
    FIELD(hk_slot, state);
    FIELD(hk_slot, heap_id);
    FIELD(hk_slot, tid);
    FIELD_OPEN(hk_slot, counters);
}

static void print_tuning(void)
{
    STRUCT(hk_tuning_entry);
    FIELD(hk_tuning_entry, value);
    FIELD(hk_tuning_entry, life_s);
    FIELD(hk_tuning_entry, source);
    FIELD(hk_tuning_entry, flags);
    END(hk_tuning_entry);

    STRUCT(hk_tuning_page);
    FIELD(hk_tuning_page, magic);
    FIELD(hk_tuning_page, abi_major);
    FIELD(hk_tuning_page, abi_minor);
    FIELD(hk_tuning_page, value_count);
    FIELD(hk_tuning_page, epoch);
    FIELD(hk_tuning_page, heartbeat);
    FIELD(hk_tuning_page, expiry_ms);
    FIELD(hk_tuning_page, flags);
    FIELD(hk_tuning_page, trim_command);
    FIELD(hk_tuning_page, flush_command);
    FIELD(hk_tuning_page, reserved);
    FIELD(hk_tuning_page, sequence);
    FIELD(hk_tuning_page, reserved1);
    FIELD(hk_tuning_page, generation);
    FIELD_OPEN(hk_tuning_page, entries);
}

static void print_hello(void)
{
    STRUCT(hk_hello);
    FIELD(hk_hello, magic);
    FIELD(hk_hello, abi_major);
    FIELD(hk_hello, abi_minor);
    FIELD(hk_hello, bytes);
    FIELD(hk_hello, pid);
    FIELD(hk_hello, root_pid);
    FIELD(hk_hello, flags);
    FIELD(hk_hello, reserved);
    FIELD(hk_hello, version);
    FIELD(hk_hello, comm);
    FIELD(hk_hello, label);
    FIELD(hk_hello, exe);
    END(hk_hello);
}

int main(void)
{
    print_numbers();
    print_header();
    print_desc();
    print_cells();
    print_tuning();
    print_hello();
    return 0;
}
