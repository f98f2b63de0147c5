/*
 * doctor.h - the parts of hakmemctl doctor: each looks at one thing and adds its findings to a list.
 *
 * cmd_doctor.c calls them in order. All of them run in the main thread, print nothing unless a comment says
 * so, and end the program without memory.
 */
#ifndef HAKMEM_CTL_DOCTOR_DOCTOR_H
#define HAKMEM_CTL_DOCTOR_DOCTOR_H

#include <sys/types.h>

#include "ctl/client/connection.h"
#include "ctl/client/selector_args.h"
#include "ctl/doctor/finding_list.h"
#include "ctl/program/program.h"

struct hk_programs;         /* doctor_programs.c: programs that were looked at */
struct hk_unseen_processes; /* doctor_unseen.c */

/* What the parts share. cmd_doctor.c fills it in and frees what it points to. */
struct hk_doctor {
    struct hk_connection *connection; /* fd -1: no daemon was found */
    const struct hk_selector_args *selector;
    struct hk_finding_list findings;
    cJSON *info;      /* the daemon's answer to info; NULL: no daemon answers */
    cJSON *listed;    /* its list of processes, an array; NULL: it was not asked, or did not answer */
    unsigned checked; /* number of processes looked at */
    struct hk_programs *programs;
    bool failed; /* a process that was asked for could not be looked at; stderr says why */
};

/* Asks the connected daemon for info. Where it does not answer, info is NULL, and a finding says so. */
void hk_doctor_ask_info(struct hk_doctor *doctor);

/* Asks the daemon again for its list of processes. listed is NULL where info is, or where it does not answer.
 */
void hk_doctor_ask_list(struct hk_doctor *doctor);

/* Returns the member of listed that has this pid, NULL if there is none. */
const cJSON *hk_doctor_listed(const struct hk_doctor *doctor, double pid);

/* Returns whether a process that the daemon does not see is selected: by its pid, by --all, or because the
 * command line selects nothing. */
bool hk_doctor_is_selected(const struct hk_doctor *doctor, double pid);

/* Looks at the kernel and at the installed library. Needs no daemon. */
void hk_doctor_host(struct hk_doctor *doctor);

/* Looks through /proc for selected processes that should be on hakmem. Call it before the daemon is asked for
 * its list: a process that starts in between is then listed, not missing. hk_doctor_unseen_check() frees the
 * result. */
struct hk_unseen_processes *hk_doctor_unseen_find(struct hk_doctor *doctor);
/* Adds a finding for each of them that the daemon does not list, with the reason. Waits up to a second for
 * those that have just started, and asks for the list again meanwhile. Reports selected pids that cannot be
 * looked at on stderr. Frees suspects. */
void hk_doctor_unseen_check(struct hk_doctor *doctor, struct hk_unseen_processes *processes);

/* Makes an empty collection of programs; hk_programs_free() frees it. */
struct hk_programs *hk_programs_new(void);
void hk_programs_free(struct hk_programs *programs);
/* Returns the program that process pid runs; it lasts as long as programs. NULL: it may not be looked at. */
const struct hk_program *hk_programs_of_process(struct hk_programs *programs, pid_t pid);
/* Returns a sentence on why nothing can be preloaded into the program of process pid, which the caller frees.
 * NULL: no reason is known. */
char *hk_programs_obstacle(struct hk_programs *programs, pid_t pid);

/* Returns whether hakmem, preloaded into the program of process pid, leaves allocation to a sanitizer's
 * allocator and so stays unseen. */
bool hk_programs_keeps_sanitizer(struct hk_programs *programs, pid_t pid);

/* Adds what is known about preloading into the program of process pid, which has the library. */
void hk_doctor_process_program(struct hk_doctor *doctor, double pid, const char *comm);
/* Adds, for a process without the library, why its program gains nothing from hakmem or would be harmed.
 * Returns false if there is no such reason: then the library may be preloaded into it. */
bool hk_doctor_preload_is_useless(struct hk_doctor *doctor, double pid, const char *comm);

/* Looks at the programs of enabled services, where the command line selects no process. */
void hk_doctor_units(struct hk_doctor *doctor);

/* Looks at what the daemon knows about itself and about the selected processes. Needs info. */
void hk_doctor_daemon(struct hk_doctor *doctor);

#endif
