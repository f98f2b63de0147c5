/* report_info.c - answers about the daemon and the schema, and tune.get. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/systemd.h"
#include "daemon/control/report.h"
#include "daemon/daemon.h"
#include "shm/value.h"

/* ---- info ---- */

static void add_refusals(struct hk_json *json, const struct hk_daemon *daemon, const struct hk_viewer *viewer)
{
    uint64_t now_ns = hk_now_ns();
    hk_json_array(json, "last_refusals");
    for (unsigned i = 1; i <= HK_REFUSALS_KEPT; i++) {
        unsigned at = (daemon->next_refusal + HK_REFUSALS_KEPT - i) % HK_REFUSALS_KEPT;
        const struct hk_refusal *refusal = &daemon->refusals[at];
        if (refusal->at_ns == 0 || (!viewer->everything && refusal->uid != viewer->uid))
            continue;
        hk_json_object(json, NULL);
        hk_json_i64(json, "pid", refusal->pid);
        hk_json_u64(json, "uid", refusal->uid);
        hk_json_string(json, "reason", refusal->reason);
        hk_json_u64(json, "age_s", (now_ns - refusal->at_ns) / HK_NS_PER_S);
        hk_json_end_object(json);
    }
    hk_json_end_array(json);
}

/* How many there are as far as the viewer can see. */
static void add_counts(struct hk_json *json, const struct hk_daemon *daemon, const struct hk_viewer *viewer)
{
    const struct hk_registry *registry = &daemon->registry;
    const struct hk_process *process;
    const struct hk_family *family;
    unsigned processes = 0, dead = 0, families = 0;
    for (unsigned i = 0; i < registry->process_count; i++)
        processes += hk_may_see(viewer, registry->processes[i]);
    TAILQ_FOREACH(process, &registry->dead, link)
    dead += hk_may_see(viewer, process);
    TAILQ_FOREACH(family, &registry->families, link)
    families += family->process_count > 0 && (viewer->everything || family->uid == viewer->uid);
    hk_json_u64(json, "processes", processes);
    hk_json_u64(json, "dead", dead);
    hk_json_u64(json, "families", families);
    hk_json_u64(json, "clients", hk_server_clients_of(&daemon->server, viewer));
}

void hk_report_info(struct hk_json *json, const char *key, struct hk_daemon *daemon,
                    const struct hk_viewer *viewer)
{
    hk_json_object(json, key);
    hk_json_string(json, "version", HAKMEM_VERSION);
    hk_json_u64(json, "abi_major", HK_ABI_MAJOR);
    hk_json_u64(json, "abi_minor", HK_ABI_MINOR);
    hk_json_i64(json, "pid", getpid());
    hk_json_u64(json, "uid", geteuid());
    hk_json_u64(json, "uptime_s", (hk_now_ns() - daemon->started_ns) / HK_NS_PER_S);
    hk_json_u64(json, "interval_ms", daemon->interval_ms);
    hk_json_string(json, "runtime_dir", daemon->rundir.path);
    hk_json_object(json, "config");
    hk_json_string(json, "file", daemon->config.file);
    hk_json_u64(json, "policies", daemon->config.policy_count);
    hk_json_end_object(json);
    hk_json_bool(json, "systemd", hk_systemd_built());
    add_counts(json, daemon, viewer);
    hk_json_u64(json, "samples_total", daemon->samples_total);
    hk_json_u64(json, "hellos_total", daemon->hellos_total);
    hk_json_u64(json, "hellos_refused_total", daemon->hellos_refused_total);
    add_refusals(json, daemon, viewer);
    hk_json_end_object(json);
}

/* ---- schema ---- */

static const char *scope_name(unsigned scope)
{
    return scope == HK_SCOPE_CLASS ? "class" : scope == HK_SCOPE_HEAP ? "heap" : "process";
}

static void add_counter(struct hk_json *json, const struct hk_counter_info *info)
{
    hk_json_object(json, NULL);
    hk_json_string(json, "name", info->name);
    hk_json_string(json, "scope", scope_name(info->scope));
    hk_json_string(json, "kind", hk_kind_name(info->kind));
    hk_json_string(json, "unit", hk_unit_name(info->unit));
    hk_json_bool(json, "derived", info->derived);
    hk_json_string(json, "help", info->help);
    hk_json_end_object(json);
}

static void add_counters(struct hk_json *json, const struct hk_counter_info *infos, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        add_counter(json, &infos[i]);
}

static const char *effect_name(unsigned effect)
{
    static const char *const names[] = {"none", "slow_path", "purge", "open"};
    return effect < HK_COUNT_OF(names) ? names[effect] : "?";
}

static void add_choices(struct hk_json *json, const char *choices)
{
    hk_json_array(json, "choices");
    while (*choices != '\0') {
        size_t len = strcspn(choices, ",");
        hk_json_string_n(json, NULL, choices, len);
        choices += len + (choices[len] == ',');
    }
    hk_json_end_array(json);
}

static void add_tunable(struct hk_json *json, const struct hk_tunable_info *info, unsigned index)
{
    bool per_class = index >= HK_TUNABLES;
    hk_json_object(json, NULL);
    hk_json_string(json, "name", info->name);
    hk_json_bool(json, "per_class", per_class);
    hk_json_string(json, "type", info->type == HK_TYPE_CHOICE ? "choice" : "uint");
    add_choices(json, info->choices);
    hk_json_string(json, "unit", hk_unit_name(info->unit));
    hk_json_u64(json, "min", info->min);
    hk_json_u64(json, "max", info->max);
    if (per_class)
        hk_json_null(json, "default");
    else
        hk_report_value(json, "default", index, info->dflt);
    hk_json_string(json, "effect", effect_name(info->effect));
    hk_json_string(json, "help", info->help);
    hk_json_end_object(json);
}

