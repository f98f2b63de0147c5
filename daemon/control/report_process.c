/* report_process.c - see report_process.h. */
#include "daemon/control/report_process.h"

#include <string.h>

#include "daemon/daemon.h"
#include "daemon/model/process.h"
#include "daemon/sources/procfs.h"
#include "shm/value.h"

/* The figures of list that are gauges or totals by their name in the schema. */
static const char *const listed_gauges[] = {"threads",       "live_bytes",     "bin_bytes",
                                            "partial_bytes", "retained_bytes", "mapped_bytes"};
static const char *const listed_totals[] = {"allocs_total", "frees_total"};

/* Their places, found once. */
static struct {
    bool known;
    unsigned gauges[HK_COUNT_OF(listed_gauges)], totals[HK_COUNT_OF(listed_totals)];
} listed;

static void find_listed(void)
{
    for (unsigned i = 0; i < HK_COUNT_OF(listed_gauges) && !listed.known; i++)
        listed.gauges[i] = hk_gauge_index(listed_gauges[i]);
    for (unsigned i = 0; i < HK_COUNT_OF(listed_totals) && !listed.known; i++)
        listed.totals[i] = hk_total_index(listed_totals[i]);
    listed.known = true;
}

static double rate_of(const struct hk_process *process, unsigned i)
{
    return process->history ? hk_history_rate(process->history, i) : 0;
}

static void add_totals(struct hk_json *json, const struct hk_process *process)
{
    char name[HK_RATE_NAME_BYTES];
    for (unsigned i = 0; i < HK_COUNT_OF(listed_totals); i++)
        hk_json_u64(json, listed_totals[i], hk_figures_total(&process->figures, listed.totals[i]));
    for (unsigned i = 0; i < HK_COUNT_OF(listed_totals); i++)
        hk_json_rate(json, hk_rate_name(listed_totals[i], name), rate_of(process, listed.totals[i]));
}

static void add_ended(struct hk_json *json, const struct hk_report_time *time,
                      const struct hk_process *process)
{
    hk_json_string(json, "state", process->ended ? "dead" : "live");
    if (!process->ended) {
        hk_json_null(json, "ended");
        return;
    }
    hk_json_object(json, "ended");
    hk_json_u64(json, "age_s", (time->boot_ns - process->ended_boot_ns) / HK_NS_PER_S);
    hk_json_string(json, "how", hk_ended_name(process->ended));
    hk_json_end_object(json);
}

static void add_age(struct hk_json *json, const struct hk_report_time *time, const struct hk_process *process)
{
    uint64_t from = hk_ticks_to_ns(process->start_ticks);
    uint64_t to = process->ended ? process->ended_boot_ns : time->boot_ns;
    if (from == 0)
        hk_json_null(json, "age_s");
    else
        hk_json_u64(json, "age_s", to > from ? (to - from) / HK_NS_PER_S : 0);
}

/* Only if the process's times are of the clock we think. */
static void add_idle(struct hk_json *json, const struct hk_report_time *time,
                     const struct hk_process *process)
{
    uint64_t last = process->view.process[HK_PROCESS_AT(last_slow_path_ns)];
    if (last == 0 || process->ended)
        hk_json_null(json, "idle_ms");
    else
        hk_json_u64(json, "idle_ms", time->now_ns > last ? (time->now_ns - last) / HK_NS_PER_MS : 0);
}

void hk_report_identity(struct hk_json *json, const struct hk_report_time *time, struct hk_process *process)
{
    uint64_t rss;
    uint64_t rss_age_ns = time->daemon->interval_ms * HK_NS_PER_MS;
    find_listed();
    hk_json_i64(json, "pid", process->pid);
    hk_json_i64(json, "ppid", process->ppid);
    hk_json_i64(json, "family", process->family_pid);
    hk_json_string(json, "comm", process->comm);
    hk_json_string(json, "exe", process->exe);
    hk_json_bool(json, "exe_claimed", process->exe_claimed);
    hk_json_string(json, "program", process->program ? process->program : process->exe);
    hk_json_string(json, "unit", process->unit);
    hk_json_u64(json, "uid", process->uid);
    hk_json_string(json, "user", hk_names_get(&time->daemon->names, process->uid));
    hk_json_string(json, "label", process->label);
    add_ended(json, time, process);
    add_age(json, time, process);
    hk_json_string(json, "version", process->version);
    for (unsigned i = 0; i < HK_COUNT_OF(listed_gauges); i++)
        hk_json_u64(json, listed_gauges[i], hk_figures_gauge(&process->figures, listed.gauges[i]));
    if (hk_process_rss(process, rss_age_ns, time->now_ns, &rss))
        hk_json_u64(json, "rss_bytes", rss);
    else
        hk_json_null(json, "rss_bytes");
    add_totals(json, process);
    hk_json_u64(json, "generation_applied", process->view.process[HK_PROCESS_AT(generation_applied)]);
    add_idle(json, time, process);
}

