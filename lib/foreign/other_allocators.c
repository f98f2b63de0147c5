/*
 * other_allocators.c - see other_allocators.h.
 *
 * The linker's list of objects begins with those that the program was started with, which are never unloaded:
 * as far as them it can be read without a lock, and in a forked child. What comes behind may go while it is
 * looked at, and is read under the linker's lock (docs/decisions/0013-other-allocators.md).
 */
#include "lib/foreign/other_allocators.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>

#include "lib/base/start_data.h"
#include "lib/foreign/elf_symbols.h"
#include "lib/os/os.h"
#include "lib/tuning/control.h"

/* Said by the C library from 2.32 on; a program that is linked statically has no dynamic section. */
extern char __libc_single_threaded __attribute__((weak));
#pragma weak _DYNAMIC

/* Set once, by hk_others_init(). */
static _Atomic(size_t) lasting_objects HK_EARLY;

enum { UNKNOWN, BEING_FOUND, KNOWN };
static _Atomic(int) lasting_state;
static struct hk_others lasting;                      /* KNOWN: constant */
static _Atomic(const struct link_map *) last_lasting; /* KNOWN: the object, NULL where none is lasting */

/* A fork may have cut the linker. */
static _Atomic(bool) is_cut_off;

/* ---- one object ---- */

static uintptr_t function(const struct hk_elf_symbols *elf, const char *name)
{
    uint32_t i = hk_elf_symbols_find(elf, name, 0);
    const ElfW(Sym) *symbol = &elf->table[i];
    bool is_defined = i != 0 && symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0 &&
                      ELF64_ST_TYPE(symbol->st_info) == STT_FUNC;
    return is_defined ? elf->base + symbol->st_value : 0;
}

static bool is_libc(const struct hk_elf_symbols *elf)
{
    return strcmp(elf->soname, "libc.so.6") == 0;
}

/* The linker has a small malloc of its own up to 2.31. The library for malloc's debugging hands on to the C
 * library what it does not know. */
static bool belongs_to_libc(const struct hk_elf_symbols *elf)
{
    return is_libc(elf) || strncmp(elf->soname, "ld-", 3) == 0 || strncmp(elf->soname, "ld64.", 5) == 0 ||
           strcmp(elf->soname, "libc_malloc_debug.so.0") == 0;
}

static void add(struct hk_others *others, const struct hk_elf_symbols *elf)
{
    uintptr_t give_back = belongs_to_libc(elf) ? 0 : function(elf, "free");
    if (give_back == 0 || others->count == HK_OTHERS_MOST)
        return;
    struct hk_other *other = &others->at[others->count++];
    other->give_back = (void (*)(void *))give_back;
    other->resize = (void *(*)(void *, size_t))function(elf, "realloc");
    other->measure = (size_t(*)(void *))function(elf, "malloc_usable_size");
    other->mallctl = (int (*)(const char *, void *, size_t *, void *, size_t))function(elf, "mallctl");
    other->ownership = (int (*)(const void *))function(elf, "MallocExtension_GetOwnership");
    other->in_heap_region = (bool (*)(const void *))function(elf, "mi_is_in_heap_region");
}

/* ---- the linker's list ---- */

static const ElfW(Dyn) * program_dynamic(void)
{
    const ElfW(Phdr) *phdr = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    size_t count = getauxval(AT_PHNUM);
    uintptr_t base = 0, dynamic = 0;
    for (size_t i = 0; phdr != NULL && i < count; i++) {
        if (phdr[i].p_type == PT_PHDR)
            base = (uintptr_t)phdr - phdr[i].p_vaddr;
        else if (phdr[i].p_type == PT_DYNAMIC)
            dynamic = phdr[i].p_vaddr;
    }
    return dynamic != 0 ? (const ElfW(Dyn) *)(base + dynamic) : NULL;
}

/* What the linker keeps for debuggers. NULL: the program has no linker. The symbol _r_debug would not do: a
 * program that refers to it has a copy of its own. */
static const struct r_debug *linker_record(void)
{
    const ElfW(Dyn) *entry = program_dynamic();
    for (; entry != NULL && entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_DEBUG)
            return (const struct r_debug *)entry->d_un.d_ptr;
    }
    return NULL;
}

static const struct link_map *first_object(void)
{
    const struct r_debug *record = linker_record();
    return record != NULL ? record->r_map : NULL;
}

void hk_others_init(void)
{
    size_t count = 0;
    for (const struct link_map *object = first_object(); object != NULL; object = object->l_next)
        count++;
    atomic_store_explicit(&lasting_objects, count, memory_order_release);
}

/* ---- those that last ---- */

/* Behind those that come before us in the list come those that we stand in front of. */
static void rotate(struct hk_others *to, const struct hk_others *from, unsigned first)
{
    to->count = from->count;
    for (unsigned i = 0; i < from->count; i++)
        to->at[i] = from->at[(first + i) % from->count];
}

/* Finds them; returns the last lasting object. Where the C library comes first, this library may have been
 * loaded late, together with others that can go: none counts as lasting. */
static const struct link_map *find_lasting(struct hk_others *out)
{
    size_t count = atomic_load_explicit(&lasting_objects, memory_order_acquire);
    struct hk_others found = {.count = 0};
    unsigned first = 0;
    bool own_found = false;
    const struct link_map *last = NULL, *object = first_object();
    *out = found;
    for (size_t i = 0; i < count && object != NULL; i++, object = object->l_next) {
        struct hk_elf_symbols elf;
        last = object;
        if (object->l_ld == _DYNAMIC) {
            own_found = true;
            first = found.count;
        } else if (hk_elf_symbols_open_map(&elf, object)) {
            if (is_libc(&elf) && !own_found)
                return NULL;
            add(&found, &elf);
        }
    }
    if (!own_found)
        return NULL;
    rotate(out, &found, first);
    return last;
}

