/*
 * doctor.h - what is wrong, or worth knowing: findings, and who looks for them.
 *
 * A finding is one of findings.def, about a process or about the host, with a sentence on what was seen.
 */
#ifndef HAKMEM_CTL_DOCTOR_DOCTOR_H
#define HAKMEM_CTL_DOCTOR_DOCTOR_H

#include <sys/types.h>

#include "ctl/program/program.h"
#include "ctl/session.h"

enum hk_finding_id {
#define HK_FINDING(id, ...) HK_FOUND_##id,
#include "ctl/doctor/findings.def"
    HK_FINDINGS
};

enum hk_finding_weight {
    HK_WEIGHT_FAULT, /* something is to be done: exit status 1 */
    HK_WEIGHT_NOTE,
};

struct hk_finding_info {
    const char *name;
    enum hk_finding_weight weight;
    const char *advice;
};

extern const struct hk_finding_info hk_findings[HK_FINDINGS];

struct hk_programs; /* doctor_programs.c: programs that were looked at */

struct hk_doctor {
    struct hk_session *session;
    cJSON *findings;    /* faults, an array of {"finding", "pid", "comm", "seen", "advice"} */
    cJSON *notes;       /* the same */
    cJSON *info;        /* the daemon's answers; NULL where none answers */
    cJSON *listed;      /* an array */
    unsigned looked_at; /* processes, of whatever kind */
    struct hk_programs *programs;
    bool failed; /* one that was asked for could not be looked at; said on stderr */
};

/* Adds a finding to those of its weight; pid 0: of no process. comm may be NULL. */
void hk_doctor_find(struct hk_doctor *doctor, enum hk_finding_id id, double pid, const char *comm,
                    const char *format, ...) HK_PRINTF(5, 6);

/* Whether a process that the daemon does not see is asked for: by its pid, or because nothing is selected. */
bool hk_doctor_wants(const struct hk_doctor *doctor, double pid);

/* Asks the daemon, where there is one, for its list. */
void hk_doctor_ask_list(struct hk_doctor *doctor);

/* A member of the daemon's list, by pid; NULL where it is not there. */
const cJSON *hk_doctor_listed(const struct hk_doctor *doctor, double pid);

/* Kernel, library: no daemon is needed. */
void hk_doctor_host(struct hk_doctor *doctor);

/* Goes through /proc for programs that should be on hakmem; call it before the daemon is asked for its list.
 */
struct hk_suspects;
struct hk_suspects *hk_suspects_find(struct hk_doctor *doctor);
/* Says which of them the daemon does not list, and why. Waits up to a second for those that have just
 * started, and asks for the list again meanwhile. Frees the suspects. */
void hk_suspects_judge(struct hk_doctor *doctor, struct hk_suspects *suspects);

struct hk_programs *hk_programs_new(void);
void hk_programs_free(struct hk_programs *programs);
/* The program that a process runs, until programs is freed. NULL: it may not be looked at. */
const struct hk_program *hk_programs_of_process(struct hk_programs *programs, pid_t pid);
/* Why nothing can be preloaded into it, to be freed; NULL: nothing speaks against it, as far as one may see.
 */
char *hk_programs_obstacle(struct hk_programs *programs, pid_t pid);

/* Whether hakmem, preloaded, leaves its program to another allocator and does not show: where a sanitizer is.
 */
bool hk_programs_stands_back(struct hk_programs *programs, pid_t pid);

/* What its program makes of being preloaded. */
void hk_doctor_process_program(struct hk_doctor *doctor, double pid, const char *comm);
/* The same of a process without the library, where its program is better, or no worse, off so. False: nothing
 * is said, the library may be put into it. */
bool hk_doctor_preload_is_vain(struct hk_doctor *doctor, double pid, const char *comm);

/* The programs of services that are enabled, where no process is selected. */
void hk_doctor_units(struct hk_doctor *doctor);

/* What the daemon knows of itself and of its processes. */
void hk_doctor_daemon(struct hk_doctor *doctor);

#endif
