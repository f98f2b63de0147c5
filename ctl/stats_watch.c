/* stats_watch.c - see stats_watch.h. */
#include "ctl/stats_watch.h"

#include <signal.h>
#include <string.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/render/stats_blocks.h"
#include "ctl/render/stats_pages.h"
#include "ctl/stats_request.h"

#define TITLES_EVERY 20 /* lines */

struct watch {
    struct hk_session *session;
    bool host;
    uint64_t shown;
    int status;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* SIGINT ends the watching, between two answers only: it is let in while there is nothing else to do.
 * Where it is ignored (a job in the background) it stays so. */
static void catch_interrupts(sigset_t *unblocked)
{
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, unblocked);
    sigdelset(unblocked, SIGINT);
    sigaction(SIGINT, NULL, &before);
    if (before.sa_handler != SIG_IGN)
        sigaction(SIGINT, &action, NULL);
}

static void show_text(struct watch *w, const cJSON *result)
{
    const struct hk_output *out = &w->session->out;
    const cJSON *host = hk_json_get_member(result, "host"),
                *processes = hk_json_get_member(result, "processes");
    const cJSON *one = w->host ? host : processes ? processes->child : NULL;
    char now[32];
    bool line = !w->session->args->classes && one && (w->host || hk_json_count(processes) == 1);
    if (line) {
        bool titles = w->shown % TITLES_EVERY == 0;
        (w->host ? hk_stats_line_host : hk_stats_line_process)(out, one, titles);
        return;
    }
    if (w->shown > 0)
        hk_output_gap(out);
    hk_output_line(out, HK_STYLE_DIM, "%s", hk_local_time_text(now, sizeof now));
    if (w->host)
        hk_stats_block_classes(out, hk_json_get_member(host, "classes"));
    else
        hk_stats_page_processes(out, processes, hk_stats_folds(w->session));
}

static bool is_done(const struct watch *w)
{
    uint64_t count = w->session->args->count;
    return interrupted || (count && w->shown >= count);
}

/* Shows one result and deletes it; false ends the watching. */
static bool show(struct watch *w, cJSON *result)
{
    const struct hk_output *out = &w->session->out;
    const cJSON *processes = hk_json_get_member(result, "processes");
    if (!w->host && w->shown == 0)
        w->status = hk_session_check_found(w->session, processes);
    bool any = w->host || hk_json_count(processes) > 0;
    if (!any && w->shown > 0) {
        hk_error("what was watched has ended");
        w->status = HK_EXIT_PARTLY;
    } else if (out->json) {
        hk_json_print(out->file, result, out->json);
    } else if (any) {
        show_text(w, result);
    }
    w->shown++;
    cJSON_Delete(result);
    bool written = hk_output_finish(out);
    return written && any && !is_done(w);
}

static void follow(struct watch *w)
{
    struct hk_session *session = w->session;
    struct hk_call_error error;
    cJSON *answer, *params = hk_stats_params(session, w->host);
    unsigned patience = session->args->interval_ms + HK_CONNECTION_PATIENCE_MS;
    hk_need(cJSON_AddNumberToObject(params, "every_ms", session->args->interval_ms));
    int status = hk_session_ask(session, "subscribe", params, 0, &answer);
    if (status != HK_EXIT_OK) {
        w->status = status;
        return;
    }
    cJSON_Delete(answer);
    for (bool more = !is_done(w); more;) {
        enum hk_call_status call = hk_connection_wait(&session->connection, "stats", patience, &answer,
                                                      &error);
        if (call == HK_CALL_OK) {
            more = show(w, answer);
        } else if (call == HK_CALL_INTERRUPTED) {
            more = !is_done(w);
        } else {
            w->status = hk_session_report_failure(session, call, &error);
            more = false;
        }
    }
}

int hk_stats_watch(struct hk_session *session)
{
    struct watch w = {.session = session, .host = session->args->host, .status = HK_EXIT_OK};
    sigset_t unblocked;
    cJSON *result;
    w.host |= !hk_selector_args_given(&session->args->selector);
    int status = hk_session_ask(session, "stats", hk_stats_params(session, w.host), 0, &result);
    if (status != HK_EXIT_OK)
        return status;
    catch_interrupts(&unblocked);
    session->connection.unblocked = &unblocked;
    if (show(&w, result))
        follow(&w);
    return w.status;
}
