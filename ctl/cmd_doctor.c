/* cmd_doctor.c - hakmemctl doctor: what is wrong, why, and what to do. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/terminal_text.h"
#include "ctl/client/find_daemon.h"
#include "ctl/commands.h"
#include "ctl/doctor/doctor.h"

#define NOTES_SHOWN 8 /* of one name, as text */

const struct hk_finding_info hk_findings[HK_FINDINGS] = {
#define HK_FINDING(id, name, weight, advice) {name, HK_WEIGHT_##weight, advice},
#include "ctl/doctor/findings.def"
};

void hk_doctor_find(struct hk_doctor *doctor, enum hk_finding_id id, double pid, const char *comm,
                    const char *format, ...)
{
    va_list values;
    va_start(values, format);
    char *seen = hk_format(format, values);
    va_end(values);
    cJSON *finding = hk_need(cJSON_CreateObject());
    hk_need(cJSON_AddStringToObject(finding, "finding", hk_findings[id].name));
    hk_need(pid > 0 ? cJSON_AddNumberToObject(finding, "pid", pid) : cJSON_AddNullToObject(finding, "pid"));
    hk_need(comm ? cJSON_AddStringToObject(finding, "comm", comm) : cJSON_AddNullToObject(finding, "comm"));
    hk_need(cJSON_AddStringToObject(finding, "seen", seen));
    hk_need(cJSON_AddStringToObject(finding, "advice", hk_findings[id].advice));
    cJSON_AddItemToArray(hk_findings[id].weight == HK_WEIGHT_NOTE ? doctor->notes : doctor->findings,
                         finding);
    free(seen);
}

bool hk_doctor_wants(const struct hk_doctor *doctor, double pid)
{
    const struct hk_selector *selector = &doctor->session->args->selector;
    for (size_t i = 0; i < selector->pid_count; i++) {
        if (selector->pids[i] == pid)
            return true;
    }
    return selector->all || !hk_selector_given(selector);
}

const cJSON *hk_doctor_listed(const struct hk_doctor *doctor, double pid)
{
    const cJSON *process;
    cJSON_ArrayForEach(process, doctor->listed)
    {
        if (hk_json_number(process, "pid") == pid)
            return process;
    }
    return NULL;
}

/* ---- the daemon ---- */

/* NULL where the daemon refuses or is gone: then there is nothing to look at. */
static cJSON *ask(struct hk_session *session, const char *method)
{
    struct hk_call_error error;
    cJSON *result = NULL;
    enum hk_call call = hk_client_call(&session->client, method, NULL, HK_CLIENT_PATIENCE_MS, &result,
                                       &error);
    if (call == HK_CALL_OK)
        return result;
    hk_tell("%s: %s", method, error.message);
    if (call == HK_CALL_REFUSED)
        cJSON_Delete(error.object);
    return NULL;
}

void hk_doctor_ask_list(struct hk_doctor *doctor)
{
    cJSON *list = doctor->info ? ask(doctor->session, "list") : NULL;
    cJSON_Delete(doctor->listed);
    doctor->listed = cJSON_DetachItemFromObjectCaseSensitive(list, "processes");
    cJSON_Delete(list);
}

static void no_daemon(struct hk_doctor *doctor, const struct hk_find *find)
{
    char where[HK_FIND_MAX * 224] = "";
    for (unsigned i = 0, at = 0; i < find->count; i++)
        at += (unsigned)snprintf(where + at, sizeof where - at, "%s%s: %s", i ? "; " : "", find->tried[i].dir,
                                 find->tried[i].reason);
    hk_doctor_find(doctor, HK_FOUND_NO_DAEMON, 0, NULL, "no hakmemd answers (%s)", where);
}

/* False for a wrong --runtime-dir, with a message on stderr. */
static bool connect_daemon(struct hk_doctor *doctor)
{
    struct hk_session *session = doctor->session;
    struct hk_find find;
    int status = hk_session_find(session, &find);
    if (status == HK_EXIT_USAGE)
        return false;
    if (status == HK_EXIT_NO_DAEMON) {
        no_daemon(doctor, &find);
        return true;
    }
    doctor->info = ask(session, "info");
    if (!doctor->info)
        hk_doctor_find(doctor, HK_FOUND_NO_DAEMON, 0, NULL, "the daemon in %s does not answer",
                       session->client.dir);
    return true;
}

/* ---- output ---- */

static void print_wrapped(const struct hk_out *out, const char *text, unsigned indent)
{
    char *clean = hk_display_clean(text);
    size_t room = out->page > indent + 20 ? out->page - indent : 20;
    for (const char *at = clean; *at;) {
        size_t len = strlen(at), cut = len;
        if (len > room) {
            cut = room;
            while (cut > 0 && at[cut] != ' ')
                cut--;
            if (cut == 0)
                cut = strcspn(at, " ");
        }
        fprintf(out->file, "%*s%.*s\n", (int)indent, "", (int)cut, at);
        at += cut + strspn(at + cut, " ");
    }
    free(clean);
}

