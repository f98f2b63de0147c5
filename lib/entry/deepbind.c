/*
 * deepbind.c - objects that look names up in the C library before they look in this one.
 *
 * An object that dlopen() loads with RTLD_DEEPBIND gets `free` from the C library, and so does a program that
 * asks the C library's own handle for it. The blocks come from here: strdup() and its like call the preloaded
 * malloc. So before the first such load, the C library's symbols of the names that this library exports are
 * made to lead here. That is done in the linker's table of symbols: whoever finds a name there finds ours,
 * and every other name is found as before (docs/decisions/0019-deepbind-symbols.md).
 *
 * Only libhakmem.so has this file. A process that makes no such load pays nothing: no page is written to.
 */
#include <dlfcn.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/entry/init.h"
#include "lib/foreign/elf_symbols.h"
#include "lib/os/os.h"

/* dlopen and dlmopen are exported by the library, and lead on to those of the next object that has them. */
enum entry { DLOPEN, DLMOPEN, ENTRIES };
static const char *const entry_names[ENTRIES] = {"dlopen", "dlmopen"};

static _Atomic(uintptr_t) next_entry[ENTRIES];
static _Atomic(bool) is_rerouted;

/* ---- the objects of this name space, in the order of their loading ---- */

struct objects {
    struct hk_elf_symbols own, libc;
    bool own_found, libc_found;
    bool libc_first;            /* the C library comes before this one: programs use its malloc */
    uintptr_t entries[ENTRIES]; /* the next definition behind ours, else the first; 0: none */
    bool entry_is_next[ENTRIES];
};

/* _DYNAMIC is this library's own dynamic section. */
static bool is_own(const struct dl_phdr_info *info)
{
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            return info->dlpi_addr + info->dlpi_phdr[i].p_vaddr == (uintptr_t)_DYNAMIC;
    }
    return false;
}

static void note_entries(struct objects *o, const struct hk_elf_symbols *elf)
{
    for (unsigned e = 0; e < ENTRIES; e++) {
        uint32_t i = hk_elf_symbols_find(elf, entry_names[e], 0);
        if (i == 0 || o->entry_is_next[e] || (o->entries[e] != 0 && !o->own_found))
            continue;
        o->entries[e] = elf->base + elf->table[i].st_value;
        o->entry_is_next[e] = o->own_found;
    }
}

static int note_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    struct objects *o = arg;
    struct hk_elf_symbols elf;
    if (!hk_elf_symbols_open(&elf, info))
        return 0;
    if (is_own(info)) {
        o->own = elf;
        o->own_found = true;
        return 0;
    }
    note_entries(o, &elf);
    if (!o->libc_found && strcmp(elf.soname, "libc.so.6") == 0) {
        o->libc = elf;
        o->libc_found = true;
        o->libc_first = !o->own_found;
    }
    return 0;
}

/* ---- the C library's symbols ---- */

struct span {
    uintptr_t from, to; /* addresses; from == to: nothing */
};

static void widen(struct span *span, const ElfW(Sym) * symbol)
{
    uintptr_t from = (uintptr_t)symbol, to = from + sizeof *symbol;
    if (span->from == span->to)
        *span = (struct span){from, to};
    span->from = from < span->from ? from : span->from;
    span->to = to > span->to ? to : span->to;
}

/* Another thread may be reading it: the address changes in one store. */
static void lead_to(ElfW(Sym) * symbol, uintptr_t base, uintptr_t target)
{
    __atomic_store_n(&symbol->st_value, target - base, __ATOMIC_RELEASE);
}

/* Visits each symbol of the C library that has the name of one of ours, in all its versions: takes it into
 * span, or makes it lead to ours. A symbol that is not a plain function stays what it is. */
static void visit_shared_names(const struct objects *o, struct span *span, bool reroute)
{
    uint32_t bucket = 0, mine = 0;
    while ((mine = hk_elf_symbols_next(&o->own, mine, &bucket)) != 0) {
        const ElfW(Sym) *own = &o->own.table[mine];
        const char *name = o->own.names + own->st_name;
        if (strcmp(name, entry_names[DLOPEN]) == 0 || strcmp(name, entry_names[DLMOPEN]) == 0)
            continue;
        uint32_t i = 0;
        while ((i = hk_elf_symbols_find(&o->libc, name, i)) != 0) {
            ElfW(Sym) *theirs = &o->libc.table[i];
            if (ELF64_ST_TYPE(theirs->st_info) != STT_FUNC)
                continue;
            widen(span, theirs);
            if (reroute)
                lead_to(theirs, o->libc.base, o->own.base + own->st_value);
        }
    }
}

static int protection_of(unsigned segment_flags)
{
    return ((segment_flags & PF_R) != 0 ? PROT_READ : 0) | ((segment_flags & PF_W) != 0 ? PROT_WRITE : 0) |
           ((segment_flags & PF_X) != 0 ? PROT_EXEC : 0);
}

/* Pages that another thread may be executing must not lose that right, not even for a moment. */
static bool may_hold_code(const struct hk_elf_symbols *elf, uintptr_t to)
{
    return (elf->segment_flags & PF_X) != 0 && to > elf->plt_relocs;
}

