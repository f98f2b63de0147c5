/* aggregate.c - see aggregate.h. */
#include "daemon/model/aggregate.h"

#include <string.h>

static void fill_sample(struct hk_sample *sample, const struct hk_figures *figures)
{
    for (unsigned i = 0; i < hk_total_count; i++)
        sample->totals[i] = hk_figures_total(figures, i);
    for (unsigned c = 0; c < figures->totals.class_count; c++) {
        for (unsigned k = 0; k < HK_CLASS_RATES; k++)
            sample->classes[c][k] = figures->totals.classes[c].counters[hk_class_rate_counters[k]];
    }
}

void hk_history_add(struct hk_history *history, const struct hk_figures *figures, bool moved, uint64_t at_ns)
{
    if (history->count > 0 && !moved && history->unmoved == HK_HISTORY) {
        history->last_ns = at_ns;
        return;
    }
    const struct hk_sample *last = &history->samples[history->newest];
    if (history->unmoved == HK_HISTORY) {
        /* Awake after samples that were not stored: the window begins where it slept last. */
        history->samples[history->newest].at_ns = history->last_ns;
        history->count = 1;
    }
    history->unmoved = moved || history->count == 0 ? 0 : history->unmoved + 1;
    if (history->count > 0)
        history->newest = (history->newest + 1) % HK_HISTORY;
    struct hk_sample *sample = &history->samples[history->newest];
    if (history->unmoved > 0)
        *sample = *last;
    else
        fill_sample(sample, figures);
    sample->at_ns = at_ns;
    history->last_ns = at_ns;
    if (history->count < HK_HISTORY)
        history->count++;
}

static const struct hk_sample *oldest(const struct hk_history *history)
{
    return &history->samples[(history->newest + HK_HISTORY + 1 - history->count) % HK_HISTORY];
}

static uint64_t window_ns(const struct hk_history *history)
{
    if (history->count < 2)
        return 0;
    uint64_t from = oldest(history)->at_ns, to = history->samples[history->newest].at_ns;
    return to > from ? to - from : 0;
}

uint32_t hk_history_window_ms(const struct hk_history *history)
{
    uint64_t ms = window_ns(history) / 1000000;
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

static double rate(const struct hk_history *history, uint64_t from, uint64_t to)
{
    uint64_t ns = window_ns(history);
    return ns && to > from ? (double)(to - from) * 1e9 / (double)ns : 0;
}

double hk_history_rate(const struct hk_history *history, unsigned i)
{
    return rate(history, oldest(history)->totals[i], history->samples[history->newest].totals[i]);
}

double hk_history_class_rate(const struct hk_history *history, unsigned size_class, unsigned which)
{
    return rate(history, oldest(history)->classes[size_class][which],
                history->samples[history->newest].classes[size_class][which]);
}

/* Index of a size in the sum, made if need be; hint is where it is if all libraries are alike. Past the
 * last place everything goes into it, rather than nowhere. */
static unsigned class_of(struct hk_counts *sum, unsigned hint, uint32_t bytes)
{
    if (hint < sum->class_count && sum->class_bytes[hint] == bytes)
        return hint;
    for (unsigned c = 0; c < sum->class_count; c++) {
        if (sum->class_bytes[c] == bytes)
            return c;
    }
    if (sum->class_count == HK_MAX_CLASSES)
        return HK_MAX_CLASSES - 1;
    sum->class_bytes[sum->class_count] = bytes;
    return sum->class_count++;
}

static void add_class(struct hk_counts *sum, unsigned c, const uint64_t counters[HK_CLASS_COUNTERS])
{
    for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++)
        sum->classes[c][i] = hk_add(sum->classes[c][i], counters[i]);
}

void hk_counts_add(struct hk_counts *sum, const struct hk_figures *figures)
{
    const struct hk_totals *t = &figures->totals;
    for (unsigned i = 0; i < hk_total_count; i++)
        sum->totals[i] = hk_add(sum->totals[i], hk_figures_total(figures, i));
    for (unsigned c = 0; c < t->class_count; c++)
        add_class(sum, class_of(sum, c, t->class_bytes[c]), t->classes[c].counters);
}

void hk_counts_add_counts(struct hk_counts *sum, const struct hk_counts *more)
{
    for (unsigned i = 0; i < hk_total_count; i++)
        sum->totals[i] = hk_add(sum->totals[i], more->totals[i]);
    for (unsigned c = 0; c < more->class_count; c++)
        add_class(sum, class_of(sum, c, more->class_bytes[c]), more->classes[c]);
}

void hk_sum_add(struct hk_sum *sum, const struct hk_figures *figures, const struct hk_history *history)
{
    const struct hk_totals *t = &figures->totals;
    sum->processes++;
    hk_counts_add(&sum->counts, figures);
    for (unsigned i = 0; i < hk_gauge_count; i++)
        sum->gauges[i] = hk_add(sum->gauges[i], hk_figures_gauge(figures, i));
    for (unsigned c = 0; c < t->class_count; c++) {
        unsigned at = class_of(&sum->counts, c, t->class_bytes[c]);
        for (unsigned i = 0; i < HK_CLASS_DERIVED; i++)
            sum->classes[at].derived[i] = hk_add(sum->classes[at].derived[i],
                                                 hk_figures_class_derived(figures, c, i));
        for (unsigned k = 0; history && k < HK_CLASS_RATES; k++)
            sum->classes[at].rates[k] += hk_history_class_rate(history, c, k);
    }
    if (!history)
        return;
    for (unsigned i = 0; i < hk_total_count; i++)
        sum->rates[i] += hk_history_rate(history, i);
    if (hk_history_window_ms(history) > sum->window_ms)
        sum->window_ms = hk_history_window_ms(history);
}
