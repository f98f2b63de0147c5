/* doctor_daemon.c - what doctor makes of the daemon's answers: about itself, and about the processes it sees.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/quantity.h"
#include "ctl/doctor/doctor.h"
#include "ctl/doctor/proc_status.h"
#include "ctl/render/counter_keys.h"

/* Where a figure begins to be a finding. */
#define REFILLS_OF_ALLOCS 0.05
#define ALLOCS_MIN        10000.0 /* a second */
#define PURGED_MIN        (16.0 * 1024 * 1024)
#define MAPPINGS_OF_LIMIT 0.8
#define STARTED_S         30.0 /* before that, rates are those of a start */
#define REFUSAL_RECENT_S  3600.0

static double total(const cJSON *process, const char *key)
{
    return hk_json_get_number(hk_json_get_member(process, "totals"), key);
}

static double gauge(const cJSON *process, const char *key)
{
    return hk_json_get_number(hk_json_get_member(process, "gauges"), key);
}

static double rate(const cJSON *process, const char *key)
{
    return hk_json_get_number(hk_json_get_member(process, "rates"), key);
}

/* ---- the daemon ---- */

/* Those that are still there were judged one by one: see doctor_unseen.c. */
static void check_refusals(struct hk_doctor *doctor)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, hk_json_get_member(doctor->info, "last_refusals"))
    {
        double pid = hk_json_get_number(entry, "pid"), age_s = hk_json_get_number(entry, "age_s");
        const char *reason = hk_json_get_string(entry, "reason");
        struct hk_proc_stat stat;
        bool is_alive = hk_proc_stat((pid_t)pid, &stat);
        if (age_s < REFUSAL_RECENT_S && reason && !is_alive && hk_doctor_is_selected(doctor, pid))
            hk_finding_add(&doctor->findings, HK_FOUND_HELLO_REFUSED, pid, NULL,
                           "the daemon turned it away %s ago: %s", hk_quantity_duration(age_s * 1e3).s,
                           reason);
    }
}

static void check_version(struct hk_doctor *doctor)
{
    const char *version = hk_json_get_string(doctor->info, "version");
    if (version && strcmp(version, HAKMEM_VERSION) != 0)
        hk_finding_add(&doctor->findings, HK_FOUND_OTHER_VERSION, 0, NULL, "hakmemd is %s, hakmemctl %s",
                       version, HAKMEM_VERSION);
}

/* ---- processes: figures ---- */

static void check_counts(struct hk_doctor *doctor, const cJSON *process, double pid, const char *comm)
{
    double failed = total(process, HK_KEY_PROCESS(failed_allocs_total));
    double errors = total(process, HK_KEY_PROCESS(sys_errors_total));
    double unpublished = gauge(process, HK_KEY_PROCESS(heaps_unpublished));
    if (failed > 0)
        hk_finding_add(&doctor->findings, HK_FOUND_FAILED_ALLOCATIONS, pid, comm,
                       "allocations that were answered with NULL: %.0f", failed);
    if (errors > 0)
        hk_finding_add(&doctor->findings, HK_FOUND_REFUSED_CALLS, pid, comm,
                       "memory system calls that the kernel refused: %.0f", errors);
    if (unpublished > 0)
        hk_finding_add(&doctor->findings, HK_FOUND_UNPUBLISHED_HEAPS, pid, comm,
                       "heaps without a slot in its segment: %.0f", unpublished);
}

static void check_rates(struct hk_doctor *doctor, const cJSON *process, double pid, const char *comm)
{
    double allocs = rate(process, "allocs_per_s");
    double moves = rate(process, "refills_per_s") + rate(process, "flushes_per_s");
    double purged = rate(process, "purged_bytes_per_s");
    if (!(hk_json_get_number(process, "age_s") >= STARTED_S))
        return;
    if (allocs >= ALLOCS_MIN && moves > allocs * REFILLS_OF_ALLOCS)
        hk_finding_add(&doctor->findings, HK_FOUND_MANY_REFILLS, pid, comm,
                       "%s refills and flushes for %s allocations", hk_quantity_rate(moves).s,
                       hk_quantity_rate(allocs).s);
    if (purged >= PURGED_MIN && purged > gauge(process, HK_KEY_DERIVED(live_bytes)))
        hk_finding_add(&doctor->findings, HK_FOUND_MANY_PURGES, pid, comm,
                       "%s go back to the system, with %s live", hk_quantity_byte_rate(purged).s,
                       hk_quantity_bytes(gauge(process, HK_KEY_DERIVED(live_bytes))).s);
}

