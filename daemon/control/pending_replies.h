/*
 * pending_replies.h - requests that wait until processes acknowledge.
 *
 * A process acknowledges at its next slow path, which may be at once or never, so the areas of those
 * waited for are read every few milliseconds, ever less often, until all have answered or the time is
 * up. Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_CONTROL_PENDING_REPLIES_H
#define HAKMEM_DAEMON_CONTROL_PENDING_REPLIES_H

#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

struct hk_client;
struct hk_daemon;
struct hk_process;
struct hk_wait;

TAILQ_HEAD(hk_wait_list, hk_wait);

struct hk_waits {
    struct hk_daemon *daemon;
    uv_timer_t timer;
    struct hk_wait_list all;
};

enum hk_wait_kind { HK_WAIT_SET, HK_WAIT_RESET, HK_WAIT_TRIM, HK_WAIT_FLUSH };

#define HK_WAITS_PER_CLIENT 64

void hk_waits_init(struct hk_waits *waits, struct hk_daemon *daemon);
void hk_waits_stop(struct hk_waits *waits);

/* A request's wait, with no process yet. id is taken over; NULL: nobody is told. names, of a set, are
 * copied: the tunables whose verdict matters. */
struct hk_wait *hk_wait_new(struct hk_waits *waits, struct hk_client *client, char *id,
                            enum hk_wait_kind kind, uint32_t wait_ms, const char *const *names,
                            unsigned name_count);

/* One more process that is waited for: until its generation, or the command it has carried out, is
 * target. reason, if not NULL, is copied: why it is rejected whatever it acknowledges. */
void hk_wait_add(struct hk_wait *wait, const struct hk_process *process, uint64_t generation, uint64_t target,
                 const char *reason);

/* Waits from now on; answers at once if there is nothing to wait for. */
void hk_wait_begin(struct hk_wait *wait);

/* Forgets a client's waits. */
void hk_waits_cancel(struct hk_waits *waits, struct hk_client *client);

#endif
