/*
 * doc_tables.c - prints docs/counters.md or docs/tunables.md from the tables.
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

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "counters") == 0)
        return print_counter_page();
    if (argc == 2 && strcmp(argv[1], "tunables") == 0)
        return print_tunable_page();
    fputs("usage: doc_tables counters|tunables\n", stderr);
    return 2;
}