void hk_report_schema(struct hk_json *json, const char *key)
{
    hk_json_object(json, key);
    hk_json_array(json, "counters");
    add_counters(json, hk_class_counters, HK_CLASS_COUNTERS);
    add_counters(json, hk_heap_counters, HK_HEAP_COUNTERS);
    add_counters(json, hk_process_counters, HK_PROCESS_COUNTERS);
    add_counters(json, hk_derived_counters, hk_derived_counter_count);
    hk_json_end_array(json);
    hk_json_array(json, "tunables");
    for (unsigned i = 0; i < HK_TUNABLES; i++)
        add_tunable(json, &hk_tunables[i], i);
    for (unsigned i = 0; i < HK_CLASS_TUNABLES; i++)
        add_tunable(json, &hk_class_tunables[i], hk_class_value_index(i, 0));
    hk_json_end_array(json);
    hk_json_end_object(json);
}

/* ---- tune.get ---- */

static void bounds_of(const struct hk_reader *reader, unsigned index, uint64_t *min, uint64_t *max)
{
    unsigned id = index < HK_TUNABLES ? index : (index - HK_TUNABLES) / HK_MAX_CLASSES;
    *min = index < HK_TUNABLES ? reader->tunable_min[id] : reader->class_tunable_min[id];
    *max = index < HK_TUNABLES ? reader->tunable_max[id] : reader->class_tunable_max[id];
}

/* What remains of a value that the daemon steers, as the process says it has it. */
static void add_remaining(struct hk_json *json, const struct hk_family *family, unsigned index,
                          unsigned source, uint64_t now_ns)
{
    int steer = hk_tune_winner(&family->tuning, index);
    const struct hk_wish *wish = steer >= 0 ? &family->tuning.wishes[index][steer] : NULL;
    if (wish && wish->expires_ns != 0 && hk_steer_source((unsigned)steer) == source)
        hk_json_u64(json, "remaining_s", hk_wish_remaining_s(wish, now_ns));
    else
        hk_json_null(json, "remaining_s");
}

static void add_tuned(struct hk_json *json, const char *name, const struct hk_process *process,
                      unsigned index, uint64_t now_ns)
{
    const struct hk_applied_view *a = &process->view.applied[index];
    bool said = a->verdict != HK_VERDICT_NONE || a->source != HK_SOURCE_DEFAULT || a->value != 0;
    uint64_t dflt = hk_value_info(index)->dflt, min, max;
    bounds_of(&process->family->segment.reader, index, &min, &max);
    hk_json_object(json, name);
    hk_report_value(json, "value", index, said ? a->value : dflt);
    hk_report_value(json, "effective", index, said ? a->effective : dflt);
    if (index < HK_TUNABLES)
        hk_report_value(json, "default", index, dflt);
    else
        hk_json_null(json, "default");
    hk_json_u64(json, "min", min);
    hk_json_u64(json, "max", max);
    hk_json_string(json, "unit", hk_unit_name(hk_value_info(index)->unit));
    hk_json_string(json, "source", hk_source_name(a->source));
    hk_json_u64(json, "generation", a->generation);
    add_remaining(json, process->family, index, a->source, now_ns);
    hk_json_string(json, "verdict", hk_verdict_name(a->verdict));
    hk_json_end_object(json);
}

static void add_tuning(struct hk_json *json, const struct hk_process *process, uint64_t now_ns)
{
    const struct hk_reader *reader = &process->family->segment.reader;
    char name[HK_NAME_BYTES + 16];
    hk_json_object(json, NULL);
    hk_json_i64(json, "pid", process->pid);
    hk_json_u64(json, "generation_applied", process->view.process[HK_PROCESS_AT(generation_applied)]);
    hk_json_u64(json, "generation_published", process->family->published.generation);
    hk_json_u64(json, "heaps_behind", process->view.process[HK_PROCESS_AT(heaps_behind)]);
    hk_json_object(json, "tunables");
    for (unsigned i = 0; i < HK_VALUES; i++) {
        bool set = process->view.applied[i].source != HK_SOURCE_DEFAULT;
        if (hk_reader_value_index(reader, i) == UINT32_MAX || (i >= HK_TUNABLES && !set))
            continue;
        hk_value_name(i, reader->classes, reader->class_count, name, sizeof name);
        add_tuned(json, name, process, i, now_ns);
    }
    hk_json_end_object(json);
    hk_json_end_object(json);
}

bool hk_report_tuning(struct hk_json *json, const char *key, struct hk_daemon *daemon,
                      const struct hk_viewer *viewer, const struct hk_params *params)
{
    struct hk_process **found;
    uint64_t now_ns = hk_now_ns();
    unsigned n = hk_select(&daemon->registry, &params->selector, viewer, false, &found);
    if (n > 0 || !params->selector.given) {
        hk_json_object(json, key);
        hk_json_array(json, "processes");
        for (unsigned i = 0; i < n; i++)
            add_tuning(json, found[i], now_ns);
        hk_json_end_array(json);
        hk_json_end_object(json);
    }
    free(found);
    return n > 0 || !params->selector.given;
}
