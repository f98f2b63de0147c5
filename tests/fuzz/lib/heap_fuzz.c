/*
 * heap_fuzz.c - sequences of calls on two heaps: the thread's by the usual entry points, and the one that
 * threads share past their ends by its bins.
 *
 * What one heap gives the other may take back, tunables change meanwhile, bins are flushed and memory is
 * trimmed. Blocks must be apart, keep what is written to their ends, and all totals must agree whenever the
 * input asks.
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/verify.h"
#include "lib/entry/alloc.h"
#include "lib/entry/init.h"
#include "lib/heap/bin.h"
#include "lib/tuning/control.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/lib/input.h"

#define SLOTS 512

struct block {
    unsigned char *p;
    size_t size;
    unsigned char tag;
};

static struct block blocks[SLOTS];
static unsigned char tags;

static size_t size_from(struct input *in)
{
    unsigned b = input_byte(in), w = input_word(in);
    switch (b % 8) {
    case 0:
        return (size_t)w << 3;
    case 1:
        return (size_t)(w % 1024) << 12;
    case 2:
        return b < 16 ? (size_t)w << 9 : w % 32769;
    case 3:
        return (1 + w % 64) * HK_SLAB_BYTES - (b >> 4);
    default:
        return w % 1100;
    }
}

static void begin(struct block *b, size_t size)
{
    if (b->p == NULL)
        return;
    FUZZ_CHECK(((uintptr_t)b->p & (HK_MIN_ALIGN - 1)) == 0 && hk_usable(b->p) >= size);
    b->size = size;
    b->tag = ++tags;
    if (size != 0) {
        b->p[0] = b->p[size - 1] = b->tag;
    }
}

static void check(const struct block *b)
{
    FUZZ_CHECK(b->size == 0 || (b->p[0] == b->tag && b->p[b->size - 1] == b->tag));
    FUZZ_CHECK(hk_usable(b->p) >= b->size);
}

/* ---- the shared heap, as free() and malloc() go about it ---- */

static void *shared_malloc(size_t size)
{
    struct hk_heap *heap = hk_heap_late_take();
    FUZZ_CHECK(heap != NULL);
    unsigned c = hk_class_of_size(size);
    void *p = hk_bin_pop(heap, hk_bin_of(heap, c));
    if (p == NULL)
        p = hk_bin_supply(heap, c);
    hk_heap_late_drop();
    return p;
}

static void shared_free(void *p)
{
    struct hk_heap *heap = hk_heap_late_take();
    FUZZ_CHECK(heap != NULL);
    unsigned c = hk_class_of_bin_offset(hk_meta_of(hk_slab_of(p)));
    struct hk_bin *bin = hk_bin_of(heap, c);
    if (bin->room != 0) {
        bin->room--;
        hk_bin_push(heap, bin, p);
    } else if (!hk_bin_accept_as_before(heap, c, p)) {
        hk_bin_accept(heap, c, p);
    }
    hk_heap_late_drop();
}

/* ---- calls ---- */

static void get(struct block *b, unsigned how, struct input *in)
{
    size_t size = size_from(in), align = (size_t)16 << (how / 8 % 16);
    switch (how % 8) {
    case 0:
        b->p = hk_calloc(1, size);
        FUZZ_CHECK(b->p == NULL || size == 0 || (b->p[0] == 0 && b->p[size - 1] == 0 && b->p[size / 2] == 0));
        break;
    case 1:
        b->p = hk_aligned(align, size);
        FUZZ_CHECK(((uintptr_t)b->p & (align - 1)) == 0);
        break;
    case 2:
    case 3:
        b->p = size <= HK_SMALL_MAX ? shared_malloc(size) : hk_malloc(size);
        break;
    default:
        b->p = hk_malloc(size);
    }
    begin(b, size);
}

static void resize(struct block *b, struct input *in)
{
    size_t size = size_from(in);
    unsigned char *p = hk_realloc(b->p, size != 0 ? size : 1);
    if (p == NULL)
        return;
    FUZZ_CHECK(b->size == 0 || p[0] == b->tag);
    FUZZ_CHECK(size < b->size || b->size == 0 || p[b->size - 1] == b->tag);
    b->p = p;
    begin(b, size);
}

static void release(struct block *b, bool to_shared)
{
    check(b);
    if (to_shared && hk_meta_of(hk_slab_of(b->p)) != 0)
        shared_free(b->p);
    else
        hk_free(b->p);
    b->p = NULL;
}

static void use(struct block *b, struct input *in)
{
    unsigned how = input_byte(in);
    if (b->p == NULL)
        get(b, how, in);
    else if (how % 4 == 0)
        resize(b, in);
    else
        release(b, how % 4 == 1);
}

/* Many of one size, and back in an order of the input's choice. */
static void burst(struct input *in)
{
    static void *many[400];
    unsigned how = input_byte(in), n = 1 + input_word(in) % HK_COUNT_OF(many);
    size_t size = size_from(in) % 4096;
    for (unsigned i = 0; i < n; i++)
        many[i] = how % 2 == 0 ? hk_malloc(size) : shared_malloc(size);
    for (unsigned i = 0; i < n; i++) {
        void *p = many[how % 4 < 2 ? i : n - 1 - i];
        if (how % 8 < 4)
            hk_free(p);
        else
            shared_free(p);
    }
}

static void tune(struct input *in)
{
    static const char *const settings[][2] = {
        {"refill_batch", "1"},
        {"refill_batch", "1000"},
        {"refill_batch.64", "4096"},
        {"bin_cap", "2"},
        {"bin_cap", "8192"},
        {"bin_bytes", "4096"},
        {"bin_bytes", "16777216"},
        {"heap_cache_bytes", "65536"},
        {"heap_cache_bytes", "1073741824"},
        {"retain_bytes", "0"},
        {"retain_bytes", "67108864"},
        {"retain_percent", "0"},
        {"purge_kind", "free"},
        {"purge_kind", "dontneed"},
        {"soft_limit_bytes", "1"},
        {"soft_limit_bytes", "0"},
        {"big_cache_bytes", "0"},
        {"big_cache_bytes", "16777216"},
        {"thp", "large"},
        {"thp", "off"},
    };
    const char *const *s = settings[input_byte(in) % HK_COUNT_OF(settings)];
    enum hk_value_error error;
    FUZZ_CHECK(hk_control_set_own(s[0], strlen(s[0]), s[1], strlen(s[1]), HK_SOURCE_PROGRAM, &error));
}

static void flush(bool shared)
{
    struct hk_heap *heap = shared ? hk_heap_late_take() : hk_heap_get();
    hk_heap_flush(heap);
    if (shared)
        hk_heap_late_drop();
}

static void step(struct input *in)
{
    unsigned b = input_byte(in);
    switch (b) {
    case 0:
        hk_verify_quiet();
        break;
    case 1:
    case 2:
        flush(b == 1);
        break;
    case 3:
        (void)malloc_trim(input_byte(in) * HK_SLAB_BYTES);
        break;
    case 4:
    case 5:
        tune(in);
        break;
    case 6:
    case 7:
        burst(in);
        break;
    default:
        use(&blocks[b * 2 % SLOTS], in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    FUZZ_CHECK(hk_init_ready() && hk_heap_get() != NULL);
    for (unsigned steps = 0; in.at < in.end && steps < 1000; steps++)
        step(&in);
    for (unsigned i = 0; i < SLOTS; i++) {
        if (blocks[i].p != NULL)
            release(&blocks[i], i % 3 == 0);
    }
    hk_verify_quiet();
    return 0;
}
