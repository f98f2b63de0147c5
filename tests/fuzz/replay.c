/*
 * replay.c - runs a fuzz target without libFuzzer: the corpus, then changed copies of it.
 *
 * usage: TARGET RUNS [FOLDER]
 *
 * The changes follow from a fixed seed, so that a failure repeats. It learns nothing from coverage: that
 * is libFuzzer's part.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shm/base.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX  65536u
#define INPUTS_MAX 4096u

struct input {
    uint8_t *data;
    size_t size;
};

static struct input inputs[INPUTS_MAX];
static unsigned input_count;

static void die(const char *what, const char *name)
{
    fprintf(stderr, "replay: %s: %s\n", name, what);
    exit(2);
}

static void add_input(const uint8_t *data, size_t size, const char *name)
{
    if (input_count == INPUTS_MAX)
        die("too many inputs", name);
    struct input *in = &inputs[input_count++];
    in->size = size;
    in->data = malloc(size ? size : 1);
    if (!in->data)
        die("out of memory", name);
    if (size > 0)
        memcpy(in->data, data, size);
}

static void load_file(const char *path)
{
    static uint8_t buf[INPUT_MAX + 1];
    FILE *file = fopen(path, "rb");
    if (!file)
        die("cannot be opened", path);
    size_t size = fread(buf, 1, sizeof buf, file);
    bool bad = ferror(file) != 0;
    fclose(file);
    if (bad || size > INPUT_MAX)
        die("cannot be read, or is too large", path);
    add_input(buf, size, path);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* In order of names, so that every run is the same. */
static void load_folder(const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, visible, alphasort);
    if (n < 0)
        die("not a folder", folder);
    for (int i = 0; i < n; i++) {
        char path[4096];
        int len = snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (len < 0 || (size_t)len >= sizeof path)
            die("its name is too long", folder);
        load_file(path);
        free(entries[i]);
    }
    free(entries);
}

static uint64_t next_random(void)
{
    static uint64_t x = UINT64_C(0x2545f4914f6cdd1d);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static size_t below(size_t n)
{
    return n ? (size_t)(next_random() % n) : 0;
}

static void store_word(uint8_t *data, size_t size, size_t at)
{
    static const uint64_t words[] = {0,          1,          7,          8,          0x7f,
                                     0x80,       0xff,       0x7fff,     0x8000,     0xffff,
                                     0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX, UINT64_MAX / 2};
    uint64_t v = words[below(HK_COUNT_OF(words))];
    size_t width = (size_t)1 << below(4);
    if (at + width <= size)
        memcpy(data + at, &v, width);
}

/* One change of one kind; returns the new size. */
static size_t change(uint8_t *data, size_t size)
{
    size_t at = below(size + 1), n = 1 + below(16);
    switch (below(6)) {
    case 0: /* flip a bit */
        if (at < size)
            data[at] ^= (uint8_t)(1u << below(8));
        return size;
    case 1: /* another byte */
        if (at < size)
            data[at] = (uint8_t)next_random();
        return size;
    case 2: /* a word that overflow checks get wrong */
        store_word(data, size, at);
        return size;
    case 3: /* cut out */
        n = n < size - at ? n : size - at;
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    case 4: /* put in */
        n = n < INPUT_MAX - size ? n : INPUT_MAX - size;
        memmove(data + at + n, data + at, size - at);
        for (size_t i = 0; i < n; i++)
            data[at + i] = (uint8_t)next_random();
        return size + n;
    default: /* end early */
        return below(8) == 0 ? at : size;
    }
}

static void run_exactly(const uint8_t *data, size_t size)
{
    /* A buffer of that size alone, so that valgrind and sanitizers see a read past it. */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        die("out of memory", "input");
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s RUNS [FOLDER]\n", argv[0]);
        return 2;
    }
    static uint8_t buf[INPUT_MAX];
    unsigned long runs = strtoul(argv[1], NULL, 10);
    add_input(NULL, 0, "empty");
    if (argc == 3)
        load_folder(argv[2]);
    for (unsigned i = 0; i < input_count; i++)
        run_exactly(inputs[i].data, inputs[i].size);
    for (unsigned long i = 0; i < runs; i++) {
        const struct input *in = &inputs[below(input_count)];
        size_t size = in->size;
        memcpy(buf, in->data, size);
        for (size_t n = 1 + below(8); n > 0; n--)
            size = change(buf, size);
        run_exactly(buf, size);
    }
    printf("%u inputs of the corpus, %lu changed ones\n", input_count, runs);
    for (unsigned i = 0; i < input_count; i++)
        free(inputs[i].data);
    return 0;
}
