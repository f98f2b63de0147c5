/*
 * table.c - a hash table of small blocks that is far larger than the caches: what an allocator's pages, and
 * the system's huge ones, do to programs that reach all over their memory.
 *
 * usage: table LOOKUPS ENTRIES
 *
 * ENTRIES blocks of 48..176 bytes are put into a table by hash. A tenth of them is then dropped and made
 * anew, ten times, as a cache does that evicts, so that neighbours in a chain are none in memory. Then
 * LOOKUPS keys are looked for, each after the one before; half of them are there. What is counted is
 * look-ups; RSS is read with the table still full. Every page of it has been written, so there is no floor.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/harness.h"

#define ENTRIES_MAX (1u << 26)
#define TURNS       10u

struct entry {
    struct entry *next;
    uint64_t key;
    uint64_t value;
};

struct table {
    struct entry **heads;
    uint64_t mask;
};

static uint64_t hash(uint64_t key)
{
    key *= UINT64_C(0x9e3779b97f4a7c15);
    return key ^ key >> 29;
}

static struct entry **head_of(const struct table *table, uint64_t key)
{
    return &table->heads[hash(key) & table->mask];
}

static void put(const struct table *table, uint64_t key, uint64_t random)
{
    struct entry **head = head_of(table, key);
    struct entry *entry = (struct entry *)(void *)bench_block(bench_size(48, 129, random));
    *entry = (struct entry){.next = *head, .key = key, .value = random};
    *head = entry;
}

static void drop(const struct table *table, uint64_t key)
{
    struct entry **at = head_of(table, key);
    while ((*at)->key != key)
        at = &(*at)->next;
    struct entry *entry = *at;
    *at = entry->next;
    free(entry);
}

/* Keys are the even numbers below twice the number of entries: odd ones are not there. */
static void fill(const struct table *table, uint64_t entries, uint64_t *state)
{
    for (uint64_t i = 0; i < entries; i++)
        put(table, 2 * i, bench_random(state));
    for (uint64_t i = 0; i < entries / 10 * TURNS; i++) {
        uint64_t key = (bench_random(state) >> 16) % entries * 2;
        drop(table, key);
        put(table, key, bench_random(state));
    }
}

static uint64_t look(const struct table *table, uint64_t entries, uint64_t lookups, uint64_t state)
{
    uint64_t last = 0;
    for (uint64_t i = 0; i < lookups; i++) {
        uint64_t key = ((bench_random(&state) >> 16) + last % 2) % (2 * entries);
        const struct entry *entry = *head_of(table, key);
        while (entry && entry->key != key)
            entry = entry->next;
        last = entry ? entry->value : i;
    }
    return last;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: table LOOKUPS ENTRIES\n");
        return 2;
    }
    uint64_t lookups = bench_number(argv[1], "LOOKUPS", UINT64_MAX / 2);
    uint64_t entries = bench_number(argv[2], "ENTRIES", ENTRIES_MAX), heads = 1, state = 42;
    while (heads < entries)
        heads *= 2;
    bench_start();
    bench_pin(0);
    struct table table = {.heads = bench_pages(heads * sizeof(struct entry *)), .mask = heads - 1};
    fill(&table, entries, &state);
    uint64_t start = bench_now_ns();
    volatile uint64_t found = look(&table, entries, lookups, state);
    uint64_t ns = bench_now_ns() - start;
    (void)found;
    bench_report(&(struct bench_result){.name = "table", .ops = lookups, .ns = ns}, bench_memory());
    return 0;
}
