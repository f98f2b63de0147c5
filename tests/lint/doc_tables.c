/*
 * doc_tables.c - prints docs/counters.md, docs/tunables.md or docs/jemalloc.md from the tables.
 *
 * The pages are compared with what this prints, so a row without its line in the manual is an error.
 * Everything comes out of shm/schema.h; no counter or tunable is named here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shm/schema.h"
#include "shm/value.h"

static void print_counters(const char *title, const char *intro, const struct hk_counter_info *list,
                           unsigned n)
{
    printf("\n## %s\n%s\n\n| counter | kind | unit | meaning |\n| --- | --- | --- | --- |\n", title, intro);
    for (unsigned i = 0; i < n; i++)
        printf("| `%s` | %s | %s | %s |\n", list[i].name, hk_kind_name(list[i].kind),
               hk_unit_name(list[i].unit), list[i].help);
}

static int print_counter_page(void)
{
    puts("# Counters\n\n"
         "Everything hakmem publishes, under the names that the segment, JSON, `hakmemctl` and metrics use.\n"
         "A *counter* never runs backwards, and its name ends in `_total`; a *gauge* goes up and down.\n"
         "Made from [shm/counters.def](../shm/counters.def): change that file, not this page.");
    print_counters("Per size class", "Kept by each heap for each size class; readers sum them over heaps.",
                   hk_class_counters, HK_CLASS_COUNTERS);
    print_counters("Per heap", "Kept by each heap: one for each thread that allocates.", hk_heap_counters,
                   HK_HEAP_COUNTERS);
    print_counters("Per process", "Kept once for each process.", hk_process_counters, HK_PROCESS_COUNTERS);
    print_counters(
        "Derived",
        "Not stored: computed from the others by whoever reads. A difference that comes out negative,\n"
        "because heaps run on while they are read, is shown as 0.",
        hk_derived_counters, hk_derived_counter_count);
    return 0;
}

/* A bound or default, in the largest binary unit that it is a whole number of. */
static void print_number(uint64_t v, unsigned unit)
{
    static const char *const binary[] = {"", "KiB", "MiB", "GiB", "TiB"};
    unsigned i = 0;
    while (unit == HK_UNIT_BYTES && v >= 1024 && v % 1024 == 0 && i + 1 < HK_COUNT_OF(binary)) {
        v /= 1024;
        i++;
    }
    printf("%" PRIu64 "%s%s", v, i ? " " : "", binary[i]);
}

static const char *effect_words(unsigned effect)
{
    switch (effect) {
    case HK_EFFECT_SLOW_PATH:
        return "at each heap's next slow path";
    case HK_EFFECT_PURGE:
        return "at the next purge";
    case HK_EFFECT_OPEN:
        return "for memory opened from then on";
    default:
        return "?";
    }
}

static void print_range(const struct hk_tunable_info *t)
{
    if (t->type == HK_TYPE_CHOICE) {
        for (const char *c = t->choices; *c; c++) {
            if (*c == ',')
                fputs(", ", stdout);
            else
                putchar(*c);
        }
        return;
    }
    print_number(t->min, t->unit);
    fputs(" .. ", stdout);
    print_number(t->max, t->unit);
}

static void print_tunable(const struct hk_tunable_info *t, bool per_class)
{
    char word[HK_CHOICES_BYTES];
    printf("| `%s%s` | ", t->name, per_class ? ".SIZE" : "");
    print_range(t);
    printf(" | %s | ", t->type == HK_TYPE_CHOICE ? "" : hk_unit_name(t->unit));
    if (per_class)
        fputs("unset", stdout);
    else if (t->type == HK_TYPE_CHOICE)
        fputs(hk_value_choice(t, t->dflt, word, sizeof word), stdout);
    else
        print_number(t->dflt, t->unit);
    printf(" | %s | %s |\n", effect_words(t->effect), t->help);
}

