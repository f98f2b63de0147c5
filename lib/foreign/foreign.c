/* foreign.c - see foreign.h. */
#include "lib/foreign/foreign.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/arena/misuse.h"
#include "lib/base/process_counters.h"
#include "lib/entry/alloc.h"
#include "lib/foreign/libc_blocks.h"
#include "lib/foreign/other_allocators.h"
#include "lib/os/os.h"

extern void *__libc_malloc(size_t size) __attribute__((weak));
extern void __libc_free(void *p) __attribute__((weak));
extern void *__libc_realloc(void *p, size_t size) __attribute__((weak));

/* ---- whose ---- */

enum owner { NOBODY, LIBC, LIBC_LIKELY, OTHER, UNKNOWN };

/* The first that answers so. */
static bool pick(const struct hk_others *others, const void *p, enum hk_answer answer, struct hk_other *out)
{
    for (unsigned i = 0; i < others->count; i++) {
        if (hk_other_owns(&others->at[i], p) == answer) {
            *out = others->at[i];
            return true;
        }
    }
    return false;
}

/* What may be a block of somebody who cannot be asked. */
static bool may_be_a_block(const void *p)
{
    uintptr_t at = (uintptr_t)p;
    return at % sizeof(void *) == 0 &&
           hk_os_probe(at & ~(uintptr_t)(hk_page_bytes - 1), hk_page_bytes) != -ENOMEM;
}

static enum hk_libc_claim libc_claim(const void *p)
{
    return __libc_malloc != NULL && __libc_free != NULL && __libc_realloc != NULL ? hk_libc_claim(p)
                                                                                  : HK_LIBC_NO;
}

/* Who says that it is his comes before who seems to own it, and what needs no lock before what does. Of those
 * who cannot be asked, one that the program was started with comes before what merely looks like the C
 * library's: a block of his may follow any words. */
static enum owner find_owner(const void *p, struct hk_other *other)
{
    struct hk_others room, loaded;
    if ((uintptr_t)p < hk_page_bytes || (intptr_t)p < 0)
        return NOBODY;
    const struct hk_others *lasting = hk_others_lasting(&room);
    if (pick(lasting, p, HK_ANSWER_YES, other))
        return OTHER;
    enum hk_libc_claim claim = libc_claim(p);
    if (claim == HK_LIBC_CERTAIN)
        return LIBC;
    bool is_known = hk_others_loaded(&loaded);
    if (is_known && pick(&loaded, p, HK_ANSWER_YES, other))
        return OTHER;
    bool may_be = may_be_a_block(p);
    if (may_be && pick(lasting, p, HK_ANSWER_NONE, other))
        return OTHER;
    if (claim == HK_LIBC_LIKELY)
        return LIBC_LIKELY;
    if (may_be && is_known && pick(&loaded, p, HK_ANSWER_NONE, other))
        return OTHER;
    return is_known || !may_be ? NOBODY : UNKNOWN;
}

/* ---- handing on ---- */

enum call { FREE, REALLOC, USABLE, CALLS };
static const char *const call_names[CALLS] = {"free", "realloc", "malloc_usable_size"};

/* What this thread is handing on. */
static __thread const void *handed[CALLS];

/* Another allocator may hand on what it does not know to the next one, which may be this one. Ends the
 * program there. Returns what is to be put back behind the call. */
static const void *begin(enum call call, const void *p)
{
    const void *before = handed[call];
    if (before == p)
        hk_die_not_a_block(call_names[call], p);
    handed[call] = p;
    return before;
}

static void give_back(const struct hk_other *other, void *p)
{
    int saved_errno = errno;
    const void *before = begin(FREE, p);
    other->give_back(p);
    handed[FREE] = before;
    errno = saved_errno;
}

static size_t measure(const struct hk_other *other, const void *p)
{
    if (other->measure == NULL)
        return 0;
    const void *before = begin(USABLE, p);
    size_t bytes = other->measure((void *)(uintptr_t)p);
    handed[USABLE] = before;
    return bytes;
}

static void *resize(const struct hk_other *other, void *p, size_t size)
{
    const void *before = begin(REALLOC, p);
    void *resized = other->resize(p, size);
    handed[REALLOC] = before;
    return resized;
}

/* As much of size bytes as can be read. */
static void copy_readable(char *to, const char *from, size_t size)
{
    while (size != 0) {
        uintptr_t at = (uintptr_t)from, page = at & ~(uintptr_t)(hk_page_bytes - 1);
        size_t part = page + hk_page_bytes - at < size ? page + hk_page_bytes - at : size;
        if (hk_os_probe(page, hk_page_bytes) == -ENOMEM)
            return;
        memcpy(to, from, part);
        to += part;
        from += part;
        size -= part;
    }
}

/* A block of ours with the contents of one whose size nobody may know. */
static void *copy(const void *p, size_t bytes, size_t size)
{
    void *to = hk_malloc(size);
    if (to != NULL)
        copy_readable(to, p, bytes != 0 && bytes < size ? bytes : size);
    return to;
}

static void *move(const struct hk_other *other, void *p, size_t size)
{
    void *to = copy(p, measure(other, p), size);
    if (to != NULL)
        give_back(other, p);
    return to;
}

/* ---- the calls ---- */

/* What merely looks like the C library's may be of another one, in a name space of its own: that goes well as
 * far as the thread caches it, which it does from its first malloc on. */
static void rouse_libc(void)
{
    void *p = __libc_malloc(1);
    if (p != NULL)
        __libc_free(p);
}

void hk_foreign_free(void *p)
{
    struct hk_other other;
    switch (find_owner(p, &other)) {
    case LIBC_LIKELY:
        rouse_libc();
        /* fallthrough */
    case LIBC:
        hk_count(&hk_process.foreign_frees_total, 1);
        __libc_free(p);
        break;
    case OTHER:
        hk_count(&hk_process.foreign_frees_total, 1);
        give_back(&other, p);
        break;
    case NOBODY:
        hk_die_not_a_block("free", p);
    case UNKNOWN:
        break;
    }
}

void *hk_foreign_realloc(void *p, size_t size)
{
    struct hk_other other;
    switch (find_owner(p, &other)) {
    case LIBC_LIKELY:
        rouse_libc();
        /* fallthrough */
    case LIBC:
        return __libc_realloc(p, size);
    case OTHER:
        return other.resize != NULL ? resize(&other, p, size) : move(&other, p, size);
    case NOBODY:
        hk_die_not_a_block("realloc", p);
    case UNKNOWN:
        break;
    }
    return copy(p, 0, size);
}

size_t hk_foreign_usable(const void *p)
{
    struct hk_other other;
    switch (find_owner(p, &other)) {
    case LIBC:
    case LIBC_LIKELY:
        return hk_libc_usable(p);
    case OTHER:
        return measure(&other, p);
    case NOBODY:
        hk_die_not_a_block("malloc_usable_size", p);
    case UNKNOWN:
        break;
    }
    return 0;
}

const char *hk_foreign_owner(const void *p)
{
    static const char *const names[] = {
        [NOBODY] = "nobody's",           [LIBC] = "the C library's",        [LIBC_LIKELY] = "the C library's",
        [OTHER] = "another allocator's", [UNKNOWN] = "unknown, left alone",
    };
    struct hk_other other;
    return names[find_owner(p, &other)];
}
