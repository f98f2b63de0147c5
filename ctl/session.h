/*
 * session.h - what a subcommand works with: its arguments, its output, and the daemon.
 */
#ifndef HAKMEM_CTL_SESSION_H
#define HAKMEM_CTL_SESSION_H

#include "ctl/args.h"
#include "ctl/base/error_report.h"
#include "ctl/client/connection.h"
#include "ctl/client/find_daemon.h"
#include "ctl/render/output.h"

struct hk_session {
    const struct hk_args *args;
    struct hk_output out;
    struct hk_connection connection; /* fd -1 until hk_session_connect() */
};

/* Looks for the daemon. HK_EXIT_OK; HK_EXIT_NO_DAEMON, of which find tells; or HK_EXIT_USAGE, for a wrong
 * --runtime-dir, with a message on stderr. */
int hk_session_find_daemon(struct hk_session *session, struct hk_daemon_search *search);

/* Finds the daemon. HK_EXIT_OK, or an exit status, with a message on stderr. */
int hk_session_connect(struct hk_session *session);

/* A new params object with the selector in it. */
cJSON *hk_session_params(const struct hk_session *session);

/* Asks the daemon (connecting first where that is still to be done); params is taken over. extra_ms: time
 * the daemon may take beyond a client's patience. HK_EXIT_OK and *result, the caller's to delete; or an
 * exit status, with a message on stderr (with --json, of a refusal its error object). */
int hk_session_ask(struct hk_session *session, const char *method, cJSON *params, unsigned extra_ms,
                   cJSON **result);

/* Says what went wrong with a call and returns the exit status for it. Frees what error holds. */
int hk_session_report_failure(const struct hk_session *session, enum hk_call_status call,
                              struct hk_call_error *error);

/* The text form of a result. */
typedef void hk_show_result(struct hk_session *session, const cJSON *result);

/* Prints a result in the form asked for and deletes it. */
void hk_session_show(struct hk_session *session, cJSON *result, hk_show_result *as_text);

/* HK_EXIT_OK if each process selected by pid is among entries (objects with "pid"), if they are not empty
 * although something was selected, and if they are an array at all; else HK_EXIT_PARTLY, with a message. */
int hk_session_check_found(const struct hk_session *session, const cJSON *entries);

#endif