/* A step for hk_init_once(). Where the system refuses, the load goes on as if this library were not here. */
static bool reroute_libc(void)
{
    struct objects o = {0};
    struct span span = {0, 0};
    (void)dl_iterate_phdr(note_object, &o);
    if (!o.own_found || !o.libc_found || o.libc_first)
        return true;
    hk_os_init();
    visit_shared_names(&o, &span, false);
    uintptr_t from = span.from & ~(uintptr_t)(hk_page_bytes - 1);
    uintptr_t to = (span.to + hk_page_bytes - 1) & ~(uintptr_t)(hk_page_bytes - 1);
    if (from == to || may_hold_code(&o.libc, to))
        return true;
    if (hk_os_set_protection(from, to - from, PROT_READ | PROT_WRITE) != 0)
        return false;
    visit_shared_names(&o, &span, true);
    /* A filter may refuse to make anything executable again. There is no code here. */
    if (hk_os_set_protection(from, to - from, protection_of(o.libc.segment_flags)) != 0)
        (void)hk_os_set_protection(from, to - from, PROT_READ);
    return true;
}

/* ---- dlopen and dlmopen ---- */

/* Whether the C library itself is asked for, as foreign function interfaces do: dlopen("libc.so.6"). */
static bool names_libc(const char *file)
{
    static const char libc[] = "libc.so.6";
    if (file == NULL)
        return false;
    const char *slash = strrchr(file, '/');
    return strcmp(slash != NULL ? slash + 1 : file, libc) == 0;
}

static uintptr_t find_next(enum entry entry)
{
    struct objects o = {0};
    (void)dl_iterate_phdr(note_object, &o);
    atomic_store_explicit(&next_entry[entry], o.entries[entry], memory_order_relaxed);
    return o.entries[entry];
}

static const void *no_dlopen(void)
{
    return NULL;
}

/*
 * What an entry below does before it jumps on.
 *
 * @param file   dlopen's
 * @param mode   dlopen's
 * @param entry  whose definition is asked for
 * @return       the address of the next definition, which the entry jumps to; never 0
 */
uintptr_t hk_deepbind_prepare(const char *file, int mode, enum entry entry) __attribute__((used));
uintptr_t hk_deepbind_prepare(const char *file, int mode, enum entry entry)
{
    if ((mode & RTLD_DEEPBIND) != 0 || names_libc(file))
        hk_init_once(&is_rerouted, reroute_libc);
    uintptr_t next = atomic_load_explicit(&next_entry[entry], memory_order_relaxed);
    if (next == 0)
        next = find_next(entry);
    return next != 0 ? next : (uintptr_t)no_dlopen;
}

/*
 * The entries jump and do not call: the C library's dlopen finds out by its return address who calls, and
 * takes that caller's RUNPATH, $ORIGIN and name space.
 */
#if defined(__x86_64__)
#define ENTRY(name, file, mode, number)                                                                      \
    __asm__(".pushsection .text." name ",\"ax\",@progbits\n"                                                 \
            ".globl " name "\n"                                                                              \
            ".type " name ", @function\n"                                                                    \
            ".p2align 4\n" name ":\n"                                                                        \
            ".cfi_startproc\n"                                                                               \
            "endbr64\n"                                                                                      \
            "push %rdi\n.cfi_adjust_cfa_offset 8\n"                                                          \
            "push %rsi\n.cfi_adjust_cfa_offset 8\n"                                                          \
            "push %rdx\n.cfi_adjust_cfa_offset 8\n"                                                          \
            "mov " file ", %rdi\n"                                                                           \
            "mov " mode ", %esi\n"                                                                           \
            "mov $" number ", %edx\n"                                                                        \
            "call hk_deepbind_prepare\n"                                                                     \
            "pop %rdx\n.cfi_adjust_cfa_offset -8\n"                                                          \
            "pop %rsi\n.cfi_adjust_cfa_offset -8\n"                                                          \
            "pop %rdi\n.cfi_adjust_cfa_offset -8\n"                                                          \
            "jmp *%rax\n"                                                                                    \
            ".cfi_endproc\n"                                                                                 \
            ".size " name ", . - " name "\n"                                                                 \
            ".popsection")
ENTRY("dlopen", "%rdi", "%esi", "0");
ENTRY("dlmopen", "%rsi", "%edx", "1");
#else /* aarch64; lib/os/syscall.h has refused all others */
#define ENTRY(name, move_arguments, number)                                                                  \
    __asm__(".pushsection .text." name ",\"ax\",%progbits\n"                                                 \
            ".globl " name "\n"                                                                              \
            ".type " name ", %function\n"                                                                    \
            ".p2align 4\n" name ":\n"                                                                        \
            ".cfi_startproc\n"                                                                               \
            "hint #34\n" /* bti c */                                                                         \
            "stp x29, x30, [sp, #-48]!\n"                                                                    \
            ".cfi_def_cfa_offset 48\n.cfi_offset 29, -48\n.cfi_offset 30, -40\n"                             \
            "mov x29, sp\n"                                                                                  \
            "stp x0, x1, [sp, #16]\n"                                                                        \
            "str x2, [sp, #32]\n" move_arguments "mov w2, #" number "\n"                                     \
            "bl hk_deepbind_prepare\n"                                                                       \
            "mov x16, x0\n"                                                                                  \
            "ldp x0, x1, [sp, #16]\n"                                                                        \
            "ldr x2, [sp, #32]\n"                                                                            \
            "ldp x29, x30, [sp], #48\n"                                                                      \
            ".cfi_restore 30\n.cfi_restore 29\n.cfi_def_cfa_offset 0\n"                                      \
            "br x16\n"                                                                                       \
            ".cfi_endproc\n"                                                                                 \
            ".size " name ", . - " name "\n"                                                                 \
            ".popsection")
ENTRY("dlopen", "", "0");
ENTRY("dlmopen", "mov x0, x1\nmov w1, w2\n", "1");
#endif
