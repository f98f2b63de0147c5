/* about.c - see calls.h: calls that are to be refused, questions, and the process's own values. */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model/calls.h"
#include "tests/model/claims.h"
#include "tests/support/check.h"
#include "tests/support/hakmem_api.h"

#define UNTOUCHED 7777

static void refused(const void *p, int expected, const char *call)
{
    if (p != NULL)
        violation(NULL, 0, "%s was not refused", call);
    if (errno != expected)
        violation(NULL, 0, "%s was refused with errno %d in place of %d", call, errno, expected);
    errno = UNTOUCHED;
}

static void wrong_sizes(void)
{
    size_t most = check_hidden_size((size_t)PTRDIFF_MAX), too_much = most + 1;
    errno = UNTOUCHED;
    refused(malloc(too_much), ENOMEM, "malloc of more than there can be");
    refused(malloc(check_hidden_size(SIZE_MAX)), ENOMEM, "malloc of SIZE_MAX");
    refused(malloc(most), ENOMEM, "malloc of PTRDIFF_MAX");
    refused(calloc(too_much, 2), ENOMEM, "calloc of a product that overflows");
    refused(calloc(most, 1), ENOMEM, "calloc of PTRDIFF_MAX");
    refused(realloc(NULL, check_hidden_size(SIZE_MAX - 8)), ENOMEM, "realloc of what rounding makes nothing");
    refused(reallocarray(NULL, check_hidden_size(SIZE_MAX / 2), 3), ENOMEM,
            "reallocarray of a product that overflows");
    refused(aligned_alloc(4096, too_much), ENOMEM, "aligned_alloc of more than there can be");
    refused(memalign(64, check_hidden_size(SIZE_MAX - 32)), ENOMEM,
            "memalign of what rounding makes nothing");
    refused(valloc(check_hidden_size(SIZE_MAX - 1)), ENOMEM, "valloc of more than there can be");
    refused(pvalloc(SIZE_MAX - 1), ENOMEM, "pvalloc of what rounding makes nothing");
}

static void wrong_alignments(struct dice *d)
{
    void *const before = d;
    void *p = before;
    size_t align = check_hidden_size(3 + 4 * below(d, 1000));
    errno = UNTOUCHED;
    refused(aligned_alloc(align, 64), EINVAL, "aligned_alloc at an odd alignment");
    refused(aligned_alloc(check_hidden_size(0), 64), EINVAL, "aligned_alloc at no alignment");
    int bad[] = {posix_memalign(&p, align, 64), posix_memalign(&p, 0, 64), posix_memalign(&p, 4, 64)};
    if (bad[0] != EINVAL || bad[1] != EINVAL || bad[2] != EINVAL || p != before || errno != UNTOUCHED)
        violation(NULL, 0, "posix_memalign: %d %d %d, %p, errno %d", bad[0], bad[1], bad[2], p, errno);
    int none = posix_memalign(&p, 64, check_hidden_size(SIZE_MAX - 4096));
    if (none != ENOMEM || p != before || errno != ENOMEM)
        violation(NULL, 0, "posix_memalign of too much: %d, %p, errno %d", none, p, errno);
    errno = UNTOUCHED;
}

static void no_block(void)
{
    errno = UNTOUCHED;
    free(NULL);
    if (errno != UNTOUCHED || malloc_usable_size(NULL) != 0)
        violation(NULL, 0, "NULL is not taken for nothing");
}

/* One that stays as it is. */
static void refused_resize(struct dice *d)
{
    size_t size = 1 + below(d, one_in(d, 8) ? 200000 : 2000);
    struct block b = {.p = NULL};
    if (!call_allocate(&b, size, d))
        return;
    errno = UNTOUCHED;
    refused(realloc(b.p, check_hidden_size(SIZE_MAX - 100)), ENOMEM, "realloc to more than there can be");
    refused(reallocarray(b.p, check_hidden_size(SIZE_MAX / 4), 5), ENOMEM, "reallocarray to too much");
    call_release(&b, d);
}

