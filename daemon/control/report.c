/* report.c - see report.h: list and stats. */
#include "daemon/control/report.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/control/report_process.h"
#include "daemon/daemon.h"
#include "shm/value.h"

static struct hk_report_time time_of(struct hk_daemon *daemon)
{
    return (struct hk_report_time){.daemon = daemon, .now_ns = hk_now_ns(), .boot_ns = hk_boot_ns()};
}

void hk_report_value(struct hk_json *json, const char *key, unsigned index, uint64_t value)
{
    char word[HK_CHOICES_BYTES];
    const struct hk_tunable_info *info = hk_value_info(index);
    if (info->type == HK_TYPE_CHOICE && hk_value_choice(info, value, word, sizeof word))
        hk_json_string(json, key, word);
    else
        hk_json_u64(json, key, value);
}

bool hk_report_list(struct hk_json *json, const char *key, struct hk_daemon *daemon,
                    const struct hk_viewer *viewer, const struct hk_params *params)
{
    struct hk_report_time time = time_of(daemon);
    struct hk_process **found;
    unsigned n = hk_select(&daemon->registry, &params->selector, viewer, params->dead, &found);
    if (n > 0 || !params->selector.given) {
        hk_json_object(json, key);
        hk_json_array(json, "processes");
        for (unsigned i = 0; i < n; i++) {
            hk_json_object(json, NULL);
            hk_report_identity(json, &time, found[i]);
            hk_json_end_object(json);
        }
        hk_json_end_array(json);
        hk_json_end_object(json);
    }
    free(found);
    return n > 0 || !params->selector.given;
}

/* ---- sums ---- */

/* One unit's sum; name NULL: processes in none. */
struct unit_sum {
    const char *name;
    struct hk_sum sum;
};

struct sums {
    struct hk_sum host;
    struct unit_sum **units;
    unsigned unit_count;
    unsigned found; /* records and graves */
};

static struct hk_sum *sum_of_unit(struct sums *sums, const char *name)
{
    for (unsigned i = 0; i < sums->unit_count; i++) {
        const char *known = sums->units[i]->name;
        if (known == name || (known && name && strcmp(known, name) == 0))
            return &sums->units[i]->sum;
    }
    sums->units = hk_realloc(sums->units, sums->unit_count + 1, sizeof(struct unit_sum *));
    struct unit_sum *unit = hk_alloc(sizeof *unit);
    unit->name = name;
    sums->units[sums->unit_count++] = unit;
    return &unit->sum;
}

static void add_up(struct sums *sums, const struct hk_registry *registry, const struct hk_selector *selector,
                   const struct hk_viewer *viewer)
{
    const struct hk_process *process;
    for (unsigned i = 0; i < registry->process_count; i++) {
        process = registry->processes[i];
        if (!hk_selects(selector, viewer, process))
            continue;
        sums->found++;
        hk_sum_add(&sums->host, &process->figures, process->history);
        hk_sum_add(sum_of_unit(sums, process->unit), &process->figures, process->history);
    }
    TAILQ_FOREACH(process, &registry->dead, link)
    {
        if (!hk_selects(selector, viewer, process))
            continue;
        sums->found++;
        hk_counts_add(&sums->host.counts, &process->figures);
    }
    for (unsigned i = 0; i < registry->grave_count; i++) {
        if (!hk_selects_grave(selector, viewer, registry->graves[i]))
            continue;
        sums->found++;
        hk_counts_add_counts(&sums->host.counts, &registry->graves[i]->counts);
    }
}

static void add_sum_vectors(struct hk_json *json, const struct hk_sum *sum)
{
    char name[HK_RATE_NAME_BYTES];
    hk_json_object(json, "totals");
    for (unsigned i = 0; i < hk_total_count; i++)
        hk_json_u64(json, hk_total_info(i)->name, sum->counts.totals[i]);
    hk_json_end_object(json);
    hk_json_object(json, "gauges");
    for (unsigned i = 0; i < hk_gauge_count; i++) {
        if (hk_gauge_adds_up(i))
            hk_json_u64(json, hk_gauge_info(i)->name, sum->gauges[i]);
    }
    hk_json_end_object(json);
    hk_json_object(json, "rates");
    for (unsigned i = 0; i < hk_total_count; i++)
        hk_json_rate(json, hk_rate_name(hk_total_info(i)->name, name), sum->rates[i]);
    hk_json_u64(json, "window_ms", sum->window_ms);
    hk_json_end_object(json);
}