static void add_vectors(struct hk_json *json, const struct hk_process *process)
{
    char name[HK_RATE_NAME_BYTES];
    const struct hk_figures *figures = &process->figures;
    hk_json_object(json, "totals");
    for (unsigned i = 0; i < hk_total_count; i++)
        hk_json_u64(json, hk_total_info(i)->name, hk_figures_total(figures, i));
    hk_json_end_object(json);
    hk_json_object(json, "gauges");
    for (unsigned i = 0; i < hk_gauge_count; i++)
        hk_json_u64(json, hk_gauge_info(i)->name, hk_figures_gauge(figures, i));
    hk_json_end_object(json);
    hk_json_object(json, "rates");
    for (unsigned i = 0; i < hk_total_count; i++)
        hk_json_rate(json, hk_rate_name(hk_total_info(i)->name, name), rate_of(process, i));
    hk_json_u64(json, "window_ms", process->history ? hk_history_window_ms(process->history) : 0);
    hk_json_end_object(json);
}

/* Gauges of classes are bounds on how far the counters lag. */
static void add_bounds(struct hk_json *json, const struct hk_process *process)
{
    hk_json_object(json, "bounds");
    for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++) {
        if (hk_class_counters[i].kind == HK_KIND_GAUGE)
            hk_json_u64(json, hk_class_counters[i].name, hk_totals_class_sum(&process->figures.totals, i));
    }
    hk_json_end_object(json);
}

static bool is_said(const struct hk_applied_view *a)
{
    return a->verdict != HK_VERDICT_NONE || a->source != HK_SOURCE_DEFAULT || a->value != 0;
}

/* The plain tunables, and those of classes that are set. */
static void add_tunables(struct hk_json *json, const struct hk_process *process)
{
    const struct hk_totals *t = &process->figures.totals;
    char name[HK_NAME_BYTES + 16];
    hk_json_object(json, "tunables");
    for (unsigned i = 0; i < HK_VALUES; i++) {
        const struct hk_applied_view *a = &process->view.applied[i];
        if (i >= HK_TUNABLES && a->source == HK_SOURCE_DEFAULT)
            continue;
        hk_value_name(i, t->class_bytes, t->class_count, name, sizeof name);
        hk_report_value(json, name, i, is_said(a) ? a->effective : hk_value_info(i)->dflt);
    }
    hk_json_end_object(json);
}

static bool has_traffic(const struct hk_class_totals *t)
{
    for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++) {
        if (hk_class_counters[i].kind == HK_KIND_COUNTER && t->counters[i] != 0)
            return true;
    }
    return false;
}

static void add_class(struct hk_json *json, const struct hk_process *process, unsigned c)
{
    char name[HK_RATE_NAME_BYTES];
    const struct hk_class_totals *t = &process->figures.totals.classes[c];
    hk_json_object(json, NULL);
    hk_json_u64(json, "size_bytes", process->figures.totals.class_bytes[c]);
    for (unsigned i = 0; i < HK_CLASS_COUNTERS; i++)
        hk_json_u64(json, hk_class_counters[i].name, t->counters[i]);
    for (unsigned i = 0; i < HK_CLASS_DERIVED; i++)
        hk_json_u64(json, hk_class_derived_info(i)->name, hk_figures_class_derived(&process->figures, c, i));
    for (unsigned k = 0; k < HK_CLASS_RATES; k++)
        hk_json_rate(json, hk_rate_name(hk_class_counters[hk_class_rate_counters[k]].name, name),
                     process->history ? hk_history_class_rate(process->history, c, k) : 0);
    hk_json_end_object(json);
}

void hk_report_figures(struct hk_json *json, const struct hk_process *process, bool classes)
{
    add_vectors(json, process);
    add_bounds(json, process);
    add_tunables(json, process);
    if (!classes)
        return;
    hk_json_array(json, "classes");
    for (unsigned c = 0; c < process->figures.totals.class_count; c++) {
        if (has_traffic(&process->figures.totals.classes[c]))
            add_class(json, process, c);
    }
    hk_json_end_array(json);
}
