/*
 * finding_list.h - the findings of hakmemctl doctor, and the list that collects them.
 *
 * A finding is a row of findings.def, about a process or about the host, with a sentence on what was seen.
 * Knows neither a daemon nor /proc.
 */
#ifndef HAKMEM_CTL_DOCTOR_FINDING_LIST_H
#define HAKMEM_CTL_DOCTOR_FINDING_LIST_H

#include <cjson/cJSON.h>

#include "shm/base.h"

enum hk_finding_id {
#define HK_FINDING(id, ...) HK_FOUND_##id,
#include "ctl/doctor/findings.def"
    HK_FINDINGS
};

enum hk_finding_weight {
    HK_WEIGHT_FAULT, /* something must be done: doctor ends with exit status 1 */
    HK_WEIGHT_NOTE,  /* worth knowing */
};

/* A row of findings.def. */
struct hk_finding_info {
    const char *name;
    enum hk_finding_weight weight;
    const char *advice; /* one sentence */
};

/* The rows of findings.def, by enum hk_finding_id. */
extern const struct hk_finding_info hk_findings[HK_FINDINGS];

/* Findings in the order in which they were added. Both members are arrays of objects {"finding": name, "pid":
 * number or null, "comm": string or null, "seen": sentence, "advice": sentence}. */
struct hk_finding_list {
    cJSON *faults, *notes;
};

/* Makes an empty list; hk_finding_list_free() frees it. Ends the program without memory. */
void hk_finding_list_init(struct hk_finding_list *list);

/* Frees both arrays that the list still holds (NULL: taken out by its owner). */
void hk_finding_list_free(struct hk_finding_list *list);

/* Adds a finding to the array of its weight. pid: the process it is about, 0 for none; comm: that process's
 * command name, or NULL; both are copied. format and what follows make the sentence on what was seen. Ends
 * the program without memory. */
void hk_finding_add(struct hk_finding_list *list, enum hk_finding_id id, double pid, const char *comm,
                    const char *format, ...) HK_PRINTF(5, 6);

#endif