void call_wrongly(struct dice *d)
{
    wrong_sizes();
    wrong_alignments(d);
    no_block();
    refused_resize(d);
}

/* ---- questions and orders ---- */

void call_figures(uint64_t *blocks, uint64_t *bytes)
{
    struct hakmem_snapshot s;
    if (hakmem_snapshot(&s, sizeof s) != 0)
        violation(NULL, 0, "hakmem_snapshot failed");
    *blocks = s.live_blocks - atomic_load(&claimed_blocks);
    *bytes = s.live_bytes - atomic_load(&claimed_bytes);
}

static void check_figures(void)
{
    uint64_t blocks, bytes;
    if (self == NULL || !self->counts)
        return;
    call_figures(&blocks, &bytes);
    if (blocks != self->other_blocks || bytes != self->other_bytes)
        violation(NULL, 0, "figures: %lld blocks and %lld bytes more than there are",
                  (long long)(blocks - self->other_blocks), (long long)(bytes - self->other_bytes));
}

static const struct {
    const char *name, *value;
    int result;
} settings[] = {
    {"refill_batch", "1", 0},
    {"refill_batch", "1000", 0},
    {"refill_batch", "100", 0},
    {"refill_batch.64", "4096", 0},
    {"refill_batch.64", "1", 0},
    {"bin_cap", "2", 0},
    {"bin_cap", "8192", 0},
    {"bin_cap", "256", 0},
    {"bin_bytes", "4096", 0},
    {"bin_bytes", "16777216", 0},
    {"heap_cache_bytes", "65536", 0},
    {"heap_cache_bytes", "8388608", 0},
    {"retain_bytes", "0", 0},
    {"retain_bytes", "67108864", 0},
    {"retain_percent", "0", 0},
    {"retain_percent", "50", 0},
    {"purge_delay_ms", "0", 0},
    {"purge_kind", "free", 0},
    {"purge_kind", "dontneed", 0},
    {"thp", "madvise", 0},
    {"thp", "large", 0},
    {"thp", "off", 0},
    {"soft_limit_bytes", "1", 0},
    {"soft_limit_bytes", "16MiB", 0},
    {"soft_limit_bytes", "0", 0},
    {"harden", "double-free", 0},
    {"harden", "canary", 0},
    {"harden", "all", 0},
    {"harden", "off", 0},
    {"harden", "guard", EINVAL},
    {"big_cache_bytes", "0", 0},
    {"big_cache_bytes", "16MiB", 0},
    {"bin_cap", "1", ERANGE},
    {"bin_cap", "8193", ERANGE},
    {"bin_cap", "many", EINVAL},
    {"bin_cap", "", EINVAL},
    {"no_such_thing", "1", ENOENT},
    {"refill_batch.65", "1", ENOENT},
};

static void tune(struct dice *d)
{
    size_t i = below(d, HK_COUNT_OF(settings));
    if (self->counts && strcmp(settings[i].value, "all") == 0)
        return; /* freed blocks would wait, and count */
    int result = hakmem_tune(settings[i].name, settings[i].value);
    if (result != settings[i].result)
        violation(NULL, 0, "hakmem_tune(%s, %s) gave %d in place of %d", settings[i].name, settings[i].value,
                  result, settings[i].result);
}

void call_about(struct dice *d)
{
    errno = UNTOUCHED;
    switch (below(d, model.tune ? 10 : 6)) {
    case 0:
        (void)mallinfo2(); /* other threads' figures lag: there is nothing that must hold */
        break;
    case 1:
        (void)malloc_trim(one_in(d, 2) ? 0 : below(d, (size_t)1 << 24));
        break;
    case 2:
        (void)hakmem_trim(below(d, (size_t)1 << 24));
        break;
    case 3:
        hakmem_label(one_in(d, 2) ? "model" : NULL);
        break;
    case 4:
    case 5:
        check_figures();
        break;
    default:
        tune(d);
    }
    if (errno != UNTOUCHED)
        violation(NULL, 0, "a question set errno to %d", errno);
}
