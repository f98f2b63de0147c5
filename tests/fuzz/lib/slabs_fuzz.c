/*
 * slabs_fuzz.c - sequences of what the arena, SuperSlabs and slabs are asked for, against a map of who has
 * what.
 *
 * Runs of slabs and of SuperSlabs are taken, shortened, lengthened, kept and given back; slabs serve classes
 * of two owners; free memory is purged and unmapped in between. No slab may be handed out twice, and when all
 * is given back, everything must be as free as it says.
 */
#include <string.h>

#include "lib/arena/arena.h"
#include "lib/arena/purge.h"
#include "lib/arena/slab.h"
#include "lib/arena/superslab.h"
#include "lib/base/verify.h"
#include "lib/entry/init.h"
#include "lib/os/os.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/lib/input.h"

#define RUNS       48
#define SERVING    24
#define BLOCKS     128
#define SLABS_MOST ((size_t)1 << 16) /* 4 GiB: the inputs take far less */

/* A run of slabs, or of SuperSlabs if it is mapped by itself. */
struct run {
    uint32_t first, n;
    size_t mapped;
};

/* A slab that serves a class, and what is out of it. */
struct serving {
    uint32_t slab;
    unsigned owner, size_class, count;
    bool used;
    void *blocks[BLOCKS];
};

static struct run runs[RUNS];
static struct serving serving[SERVING];
static uint8_t taken[SLABS_MOST];

static void mark(uint32_t first, size_t n, bool take)
{
    for (size_t i = first; i < first + n && i < SLABS_MOST; i++) {
        FUZZ_CHECK(taken[i] == !take);
        taken[i] = take;
    }
}

static bool reads_zero(uint32_t slab, size_t bytes)
{
    const uint64_t *word = (const uint64_t *)hk_slab_start(slab);
    for (size_t i = 0; i < bytes / sizeof *word; i += 256) {
        if (word[i] != 0)
            return false;
    }
    return true;
}

static void write_into(uint32_t slab, size_t bytes)
{
    char *p = (char *)hk_slab_start(slab);
    for (size_t i = 0; i < bytes; i += 65536)
        p[i] = 1;
    p[bytes - 1] = 1;
}

/* ---- runs of slabs ---- */

static void take_slabs(struct run *r, struct input *in)
{
    unsigned b = input_byte(in), n = 1 + b % HK_BIG_MAX_SLABS;
    size_t align = (size_t)1 << (12 + input_byte(in) % 10);
    bool zeroed = false;
    int64_t slab = (b & 0x80) != 0 ? hk_slabs_take_resident(n, align, &zeroed)
                                   : hk_slabs_take(n, align, &zeroed);
    if (slab < 0)
        return;
    r->first = (uint32_t)slab;
    r->n = n;
    r->mapped = 0;
    FUZZ_CHECK(r->first % HK_SLABS_PER_SUPERSLAB + n <= HK_SLABS_PER_SUPERSLAB);
    FUZZ_CHECK((hk_slab_start(r->first) & (align - 1)) == 0);
    FUZZ_CHECK(!zeroed || reads_zero(r->first, n * HK_SLAB_BYTES));
    mark(r->first, n, true);
    write_into(r->first, n * HK_SLAB_BYTES);
}

/* All of it, or the end. */
static void give_slabs(struct run *r, unsigned how)
{
    unsigned n = how == 0 || r->n == 1 ? r->n : 1 + how % (r->n - 1);
    r->n -= n;
    mark(r->first + r->n, n, false);
    hk_slabs_give(r->first + r->n, n);
    hk_retain_check(n * HK_SLAB_BYTES);
}

/* ---- runs of SuperSlabs ---- */

static void take_superslabs(struct run *r, struct input *in)
{
    size_t bytes = (1 + input_word(in) % 2500) * (size_t)4096;
    size_t align = HK_SUPERSLAB_BYTES << (input_byte(in) % 4);
    struct hk_run got;
    int64_t first = hk_arena_take_run(bytes, align, &got);
    if (first < 0)
        return;
    r->first = (uint32_t)first * HK_SLABS_PER_SUPERSLAB;
    r->mapped = got.mapped;
    r->n = hk_superslabs_for(got.mapped) * HK_SLABS_PER_SUPERSLAB;
    FUZZ_CHECK(got.mapped >= bytes && (hk_slab_start(r->first) & (align - 1)) == 0);
    FUZZ_CHECK(!got.zeroed || reads_zero(r->first, got.mapped));
    mark(r->first, r->n, true);
    write_into(r->first, got.mapped);
}

static void resize_superslabs(struct run *r, struct input *in)
{
    size_t bytes = (1 + input_word(in) % 2500) * (size_t)4096;
    uint32_t first = r->first / HK_SLABS_PER_SUPERSLAB;
    size_t mapped = bytes > r->mapped ? hk_arena_extend_run(first, r->mapped, bytes)
                                      : hk_arena_shrink_run(first, r->mapped, bytes);
    if (mapped == 0)
        return;
    uint32_t n = hk_superslabs_for(mapped) * HK_SLABS_PER_SUPERSLAB;
    FUZZ_CHECK(mapped >= (bytes < r->mapped ? bytes : r->mapped)); /* what follows may be in use */
    if (n > r->n)
        mark(r->first + r->n, n - r->n, true);
    else
        mark(r->first + n, r->n - n, false);
    r->n = n;
    r->mapped = mapped;
    write_into(r->first, mapped);
}