const struct hk_others *hk_others_lasting(struct hk_others *room)
{
    int unknown = UNKNOWN;
    if (atomic_load_explicit(&lasting_state, memory_order_acquire) == KNOWN)
        return &lasting;
    const struct link_map *last = find_lasting(room);
    /* Nobody waits for who is first to write it down. */
    if (atomic_load_explicit(&lasting_objects, memory_order_acquire) != 0 &&
        atomic_compare_exchange_strong(&lasting_state, &unknown, BEING_FOUND)) {
        lasting = *room;
        atomic_store_explicit(&last_lasting, last, memory_order_relaxed);
        atomic_store_explicit(&lasting_state, KNOWN, memory_order_release);
    }
    return room;
}

/* The last of them, where that is known. */
static const struct link_map *known_last(void)
{
    return atomic_load_explicit(&lasting_state, memory_order_acquire) == KNOWN
               ? atomic_load_explicit(&last_lasting, memory_order_relaxed)
               : NULL;
}

/* ---- those that were loaded since ---- */

struct visit {
    struct hk_others *out;
    size_t to_skip; /* objects */
};

static bool is_own(const struct dl_phdr_info *info)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            return info->dlpi_addr + info->dlpi_phdr[i].p_vaddr == (uintptr_t)_DYNAMIC;
    }
    return false;
}

static int visit_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    struct visit *visit = arg;
    struct hk_elf_symbols elf;
    if (visit->to_skip != 0)
        visit->to_skip--;
    else if (!is_own(info) && hk_elf_symbols_open(&elf, info))
        add(visit->out, &elf);
    return 0;
}

/* In a child that was cut off. Alone, and with a list that is whole, it needs no lock. */
static bool find_without_lock(struct hk_others *out, const struct link_map *object)
{
    const struct r_debug *record = linker_record();
    if (record == NULL || record->r_state != RT_CONSISTENT || !hk_os_is_alone())
        return false;
    for (object = object != NULL ? object->l_next : record->r_map; object != NULL; object = object->l_next) {
        struct hk_elf_symbols elf;
        if (object->l_ld != _DYNAMIC && hk_elf_symbols_open_map(&elf, object))
            add(out, &elf);
    }
    return true;
}

bool hk_others_loaded(struct hk_others *out)
{
    const struct link_map *last = known_last();
    out->count = 0;
    if (last != NULL && __atomic_load_n(&last->l_next, __ATOMIC_RELAXED) == NULL)
        return true;
    hk_control_notice_fork();
    if (atomic_load_explicit(&is_cut_off, memory_order_relaxed))
        return find_without_lock(out, last);
    struct visit visit = {out, last != NULL ? atomic_load(&lasting_objects) : 0};
    (void)dl_iterate_phdr(visit_object, &visit);
    return true;
}

void hk_others_after_fork(void)
{
    bool was_alone = &__libc_single_threaded != NULL && __libc_single_threaded;
    if (!was_alone)
        atomic_store_explicit(&is_cut_off, true, memory_order_relaxed);
    if (atomic_load(&lasting_state) == BEING_FOUND)
        atomic_store(&lasting_state, UNKNOWN);
}

/* ---- asking ---- */

/* Up to 5.3.0 jemalloc's arenas.lookup reads memory that is not there, for pointers that are not its own. */
static bool knows_strangers(const struct hk_other *other)
{
    static const unsigned needed[] = {5, 3, 1};
    const char *version = NULL;
    size_t bytes = sizeof version;
    if (other->mallctl("version", (void *)&version, &bytes, NULL, 0) != 0 || version == NULL)
        return false;
    for (unsigned i = 0; i < HK_COUNT_OF(needed); i++) {
        unsigned number = 0;
        for (; *version >= '0' && *version <= '9'; version++)
            number = number * 10 + (unsigned)(*version - '0');
        if (number != needed[i] || *version != '.')
            return number > needed[i] || (number == needed[i] && i + 1 == HK_COUNT_OF(needed));
        version++;
    }
    return true;
}

static bool can_be_asked(const struct hk_other *other)
{
    if (other->mallctl != NULL)
        return knows_strangers(other);
    return other->ownership != NULL || other->in_heap_region != NULL;
}

static bool says_yes(const struct hk_other *other, const void *p)
{
    enum { OWNED = 1 };
    unsigned arena = 0;
    size_t bytes = sizeof arena;
    if (other->mallctl != NULL)
        return other->mallctl("arenas.lookup", &arena, &bytes, &p, sizeof p) == 0;
    return other->ownership != NULL ? other->ownership(p) == OWNED : other->in_heap_region(p);
}

/* mimalloc 2.0 believes all addresses above 20 TiB to be its own once it has memory there. */
enum hk_answer hk_other_owns(const struct hk_other *other, const void *p)
{
    static const char nobodys = 0;
    if (!can_be_asked(other))
        return HK_ANSWER_NONE;
    if (!says_yes(other, p))
        return HK_ANSWER_NO;
    return says_yes(other, &nobodys) ? HK_ANSWER_NONE : HK_ANSWER_YES;
}