static void check_mappings(struct hk_doctor *doctor, double pid, const char *comm)
{
    unsigned long most = hk_proc_number("/proc/sys/vm/max_map_count"), lines = 0;
    struct hk_proc_text maps;
    if (most == 0 || !hk_proc_read((pid_t)pid, "maps", &maps))
        return;
    for (const char *at = maps.text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    free(maps.text);
    if ((double)lines > (double)most * MAPPINGS_OF_LIMIT)
        hk_finding_add(&doctor->findings, HK_FOUND_MANY_MAPPINGS, pid, comm,
                       "it has %lu mappings of at most %lu", lines, most);
}

static void check_process(struct hk_doctor *doctor, const cJSON *process)
{
    double pid = hk_json_get_number(process, "pid");
    const char *comm = hk_json_get_string(process, "comm"), *version = hk_json_get_string(process, "version");
    doctor->checked++;
    if (version && strcmp(version, HAKMEM_VERSION) != 0)
        hk_finding_add(&doctor->findings, HK_FOUND_OTHER_VERSION, pid, comm,
                       "its library is %s, hakmemctl %s", version, HAKMEM_VERSION);
    check_counts(doctor, process, pid, comm);
    check_rates(doctor, process, pid, comm);
    check_mappings(doctor, pid, comm);
    hk_doctor_process_program(doctor, pid, comm);
}

/* ---- processes: tuning ---- */

static void check_value(struct hk_doctor *doctor, const cJSON *value, double pid, const char *comm)
{
    const char *verdict = hk_json_get_string(value, "verdict");
    if (verdict && strcmp(verdict, "clamped") == 0)
        hk_finding_add(&doctor->findings, HK_FOUND_CLAMPED, pid, comm, "%s is out of its library's range",
                       value->string);
    if (verdict && strcmp(verdict, "unknown") == 0)
        hk_finding_add(&doctor->findings, HK_FOUND_UNKNOWN_VALUE, pid, comm,
                       "%s has a value that its library does not know", value->string);
    if (verdict && strcmp(verdict, "fixed") == 0)
        hk_finding_add(&doctor->findings, HK_FOUND_FIXED, pid, comm,
                       "%s was decided by HAKMEM_HARDEN at its start, and another value is asked for",
                       value->string);
}

static void check_tuning(struct hk_doctor *doctor, const cJSON *process)
{
    double pid = hk_json_get_number(process, "pid");
    const char *comm = hk_json_get_string(hk_doctor_listed(doctor, pid), "comm");
    const cJSON *value;
    double applied = hk_json_get_number(process, "generation_applied");
    double published = hk_json_get_number(process, "generation_published");
    if (applied < published)
        hk_finding_add(&doctor->findings, HK_FOUND_PENDING, pid, comm,
                       "generation %.0f is published, %.0f in force", published, applied);
    cJSON_ArrayForEach(value, hk_json_get_member(process, "tunables"))
    {
        check_value(doctor, value, pid, comm);
    }
}

/* ---- all ---- */

typedef void check_one_process(struct hk_doctor *doctor, const cJSON *process);

static void check_all(struct hk_doctor *doctor, const char *method, check_one_process *check_one)
{
    struct hk_call_error error;
    cJSON *result;
    const cJSON *process;
    cJSON *params = hk_need(cJSON_CreateObject());
    hk_selector_args_add(doctor->selector, params);
    enum hk_call_status call = hk_connection_call(doctor->connection, method, params,
                                                  HK_CONNECTION_PATIENCE_MS, &result, &error);
    if (call == HK_CALL_REFUSED)
        cJSON_Delete(error.object);
    if (call != HK_CALL_OK)
        return;
    cJSON_ArrayForEach(process, hk_json_get_member(result, "processes"))
    {
        check_one(doctor, process);
    }
    cJSON_Delete(result);
}

void hk_doctor_daemon(struct hk_doctor *doctor)
{
    check_version(doctor);
    check_refusals(doctor);
    check_all(doctor, "stats", check_process);
    check_all(doctor, "tune.get", check_tuning);
}
