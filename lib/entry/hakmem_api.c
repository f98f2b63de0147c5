/* hakmem_api.c - the library's own interface for programs: see include/hakmem.h. */
#include <errno.h>
#include <string.h>

#include "lib/entry/alloc.h"
#include "lib/heap/bin.h"
#include "lib/heap/totals.h"
#include "lib/include/hakmem.h"
#include "lib/publish/publish.h"
#include "lib/tuning/control.h"

HK_EXPORT const char *hakmem_version(void)
{
    return HAKMEM_VERSION;
}

HK_EXPORT int hakmem_snapshot(struct hakmem_snapshot *out, size_t size)
{
    struct hk_figures f;
    if (out == NULL)
        return EINVAL;
    hk_figures_take(&f);
    struct hakmem_snapshot s = {
        .mapped_bytes = f.mapped_bytes,
        .live_bytes = f.live_bytes,
        .bin_bytes = f.bin_bytes,
        .partial_bytes = f.partial_bytes,
        .retained_bytes = f.retained_bytes,
        .live_blocks = f.live_blocks,
        .allocs_total = f.allocs,
        .frees_total = f.frees,
    };
    memset(out, 0, size);
    memcpy(out, &s, size < sizeof s ? size : sizeof s);
    return 0;
}

HK_EXPORT int hakmem_tune(const char *name, const char *value)
{
    enum hk_value_error error;
    if (name == NULL || value == NULL)
        return EINVAL;
    if (hk_control_set_own(name, strlen(name), value, strlen(value), HK_SOURCE_PROGRAM, &error))
        return 0;
    switch (error) {
    case HK_VALUE_NO_NAME:
    case HK_VALUE_NO_CLASS:
        return ENOENT;
    case HK_VALUE_RANGE:
        return ERANGE;
    default:
        return EINVAL;
    }
}

HK_EXPORT void hakmem_label(const char *label)
{
    hk_publish_label(label != NULL ? label : "", label != NULL ? strlen(label) : 0);
}

HK_EXPORT size_t hakmem_trim(size_t keep)
{
    return hk_control_trim(hk_heap_get(), keep);
}

HK_EXPORT void hakmem_thread_idle(void)
{
    hk_control_notice_fork();
    struct hk_heap *heap = hk_heap_own();
    if (heap == NULL)
        return;
    hk_heap_rest(heap);
    hk_control_tick();
}