static void give_superslabs(struct run *r, unsigned how)
{
    uint32_t first = r->first / HK_SLABS_PER_SUPERSLAB, n = r->n / HK_SLABS_PER_SUPERSLAB;
    mark(r->first, r->n, false);
    if (how % 2 == 0 || !hk_arena_keep_run(first, n, r->mapped))
        hk_arena_give_run(first, n, r->mapped);
    r->n = 0;
}

static void use_run(struct run *r, struct input *in)
{
    unsigned how = input_byte(in);
    if (r->n == 0) {
        if (how % 3 == 0)
            take_superslabs(r, in);
        else
            take_slabs(r, in);
    } else if (r->mapped == 0) {
        give_slabs(r, how);
    } else if (how % 4 == 0) {
        resize_superslabs(r, in);
    } else {
        give_superslabs(r, how);
    }
}

/* ---- slabs that serve ---- */

static void fill_from(struct serving *s, void **end, unsigned got)
{
    for (unsigned i = 0; i < got; i++) {
        s->blocks[s->count++] = end[-1 - (int)i];
        FUZZ_CHECK(hk_slab_is_block(s->slab, s->size_class, end[-1 - (int)i]));
        for (unsigned k = 0; k + 1 < s->count; k++)
            FUZZ_CHECK(s->blocks[k] != s->blocks[s->count - 1]);
    }
}

static void begin_serving(struct serving *s, struct input *in)
{
    void *got_blocks[BLOCKS];
    unsigned got = 0;
    s->size_class = input_byte(in) % HK_CLASSES;
    s->owner = 1 + input_byte(in) % 2;
    int64_t slab = hk_slab_new(s->owner, s->size_class, 1 + input_byte(in) % BLOCKS, got_blocks + BLOCKS,
                               &got);
    if (slab < 0)
        return;
    s->used = true;
    s->slab = (uint32_t)slab;
    s->count = 0;
    mark(s->slab, 1, true);
    fill_from(s, got_blocks + BLOCKS, got);
}

static void take_blocks(struct serving *s, struct input *in)
{
    void *got_blocks[BLOCKS];
    uint64_t received = 0;
    unsigned b = input_byte(in), room = BLOCKS - s->count, owner = 1 + b % 2;
    if (room == 0)
        return;
    unsigned got = hk_slab_pull(s->slab, owner, s->size_class, 1 + b % room, (b & 0x40) != 0, (b & 0x80) != 0,
                                got_blocks + BLOCKS, &received);
    FUZZ_CHECK(got <= 1 + b % room);
    if (got != 0)
        s->owner = owner;
    fill_from(s, got_blocks + BLOCKS, got);
}

/* The last ones, or those before. */
static void put_blocks(struct serving *s, struct input *in)
{
    unsigned b = input_byte(in), n = 1 + b % s->count, pushed = 0;
    bool emptied = false;
    for (; pushed < n; pushed++) {
        unsigned at = (b & 0x80) != 0 ? 0 : s->count - 1;
        uintptr_t offset = (uintptr_t)s->blocks[at] - hk_slab_start(s->slab);
        unsigned number = hk_block_index(&hk_classes[s->size_class], (uint32_t)offset);
        memmove(&s->blocks[at], &s->blocks[at + 1], (s->count - at - 1) * sizeof s->blocks[0]);
        s->count--;
        hk_slab_put(s->slab, s->size_class, number / 64, UINT64_C(1) << (number % 64));
    }
    if (s->count == 0)
        mark(s->slab, 1, false);
    hk_slab_push(s->slab, 1 + b % 2, s->size_class, n, &emptied);
    FUZZ_CHECK(emptied == (s->count == 0));
    s->used = !emptied;
    if (emptied)
        hk_retain_check(HK_SLAB_BYTES);
}

static void use_slab(struct serving *s, struct input *in)
{
    unsigned how = input_byte(in);
    if (!s->used)
        begin_serving(s, in);
    else if (how % 4 == 0)
        hk_slab_disown(s->slab, 1 + how / 4 % 2, s->size_class);
    else if (how % 2 == 0)
        take_blocks(s, in);
    else
        put_blocks(s, in);
}

/* ---- all of it ---- */

static void step(struct input *in)
{
    unsigned b = input_byte(in);
    switch (b % 8) {
    case 0:
        (void)hk_slabs_purge(input_byte(in) * HK_SLAB_BYTES);
        break;
    case 1:
        (void)hk_arena_close_empty(input_byte(in) * HK_SLAB_BYTES, (b & 0x80) != 0);
        break;
    case 2:
    case 3:
    case 4:
        use_run(&runs[input_byte(in) % RUNS], in);
        break;
    default:
        use_slab(&serving[input_byte(in) % SERVING], in);
    }
}

static void give_all(void)
{
    struct input nothing = {NULL, NULL};
    for (unsigned i = 0; i < SERVING; i++) {
        while (serving[i].used)
            put_blocks(&serving[i], &nothing);
    }
    for (unsigned i = 0; i < RUNS; i++) {
        if (runs[i].n != 0 && runs[i].mapped == 0)
            give_slabs(&runs[i], 0);
        else if (runs[i].n != 0)
            give_superslabs(&runs[i], i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    FUZZ_CHECK(hk_init_ready());
    for (unsigned steps = 0; in.at < in.end && steps < 2000; steps++)
        step(&in);
    give_all();
    hk_verify_quiet();
    return 0;
}
