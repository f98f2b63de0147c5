/* cmd_doctor.c - hakmemctl doctor: what is wrong, why, and what to do. */
#include <stdlib.h>
#include <string.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/terminal_text.h"
#include "ctl/client/find_daemon.h"
#include "ctl/commands.h"
#include "ctl/doctor/doctor.h"
#include "ctl/session.h"

#define NOTES_SHOWN 8 /* of one name, as text */

static void no_daemon(struct hk_doctor *doctor, const struct hk_daemon_search *search)
{
    char where[HK_DAEMON_SEARCH_MAX * 224] = "";
    for (unsigned i = 0, at = 0; i < search->count; i++)
        at += (unsigned)snprintf(where + at, sizeof where - at, "%s%s: %s", i ? "; " : "",
                                 search->tried[i].dir, search->tried[i].reason);
    hk_finding_add(&doctor->findings, HK_FOUND_NO_DAEMON, 0, NULL, "no hakmemd answers (%s)", where);
}

/* False for a wrong --runtime-dir, with a message on stderr. */
static bool connect_daemon(struct hk_doctor *doctor, struct hk_session *session)
{
    struct hk_daemon_search search;
    int status = hk_session_find_daemon(session, &search);
    if (status == HK_EXIT_USAGE)
        return false;
    if (status == HK_EXIT_NO_DAEMON)
        no_daemon(doctor, &search);
    else
        hk_doctor_ask_info(doctor);
    return true;
}

/* ---- output ---- */

static void print_wrapped(const struct hk_output *out, const char *text, unsigned indent)
{
    char *clean = hk_terminal_text_clean(text);
    size_t width = out->page > indent + 20 ? out->page - indent : 20;
    for (const char *at = clean; *at;) {
        size_t len = strlen(at), cut = len;
        if (len > width) {
            cut = width;
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

static void show_fault(const struct hk_output *out, const cJSON *finding)
{
    double pid = hk_json_get_number(finding, "pid");
    const char *comm = hk_json_get_string(finding, "comm");
    if (pid > 0)
        hk_output_line(out, HK_STYLE_WARN, "%s: process %.0f (%s)", hk_json_get_string(finding, "finding"),
                       pid, comm ? comm : "?");
    else
        hk_output_line(out, HK_STYLE_WARN, "%s", hk_json_get_string(finding, "finding"));
    print_wrapped(out, hk_json_get_string(finding, "seen"), 2);
    print_wrapped(out, hk_json_get_string(finding, "advice"), 4);
}

/* others: how many more the note speaks of. */
static void show_noted(const struct hk_output *out, const cJSON *note, unsigned others)
{
    double pid = hk_json_get_number(note, "pid");
    const char *comm = hk_json_get_string(note, "comm");
    char more[32] = "", *text = NULL;
    if (others)
        snprintf(more, sizeof more, " and %u other%s", others, others > 1 ? "s" : "");
    int made = pid > 0 ? asprintf(&text, "process %.0f (%s)%s: %s", pid, comm ? comm : "?", more,
                                  hk_json_get_string(note, "seen"))
                       : asprintf(&text, "%s", hk_json_get_string(note, "seen"));
    print_wrapped(out, made < 0 ? hk_need(NULL) : text, 2);
    free(text);
}

static bool is_of(const cJSON *note, const struct hk_finding_info *info)
{
    return strcmp(hk_json_get_string(note, "finding"), info->name) == 0;
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
        else if (strcmp(hk_json_get_string(other, "finding"), hk_json_get_string(note, "finding")) == 0 &&
                 strcmp(hk_json_get_string(other, "seen"), hk_json_get_string(note, "seen")) == 0)
            ++*count;
    }
}

/* Notes of one name below each other: there may be as many as processes. */
static void show_notes(const struct hk_output *out, const cJSON *notes, const struct hk_finding_info *info)
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
            hk_output_line(out, HK_STYLE_DIM, "note: %s", info->name);
        if (count++ < NOTES_SHOWN)
            show_noted(out, note, behind);
    }
    if (count > NOTES_SHOWN)
        hk_output_line(out, HK_STYLE_PLAIN, "  and %u more; --json shows all", count - NOTES_SHOWN);
    if (count)
        print_wrapped(out, info->advice, 4);
}

static void show(struct hk_session *session, const cJSON *result)
{
    const struct hk_output *out = &session->out;
    const cJSON *finding, *findings = hk_json_get_member(result, "findings");
    const cJSON *notes = hk_json_get_member(result, "notes");
    cJSON_ArrayForEach(finding, findings)
    {
        show_fault(out, finding);
    }
    for (unsigned i = 0; i < HK_FINDINGS; i++)
        show_notes(out, notes, &hk_findings[i]);
    if (hk_json_count(findings) == 0)
        hk_output_line(out, HK_STYLE_GOOD, "nothing %s; processes looked at: %.0f",
                       hk_json_count(notes) ? "to do" : "found", hk_json_get_number(result, "processes"));
}

/* {"processes", "findings", "notes"}; takes the arrays out of the list. */
static cJSON *make_result(struct hk_doctor *doctor)
{
    struct hk_finding_list *list = &doctor->findings;
    cJSON *result = hk_need(cJSON_CreateObject());
    hk_need(cJSON_AddNumberToObject(result, "processes", doctor->checked));
    hk_need(cJSON_AddItemToObject(result, "findings", list->faults) ? result : NULL);
    hk_need(cJSON_AddItemToObject(result, "notes", list->notes) ? result : NULL);
    *list = (struct hk_finding_list){0};
    return result;
}

static int examine(struct hk_doctor *doctor, struct hk_session *session)
{
    hk_doctor_host(doctor);
    struct hk_unseen_processes *processes = hk_doctor_unseen_find(doctor);
    hk_doctor_ask_list(doctor);
    hk_doctor_unseen_check(doctor, processes);
    if (doctor->info)
        hk_doctor_daemon(doctor);
    hk_doctor_units(doctor);
    bool faulty = hk_json_count(doctor->findings.faults) > 0 || doctor->failed;
    hk_session_show(session, make_result(doctor), show);
    return faulty ? HK_EXIT_PARTLY : HK_EXIT_OK;
}

int hk_cmd_doctor(struct hk_session *session)
{
    struct hk_doctor doctor = {.connection = &session->connection,
                               .selector = &session->args->selector,
                               .programs = hk_programs_new()};
    hk_finding_list_init(&doctor.findings);
    int status = connect_daemon(&doctor, session) ? examine(&doctor, session) : HK_EXIT_USAGE;
    hk_finding_list_free(&doctor.findings);
    cJSON_Delete(doctor.listed);
    cJSON_Delete(doctor.info);
    hk_programs_free(doctor.programs);
    return status;
}
