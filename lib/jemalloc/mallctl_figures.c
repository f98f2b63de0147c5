/* mallctl_figures.c - see mallctl.h: figures as of one moment, which answers go by until they are refreshed.
 */
#include "lib/arena/slab.h"
#include "lib/base/process_counters.h"
#include "lib/jemalloc/mallctl.h"
#include "lib/os/lock.h"
#include "lib/os/os.h"
#include "lib/tuning/control.h"

static struct {
    struct hk_lock lock;
    struct hk_ctl_figures figures;
} last;

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* What is in the tables that describe what there is, not the room for what might be. */
static uint64_t metadata(const struct hk_figures *f)
{
    uint64_t bytes = hk_total(&hk_process.superslabs_mapped) * sizeof(struct hk_superslab) +
                     f->slabs * sizeof(struct hk_long_map) + (uint64_t)hk_heap_count() * HK_HEAP_STRIDE;
    return hk_round_up(bytes + 1, hk_page_bytes);
}

static void take_totals(struct hk_ctl_figures *s)
{
    const struct hk_figures *f = &s->all;
    uint64_t big = hk_total(&hk_process.big_bytes);
    s->active = f->slabs * HK_SLAB_BYTES + big + f->huge_bytes;
    /* Of two moments. */
    if (s->active < f->live_bytes)
        s->active = hk_round_up(f->live_bytes, hk_page_bytes);
    s->dirty = f->retained_bytes;
    s->unbacked = minus(f->mapped_bytes, s->active + s->dirty);
    s->metadata = metadata(f);
    s->large_bytes = big + f->huge_bytes;
    s->small_bytes = minus(f->live_bytes, s->large_bytes);
    s->purges = hk_total(&hk_process.purges_total);
    s->advices = hk_total(&hk_process.sys_madvise_total);
    s->purged_bytes = hk_total(&hk_process.purged_bytes_total);
}

static void take_heaps(struct hk_ctl_class *to, unsigned size_class)
{
    uint64_t frees = 0;
    *to = (struct hk_ctl_class){
        .requests = hk_total(&hk_inherited[size_class].allocs_total),
        .made = hk_total(&hk_inherited[size_class].refilled_blocks_total),
    };
    for (unsigned id = 1; id <= hk_heap_count(); id++) {
        const struct hk_class_row *row = &hk_heap_at(id)->classes[size_class].totals;
        to->made += hk_total(&row->refilled_blocks_total);
        to->gone += hk_total(&row->flushed_blocks_total);
        to->requests += hk_total(&row->allocs_total);
        to->fills += hk_total(&row->refills_total);
        to->flushes += hk_total(&row->flushes_total);
        frees += hk_total(&row->frees_total);
    }
    to->live = minus(to->requests, frees);
}

/* Programs take differences of these: none may come out negative. */
static void take_class(struct hk_ctl_class *to, unsigned size_class)
{
    take_heaps(to, size_class);
    uint64_t gone = hk_total(&hk_slab_counts[size_class].gone);
    to->slabs = hk_total(&hk_slab_counts[size_class].made);
    to->in_slabs = minus(to->slabs, gone);
    uint64_t out = minus(to->made, to->gone), most = to->in_slabs * hk_classes[size_class].capacity;
    to->gone = to->made - (out < most ? out : most);
}

static void take_large(struct hk_ctl_class *to, const hk_au64 *allocs, const hk_au64 *frees,
                       const hk_au64 *live)
{
    *to = (struct hk_ctl_class){.made = hk_total(allocs),
                                .requests = hk_total(allocs),
                                .gone = hk_total(frees),
                                .live = hk_total(live)};
}

static void add(struct hk_ctl_class *sum, const struct hk_ctl_class *more)
{
    sum->made += more->made;
    sum->gone += more->gone;
    sum->requests += more->requests;
    sum->fills += more->fills;
    sum->flushes += more->flushes;
}

static void take(struct hk_ctl_figures *s)
{
    hk_figures_take(&s->all);
    take_totals(s);
    s->small = s->large = (struct hk_ctl_class){0};
    for (unsigned c = 0; c < HK_CLASSES; c++) {
        take_class(&s->bins[c], c);
        add(&s->small, &s->bins[c]);
    }
    take_large(&s->larges[HK_CTL_BIG], &hk_process.big_allocs_total, &hk_process.big_frees_total,
               &hk_process.big_blocks);
    take_large(&s->larges[HK_CTL_HUGE], &hk_process.huge_allocs_total, &hk_process.huge_frees_total,
               &hk_process.huge_blocks);
    add(&s->large, &s->larges[HK_CTL_BIG]);
    add(&s->large, &s->larges[HK_CTL_HUGE]);
    s->epoch++;
}

const struct hk_ctl_figures *hk_ctl_look(void)
{
    hk_control_notice_fork();
    hk_lock_take(&last.lock);
    if (last.figures.epoch == 0)
        take(&last.figures);
    return &last.figures;
}

void hk_ctl_done(void)
{
    hk_lock_drop(&last.lock);
}

void hk_ctl_refresh(void)
{
    hk_control_notice_fork();
    hk_lock_take(&last.lock);
    take(&last.figures);
    hk_lock_drop(&last.lock);
}

void hk_ctl_after_fork(void)
{
    hk_lock_init(&last.lock);
    hk_ctl_acts_after_fork();
}
