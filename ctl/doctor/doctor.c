/* doctor.c - see doctor.h: what the daemon answers, and which processes are selected. */
#include "ctl/doctor/doctor.h"

#include "ctl/base/error_report.h"

/* The daemon's answer, or NULL if it refuses or is gone. */
static cJSON *ask(struct hk_connection *connection, const char *method)
{
    struct hk_call_error error;
    cJSON *result = NULL;
    enum hk_call_status call = hk_connection_call(connection, method, NULL, HK_CONNECTION_PATIENCE_MS,
                                                  &result, &error);
    if (call == HK_CALL_OK)
        return result;
    hk_verbose("%s: %s", method, error.message);
    if (call == HK_CALL_REFUSED)
        cJSON_Delete(error.object);
    return NULL;
}

void hk_doctor_ask_info(struct hk_doctor *doctor)
{
    doctor->info = ask(doctor->connection, "info");
    if (!doctor->info)
        hk_finding_add(&doctor->findings, HK_FOUND_NO_DAEMON, 0, NULL, "the daemon in %s does not answer",
                       doctor->connection->dir);
}

void hk_doctor_ask_list(struct hk_doctor *doctor)
{
    cJSON *list = doctor->info ? ask(doctor->connection, "list") : NULL;
    cJSON_Delete(doctor->listed);
    doctor->listed = cJSON_DetachItemFromObjectCaseSensitive(list, "processes");
    cJSON_Delete(list);
}

const cJSON *hk_doctor_listed(const struct hk_doctor *doctor, double pid)
{
    const cJSON *process;
    cJSON_ArrayForEach(process, doctor->listed)
    {
        if (hk_json_get_number(process, "pid") == pid)
            return process;
    }
    return NULL;
}

bool hk_doctor_is_selected(const struct hk_doctor *doctor, double pid)
{
    const struct hk_selector_args *selector = doctor->selector;
    for (size_t i = 0; i < selector->pid_count; i++) {
        if (selector->pids[i] == pid)
            return true;
    }
    return selector->all || !hk_selector_args_given(selector);
}
