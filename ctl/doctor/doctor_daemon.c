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
#define ALLOCS_WORTH_IT   10000.0 /* a second */
#define PURGED_WORTH_IT   (16.0 * 1024 * 1024)
#define MAPPINGS_OF_LIMIT 0.8
#define STARTED_S         30.0 /* before that, rates are those of a start */
#define REFUSAL_OF_LATE_S 3600.0

static double total(const cJSON *process, const char *key)
{
    return hk_json_number(hk_json_member(process, "totals"), key);
}

static double gauge(const cJSON *process, const char *key)
{
    return hk_json_number(hk_json_member(process, "gauges"), key);
}

static double rate(const cJSON *process, const char *key)
{
    return hk_json_number(hk_json_member(process, "rates"), key);
}

/* ---- the daemon ---- */

/* Those that are still there were judged one by one: see doctor_unseen.c. */
static void look_at_refusals(struct hk_doctor *doctor)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, hk_json_member(doctor->info, "last_refusals"))
    {
        double pid = hk_json_number(entry, "pid"), age_s = hk_json_number(entry, "age_s");
        const char *reason = hk_json_string(entry, "reason");
        struct hk_proc_stat stat;
        bool judged = hk_proc_stat((pid_t)pid, &stat);
        if (age_s < REFUSAL_OF_LATE_S && reason && !judged && hk_doctor_is_selected(doctor, pid))
            hk_finding_add(&doctor->findings, HK_FOUND_HELLO_REFUSED, pid, NULL,
                           "the daemon turned it away %s ago: %s", hk_units_duration(age_s * 1e3).s, reason);
    }
}

static void look_at_version(struct hk_doctor *doctor)
{
    const char *version = hk_json_string(doctor->info, "version");
    if (version && strcmp(version, HAKMEM_VERSION) != 0)
        hk_finding_add(&doctor->findings, HK_FOUND_OTHER_VERSION, 0, NULL, "hakmemd is %s, hakmemctl %s",
                       version, HAKMEM_VERSION);
}

/* ---- processes: figures ---- */

static void look_at_counts(struct hk_doctor *doctor, const cJSON *process, double pid, const char *comm)
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

static void look_at_rates(struct hk_doctor *doctor, const cJSON *process, double pid, const char *comm)
{
    double allocs = rate(process, "allocs_per_s");
    double moves = rate(process, "refills_per_s") + rate(process, "flushes_per_s");
    double purged = rate(process, "purged_bytes_per_s");
    if (!(hk_json_number(process, "age_s") >= STARTED_S))
        return;
    if (allocs >= ALLOCS_WORTH_IT && moves > allocs * REFILLS_OF_ALLOCS)
        hk_finding_add(&doctor->findings, HK_FOUND_MANY_REFILLS, pid, comm,
                       "%s refills and flushes for %s allocations", hk_units_rate(moves).s,
                       hk_units_rate(allocs).s);
    if (purged >= PURGED_WORTH_IT && purged > gauge(process, HK_KEY_DERIVED(live_bytes)))
        hk_finding_add(&doctor->findings, HK_FOUND_MANY_PURGES, pid, comm,
                       "%s go back to the system, with %s live", hk_units_byte_rate(purged).s,
                       hk_units_bytes(gauge(process, HK_KEY_DERIVED(live_bytes))).s);
}

static void look_at_mappings(struct hk_doctor *doctor, double pid, const char *comm)
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

static void look_at_process(struct hk_doctor *doctor, const cJSON *process)
{
    double pid = hk_json_number(process, "pid");
    const char *comm = hk_json_string(process, "comm"), *version = hk_json_string(process, "version");
    doctor->looked_at++;
    if (version && strcmp(version, HAKMEM_VERSION) != 0)
        hk_finding_add(&doctor->findings, HK_FOUND_OTHER_VERSION, pid, comm,
                       "its library is %s, hakmemctl %s", version, HAKMEM_VERSION);
    look_at_counts(doctor, process, pid, comm);
    look_at_rates(doctor, process, pid, comm);
    look_at_mappings(doctor, pid, comm);
    hk_doctor_process_program(doctor, pid, comm);
}

/* ---- processes: tuning ---- */

static void look_at_value(struct hk_doctor *doctor, const cJSON *value, double pid, const char *comm)
{
    const char *verdict = hk_json_string(value, "verdict");
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

static void look_at_tuning(struct hk_doctor *doctor, const cJSON *process)
{
    double pid = hk_json_number(process, "pid");
    const char *comm = hk_json_string(hk_doctor_listed(doctor, pid), "comm");
    const cJSON *value;
    double applied = hk_json_number(process, "generation_applied");
    double published = hk_json_number(process, "generation_published");
    if (applied < published)
        hk_finding_add(&doctor->findings, HK_FOUND_PENDING, pid, comm,
                       "generation %.0f is published, %.0f in force", published, applied);
    cJSON_ArrayForEach(value, hk_json_member(process, "tunables"))
    {
        look_at_value(doctor, value, pid, comm);
    }
}

/* ---- all ---- */

typedef void look(struct hk_doctor *doctor, const cJSON *process);

static void look_at_all(struct hk_doctor *doctor, const char *method, look *at)
{
    struct hk_call_error error;
    cJSON *result;
    const cJSON *process;
    cJSON *params = hk_need(cJSON_CreateObject());
    hk_selector_add(doctor->selector, params);
    enum hk_call call = hk_client_call(doctor->client, method, params, HK_CLIENT_PATIENCE_MS, &result,
                                       &error);
    if (call == HK_CALL_REFUSED)
        cJSON_Delete(error.object);
    if (call != HK_CALL_OK)
        return;
    cJSON_ArrayForEach(process, hk_json_member(result, "processes"))
    {
        at(doctor, process);
    }
    cJSON_Delete(result);
}

void hk_doctor_daemon(struct hk_doctor *doctor)
{
    look_at_version(doctor);
    look_at_refusals(doctor);
    look_at_all(doctor, "stats", look_at_process);
    look_at_all(doctor, "tune.get", look_at_tuning);
}