static void show_fault(const struct hk_out *out, const cJSON *finding)
{
    double pid = hk_json_number(finding, "pid");
    const char *comm = hk_json_string(finding, "comm");
    if (pid > 0)
        hk_out_line(out, HK_STYLE_WARN, "%s: process %.0f (%s)", hk_json_string(finding, "finding"), pid,
                    comm ? comm : "?");
    else
        hk_out_line(out, HK_STYLE_WARN, "%s", hk_json_string(finding, "finding"));
    print_wrapped(out, hk_json_string(finding, "seen"), 2);
    print_wrapped(out, hk_json_string(finding, "advice"), 4);
}

/* others: how many more the note speaks of. */
static void show_noted(const struct hk_out *out, const cJSON *note, unsigned others)
{
    double pid = hk_json_number(note, "pid");
    const char *comm = hk_json_string(note, "comm");
    char more[32] = "", *text = NULL;
    if (others)
        snprintf(more, sizeof more, " and %u other%s", others, others > 1 ? "s" : "");
    int made = pid > 0 ? asprintf(&text, "process %.0f (%s)%s: %s", pid, comm ? comm : "?", more,
                                  hk_json_string(note, "seen"))
                       : asprintf(&text, "%s", hk_json_string(note, "seen"));
    print_wrapped(out, made < 0 ? hk_need(NULL) : text, 2);
    free(text);
}

static bool is_of(const cJSON *note, const struct hk_finding_info *info)
{
    return strcmp(hk_json_string(note, "finding"), info->name) == 0;
}

/* How many notes before and behind this one say the same of other processes, where such are told as one:
 * those of another daemon's directory may be all the processes of a host. */
static void count_same(const cJSON *notes, const cJSON *note, unsigned *before, unsigned *behind)
{
    const cJSON *other;
    unsigned *count = before;
    *before = *behind = 0;
    if (!is_of(note, &hk_findings[HK_FOUND_OTHER_DIRECTORY]))
        return;
    cJSON_ArrayForEach(other, notes)
    {
        if (other == note)
            count = behind;
        else if (strcmp(hk_json_string(other, "finding"), hk_json_string(note, "finding")) == 0 &&
                 strcmp(hk_json_string(other, "seen"), hk_json_string(note, "seen")) == 0)
            ++*count;
    }
}

/* Notes of one name below each other: there may be as many as processes. */
static void show_notes(const struct hk_out *out, const cJSON *notes, const struct hk_finding_info *info)
{
    const cJSON *note;
    unsigned count = 0, before, behind;
    cJSON_ArrayForEach(note, notes)
    {
        if (!is_of(note, info))
            continue;
        count_same(notes, note, &before, &behind);
        if (before)
            continue;
        if (count == 0)
            hk_out_line(out, HK_STYLE_DIM, "note: %s", info->name);
        if (count++ < NOTES_SHOWN)
            show_noted(out, note, behind);
    }
    if (count > NOTES_SHOWN)
        hk_out_line(out, HK_STYLE_PLAIN, "  and %u more; --json shows all", count - NOTES_SHOWN);
    if (count)
        print_wrapped(out, info->advice, 4);
}

static void show(struct hk_session *session, const cJSON *result)
{
    const struct hk_out *out = &session->out;
    const cJSON *finding, *findings = hk_json_member(result, "findings");
    const cJSON *notes = hk_json_member(result, "notes");
    cJSON_ArrayForEach(finding, findings)
    {
        show_fault(out, finding);
    }
    for (unsigned i = 0; i < HK_FINDINGS; i++)
        show_notes(out, notes, &hk_findings[i]);
    if (hk_json_count(findings) == 0)
        hk_out_line(out, HK_STYLE_GOOD, "nothing %s; processes looked at: %.0f",
                    hk_json_count(notes) ? "to do" : "found", hk_json_number(result, "processes"));
}

int hk_cmd_doctor(struct hk_session *session)
{
    struct hk_doctor doctor = {.session = session,
                               .findings = hk_need(cJSON_CreateArray()),
                               .notes = hk_need(cJSON_CreateArray()),
                               .programs = hk_programs_new()};
    if (!connect_daemon(&doctor)) {
        cJSON_Delete(doctor.findings);
        cJSON_Delete(doctor.notes);
        hk_programs_free(doctor.programs);
        return HK_EXIT_USAGE;
    }
    hk_doctor_host(&doctor);
    struct hk_suspects *suspects = hk_suspects_find(&doctor);
    hk_doctor_ask_list(&doctor);
    hk_suspects_judge(&doctor, suspects);
    if (doctor.info)
        hk_doctor_daemon(&doctor);
    hk_doctor_units(&doctor);
    int status = hk_json_count(doctor.findings) || doctor.failed ? HK_EXIT_PARTLY : HK_EXIT_OK;
    cJSON *result = hk_need(cJSON_CreateObject());
    hk_need(cJSON_AddNumberToObject(result, "processes", doctor.looked_at));
    hk_need(cJSON_AddItemToObject(result, "findings", doctor.findings) ? result : NULL);
    hk_need(cJSON_AddItemToObject(result, "notes", doctor.notes) ? result : NULL);
    hk_session_show(session, result, show);
    cJSON_Delete(doctor.listed);
    cJSON_Delete(doctor.info);
    hk_programs_free(doctor.programs);
    return status;
}