static int print_tunable_page(void)
{
    puts(
        "# Tunables\n\n"
        "What can be changed while a process runs: by `hakmemctl tune`, by policies, by the autotuner; and at\n"
        "its start by `HAKMEM_TUNE` and `/etc/hakmem/tune`. The bounds are compiled into the library: a value\n"
        "within them may cost speed or memory, never safety. Sizes are written with `k`, `m`, `g`, `t` (powers\n"
        "of 1024, `iB` may follow), times with `ms`, `s`, `min`.\n"
        "Made from [shm/tunables.def](../shm/tunables.def): change that file, not this page.\n\n"
        "| tunable | range | unit | default | takes effect | meaning |\n"
        "| --- | --- | --- | --- | --- | --- |");
    for (unsigned i = 0; i < HK_TUNABLES; i++)
        print_tunable(&hk_tunables[i], false);
    for (unsigned i = 0; i < HK_CLASS_TUNABLES; i++)
        print_tunable(&hk_class_tunables[i], true);
    puts("\n`SIZE` is a size class in bytes, as `hakmemctl stats --classes` lists them.");
    return 0;
}

/* ---- jemalloc's names ---- */

static void print_name(const char *name, const char *type, const char *access, const char *help)
{
    char words[64];
    size_t at = 0;
    for (const char *from = type; *from != '\0' && at + 1 < sizeof words; from++)
        words[at++] = (char)(*from >= 'A' && *from <= 'Z' ? *from + 32 : *from);
    words[at] = '\0';
    printf("| `%s` | %s | %s | %s |\n", name, words, access, help);
}

/* As jemalloc's manual writes it: what cannot be done is a dash. */
static const char *access_words(const char *access)
{
    if (strncmp(access, "RW", 2) == 0)
        return "rw";
    return access[0] == 'R' ? "r-" : access[0] == 'W' ? "-w" : "--";
}

static int print_jemalloc_page(void)
{
    puts(
        "# jemalloc's interface\n\n"
        "Programs that are built for jemalloc call it by its own names. `libhakmem.so` and `libhakmem.a` have them, as\n"
        "jemalloc(3) of release 5.3.0 describes them: such a program needs nothing but the preload, and its own figures\n"
        "(`INFO memory` of redis and valkey) are this allocator's. Why, and what it costs, is in\n"
        "[decisions/0012](decisions/0012-jemalloc-api.md).\n\n"
        "## Blocks\n\n"
        "`mallocx`, `rallocx`, `xallocx`, `sallocx`, `dallocx`, `sdallocx` and `nallocx`, with all of their flags.\n\n"
        "- They lead to the same blocks as `malloc` and `free`, which they may be mixed with. Under `HAKMEM_HARDEN` they\n"
        "  are checked, and the real size of a block is the size that was asked for.\n"
        "- `MALLOCX_ARENA` and `MALLOCX_TCACHE` are accepted and change nothing: there is one arena, and a thread's cache\n"
        "  is its own.\n"
        "- A size of 0, which the manual leaves undefined, stands for 1. Without memory `errno` is ENOMEM.\n"
        "- `xallocx` grows huge blocks where the addresses behind are free, others as far as their slab goes.\n\n"
        "`malloc_message` is where `malloc_stats_print` writes for want of a function; messages about misuse go to\n"
        "standard error as ever. `malloc_conf` and `MALLOC_CONF` are not read: `HAKMEM_TUNE` is.\n\n"
        "## Names\n\n"
        "What `mallctl`, `mallctlnametomib` and `mallctlbymib` answer, and what `malloc_stats_print` tells, as text or as\n"
        "JSON (`J`). `#` is an integer: an arena, a size class. All figures are those of the last `epoch`. Names of\n"
        "jemalloc(3) that are not here are not known, ENOENT: those of profiles, of mutexes, of extents and their hooks, and\n"
        "`thread.allocated` and its kin, for which `malloc` would have to count. All memory is arena 0's; 4096 and the\n"
        "number that `arenas.narenas` gives stand for all arenas.\n"
        "Made from [lib/jemalloc/mallctl.def](../lib/jemalloc/mallctl.def): change that file, not this page.\n\n"
        "| name | type | | meaning here |\n| --- | --- | --- | --- |");
#define HK_CTL(name, type, access, value, set, help) print_name(name, #type, access_words(#access), help);
#include "lib/jemalloc/mallctl.def"
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "counters") == 0)
        return print_counter_page();
    if (argc == 2 && strcmp(argv[1], "tunables") == 0)
        return print_tunable_page();
    if (argc == 2 && strcmp(argv[1], "jemalloc") == 0)
        return print_jemalloc_page();
    fputs("usage: doc_tables counters|tunables|jemalloc\n", stderr);
    return 2;
}