static void add_sum_classes(struct hk_json *json, const struct hk_sum *sum)
{
    char name[HK_RATE_NAME_BYTES];
    hk_json_array(json, "classes");
    for (unsigned c = 0; c < sum->counts.class_count; c++) {
        const uint64_t *counters = sum->counts.classes[c];
        uint64_t any = 0;
        for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++)
            any |= hk_class_counters[i].kind == HK_KIND_COUNTER ? counters[i] : 0;
        if (!any)
            continue;
        hk_json_object(json, NULL);
        hk_json_u64(json, "size_bytes", sum->counts.class_bytes[c]);
        for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++) {
            if (hk_class_counters[i].kind == HK_KIND_COUNTER)
                hk_json_u64(json, hk_class_counters[i].name, counters[i]);
        }
        for (unsigned i = 0; i < HK_CLASS_DERIVED; i++)
            hk_json_u64(json, hk_class_derived_info(i)->name, sum->classes[c].derived[i]);
        for (unsigned k = 0; k < HK_CLASS_RATES; k++)
            hk_json_rate(json, hk_rate_name(hk_class_counters[hk_class_rate_counters[k]].name, name),
                         sum->classes[c].rates[k]);
        hk_json_end_object(json);
    }
    hk_json_end_array(json);
}

static void add_host(struct hk_json *json, const struct sums *sums, bool classes)
{
    hk_json_object(json, "host");
    hk_json_u64(json, "processes", sums->host.processes);
    hk_json_u64(json, "threads", sums->host.gauges[hk_gauge_index("threads")]);
    add_sum_vectors(json, &sums->host);
    if (classes)
        add_sum_classes(json, &sums->host);
    hk_json_end_object(json);
    hk_json_array(json, "units");
    for (unsigned i = 0; i < sums->unit_count; i++) {
        hk_json_object(json, NULL);
        hk_json_string(json, "unit", sums->units[i]->name);
        hk_json_u64(json, "processes", sums->units[i]->sum.processes);
        add_sum_vectors(json, &sums->units[i]->sum);
        hk_json_end_object(json);
    }
    hk_json_end_array(json);
}

static unsigned report_host(struct hk_json *json, struct hk_daemon *daemon, const struct hk_viewer *viewer,
                            const struct hk_params *params)
{
    struct sums *sums = hk_alloc(sizeof *sums);
    add_up(sums, &daemon->registry, &params->selector, viewer);
    add_host(json, sums, params->classes);
    unsigned found = sums->found;
    for (unsigned i = 0; i < sums->unit_count; i++)
        free(sums->units[i]);
    free(sums->units);
    free(sums);
    return found;
}

static unsigned report_processes(struct hk_json *json, struct hk_daemon *daemon,
                                 const struct hk_viewer *viewer, const struct hk_params *params)
{
    struct hk_report_time time = time_of(daemon);
    struct hk_process **found;
    unsigned n = hk_select(&daemon->registry, &params->selector, viewer, params->dead, &found);
    hk_json_array(json, "processes");
    for (unsigned i = 0; i < n; i++) {
        hk_json_object(json, NULL);
        hk_report_identity(json, &time, found[i]);
        hk_report_figures(json, found[i], params->classes);
        hk_json_end_object(json);
    }
    hk_json_end_array(json);
    free(found);
    return n;
}

/* Returns how many records there were. */
static unsigned add_members(struct hk_json *json, struct hk_daemon *daemon, const struct hk_viewer *viewer,
                            const struct hk_params *params)
{
    hk_json_u64(json, "interval_ms", daemon->interval_ms);
    return params->host ? report_host(json, daemon, viewer, params)
                        : report_processes(json, daemon, viewer, params);
}

void hk_report_stats_members(struct hk_json *json, struct hk_daemon *daemon, const struct hk_viewer *viewer,
                             const struct hk_params *params)
{
    add_members(json, daemon, viewer, params);
}

bool hk_report_stats(struct hk_json *json, const char *key, struct hk_daemon *daemon,
                     const struct hk_viewer *viewer, const struct hk_params *params)
{
    struct hk_json before = *json;
    hk_json_object(json, key);
    unsigned found = add_members(json, daemon, viewer, params);
    hk_json_end_object(json);
    if (found > 0 || !params->selector.given)
        return true;
    json->len = before.len;
    json->follows = before.follows;
    return false;
}
