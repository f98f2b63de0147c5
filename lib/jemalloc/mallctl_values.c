/* mallctl_values.c - see mallctl.h: the table of names, and what is answered to each. */
#include <errno.h>

#include "lib/base/tuned_values.h"
#include "lib/entry/alloc.h"
#include "lib/jemalloc/mallctl.h"
#include "lib/os/os.h"
#include "shm/schema.h"

const struct hk_ctl_row hk_ctl_rows[HK_CTL_ROWS] = {
#define HK_CTL(name, type, access, value, set, help) {name, HK_CTL_##type, HK_CTL_##access},
#include "lib/jemalloc/mallctl.def"
};

/* The number of the row that a line of the table makes. */
#define ROW_AT(line)  ROW_AT_(line)
#define ROW_AT_(line) row_of_line_##line

enum {
#define HK_CTL(name, type, access, value, set, help) ROW_AT(__LINE__),
#include "lib/jemalloc/mallctl.def"
};

size_t hk_ctl_bytes(unsigned type)
{
    static const uint8_t bytes[] = {
        [HK_CTL_BOOL] = sizeof(bool),           [HK_CTL_UNSIGNED] = sizeof(unsigned),
        [HK_CTL_U32] = sizeof(uint32_t),        [HK_CTL_SIZE] = sizeof(size_t),
        [HK_CTL_SSIZE] = sizeof(int64_t),       [HK_CTL_U64] = sizeof(uint64_t),
        [HK_CTL_STRING] = sizeof(const char *), [HK_CTL_HOOKS] = sizeof(unsigned),
        [HK_CTL_BLOCK] = sizeof(unsigned),      [HK_CTL_NOTHING] = 0,
    };
    return bytes[type];
}

#define TEXT(text)     ((uint64_t)(uintptr_t)(text))
#define DECAY_AT_START (hk_param(HK_TUNE_purge_delay_ms))

/* All memory is the first arena's. */
#define OURS(value) (is_ours ? (value) : 0)

#ifdef HK_VERIFY
#define VERIFIES 1
#else
#define VERIFIES 0
#endif

static const char *thp_word(void)
{
    return hk_param(HK_TUNE_thp) == HK_THP_MADVISE ? "always" : "default";
}

uint64_t hk_ctl_get(const struct hk_ctl *c)
{
    const struct hk_ctl_figures *s = c->s;
    bool is_ours = c->index[0] == 0 || c->index[0] == HK_CTL_ALL || c->index[0] == hk_ctl_arenas();
    switch (c->row) {
#define HK_CTL(name, type, access, value, set, help)                                                         \
    case ROW_AT(__LINE__):                                                                                   \
        return (uint64_t)(value);
#include "lib/jemalloc/mallctl.def"
    default:
        return 0;
    }
}

int hk_ctl_set(const struct hk_ctl *c, uint64_t v)
{
    switch (c->row) {
#define HK_CTL(name, type, access, value, set, help)                                                         \
    case ROW_AT(__LINE__):                                                                                   \
        return (set);
#include "lib/jemalloc/mallctl.def"
    default:
        return ENOENT;
    }
}
