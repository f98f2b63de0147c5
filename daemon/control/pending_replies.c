/* pending_replies.c - see pending_replies.h. */
#include "daemon/control/pending_replies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/daemon.h"
#include "daemon/model/family.h"
#include "shm/value.h"

#define TICK_MS       20
#define LOOK_LAST_NS  (250 * HK_NS_PER_MS)
#define LOOK_FRACTION 8 /* the next look comes after this part of the time waited so far */

enum status { PENDING, APPLIED, REJECTED, GONE };

struct item {
    uint64_t id; /* of the process */
    pid_t pid;
    char comm[HK_COMM_BYTES];
    uint64_t generation, target;
    enum status status;
    char *reason;
    uint64_t released_bytes;
};

struct hk_wait {
    TAILQ_ENTRY(hk_wait) link;
    struct hk_waits *waits;
    struct hk_client *client; /* NULL: nobody is told */
    char *id;
    enum hk_wait_kind kind;
    uint64_t began_ns, deadline_ns, look_ns;
    struct item *items;
    unsigned count, pending;
    char **names;
    unsigned name_count;
};

static void on_tick(uv_timer_t *timer);

void hk_waits_init(struct hk_waits *waits, struct hk_daemon *daemon)
{
    waits->daemon = daemon;
    TAILQ_INIT(&waits->all);
    uv_timer_init(&daemon->loop, &waits->timer);
    waits->timer.data = waits;
}

static void free_wait(struct hk_wait *wait)
{
    for (unsigned i = 0; i < wait->count; i++)
        free(wait->items[i].reason);
    for (unsigned i = 0; i < wait->name_count; i++)
        free(wait->names[i]);
    free(wait->items);
    free(wait->names);
    free(wait->id);
    free(wait);
}

void hk_waits_stop(struct hk_waits *waits)
{
    if (!waits->daemon)
        return;
    uv_close((uv_handle_t *)&waits->timer, NULL);
}

struct hk_wait *hk_wait_new(struct hk_waits *waits, struct hk_client *client, char *id,
                            enum hk_wait_kind kind, uint32_t wait_ms, const char *const *names,
                            unsigned name_count)
{
    struct hk_wait *wait = hk_alloc(sizeof *wait);
    wait->waits = waits;
    wait->client = client;
    wait->id = id;
    wait->kind = kind;
    wait->began_ns = hk_now_ns();
    wait->deadline_ns = wait->began_ns + wait_ms * HK_NS_PER_MS;
    wait->names = hk_alloc(name_count * sizeof *wait->names);
    for (unsigned i = 0; i < name_count; i++)
        wait->names[wait->name_count++] = hk_strdup(names[i]);
    return wait;
}

void hk_wait_add(struct hk_wait *wait, const struct hk_process *process, uint64_t generation, uint64_t target,
                 const char *reason)
{
    if (wait->count % 64 == 0)
        wait->items = hk_realloc(wait->items, wait->count + 64, sizeof *wait->items);
    struct item *item = &wait->items[wait->count++];
    *item = (struct item){.id = process->id,
                          .pid = process->pid,
                          .generation = generation,
                          .target = target,
                          .reason = hk_strdup(reason)};
    memcpy(item->comm, process->comm, sizeof item->comm);
    wait->pending++;
}

/* ---- looking ---- */

/* What the process says of the values it was given, if it did not take them as they are. */
static char *objection(const struct hk_wait *wait, const struct hk_process *process)
{
    const struct hk_reader *reader = &process->family->segment.reader;
    for (unsigned i = 0; i < wait->name_count; i++) {
        enum hk_value_error error;
        const char *name = wait->names[i];
        int index = hk_value_find(name, strlen(name), reader->classes, reader->class_count, &error);
        const struct hk_applied_view *a = index >= 0 ? &process->view.applied[index] : NULL;
        char text[256];
        if (a && a->verdict == HK_VERDICT_CLAMPED)
            snprintf(text, sizeof text, "%s: out of the library's range, %llu is in force", name,
                     (unsigned long long)a->effective);
        else if (a && a->verdict == HK_VERDICT_UNKNOWN)
            snprintf(text, sizeof text, "%s: the library does not know this value", name);
        else if (a && a->verdict == HK_VERDICT_FIXED)
            snprintf(text, sizeof text, "%s: HAKMEM_HARDEN decided it at the program's start", name);
        else
            continue;
        return hk_strdup(text);
    }
    return NULL;
}

static bool has_acknowledged(const struct hk_wait *wait, const struct item *item,
                             const struct hk_process *process)
{
    const struct hk_area_view *view = &process->view;
    switch (wait->kind) {
    case HK_WAIT_TRIM:
        return view->trim_done >= item->target;
    case HK_WAIT_FLUSH:
        return view->flush_done >= item->target;
    default:
        return view->process[HK_PROCESS_AT(generation_applied)] >= item->target;
    }
}

static void look_at(struct hk_wait *wait, struct item *item)
{
    struct hk_process *process = hk_registry_find(&wait->waits->daemon->registry, item->pid);
    if (!process || process->id != item->id) {
        item->status = GONE;
    } else if (hk_family_read_area(process) && has_acknowledged(wait, item, process)) {
        if (!item->reason)
            item->reason = objection(wait, process);
        item->status = item->reason ? REJECTED : APPLIED;
        item->released_bytes = process->view.trim_released_bytes;
    }
    wait->pending -= item->status != PENDING;
}

static void look(struct hk_wait *wait, uint64_t now_ns)
{
    for (unsigned i = 0; i < wait->count; i++) {
        if (wait->items[i].status == PENDING)
            look_at(wait, &wait->items[i]);
    }
    uint64_t next = (now_ns - wait->began_ns) / LOOK_FRACTION;
    wait->look_ns = now_ns + (next < LOOK_LAST_NS ? next : LOOK_LAST_NS);
}

/* ---- answering ---- */

static void add_result(struct hk_json *json, const struct hk_wait *wait, const struct item *item)
{
    static const char *const names[] = {"pending", "applied", "rejected", "gone"};
    /* What was never written will not be applied later. */
    enum status status = item->status == PENDING && item->reason ? REJECTED : item->status;
    hk_json_object(json, NULL);
    hk_json_i64(json, "pid", item->pid);
    hk_json_string(json, "comm", item->comm);
    hk_json_string(json, "status", names[status]);
    hk_json_u64(json, "generation", item->generation);
    hk_json_string(json, "reason", item->reason);
    if (wait->kind == HK_WAIT_TRIM && item->status == APPLIED)
        hk_json_u64(json, "released_bytes", item->released_bytes);
    else if (wait->kind == HK_WAIT_TRIM)
        hk_json_null(json, "released_bytes");
    hk_json_end_object(json);
}

static void answer(struct hk_wait *wait)
{
    struct hk_json json = {0};
    size_t len;
    hk_rpc_begin(&json, wait->id);
    hk_json_object(&json, "result");
    hk_json_array(&json, "results");
    for (unsigned i = 0; i < wait->count; i++)
        add_result(&json, wait, &wait->items[i]);
    hk_json_end_array(&json);
    hk_json_end_object(&json);
    hk_rpc_end(&json);
    char *text = hk_json_take(&json, &len);
    hk_client_send(wait->client, text, len);
}

static void finish(struct hk_wait *wait)
{
    struct hk_client *client = wait->client;
    if (wait->id)
        answer(wait);
    free_wait(wait);
    hk_client_wait_over(client);
}

static bool is_over(const struct hk_wait *wait, uint64_t now_ns)
{
    return wait->pending == 0 || now_ns >= wait->deadline_ns || !wait->id;
}

void hk_wait_begin(struct hk_wait *wait)
{
    struct hk_waits *waits = wait->waits;
    wait->client->waits++;
    look(wait, wait->began_ns);
    if (is_over(wait, wait->began_ns)) {
        finish(wait);
        return;
    }
    TAILQ_INSERT_TAIL(&waits->all, wait, link);
    if (!uv_is_active((uv_handle_t *)&waits->timer))
        uv_timer_start(&waits->timer, on_tick, TICK_MS, TICK_MS);
}

static void on_tick(uv_timer_t *timer)
{
    struct hk_waits *waits = timer->data;
    struct hk_wait_list over = TAILQ_HEAD_INITIALIZER(over);
    struct hk_wait *wait, *next;
    uint64_t now_ns = hk_now_ns();
    for (wait = TAILQ_FIRST(&waits->all); wait; wait = next) {
        next = TAILQ_NEXT(wait, link);
        if (now_ns >= wait->look_ns || now_ns >= wait->deadline_ns)
            look(wait, now_ns);
        if (!is_over(wait, now_ns))
            continue;
        TAILQ_REMOVE(&waits->all, wait, link);
        TAILQ_INSERT_TAIL(&over, wait, link);
    }
    /* Answering may end a client, and with it its other waits: those still in the list of all. */
    while ((wait = TAILQ_FIRST(&over)) != NULL) {
        TAILQ_REMOVE(&over, wait, link);
        finish(wait);
    }
    if (TAILQ_EMPTY(&waits->all))
        uv_timer_stop(timer);
}

void hk_waits_cancel(struct hk_waits *waits, struct hk_client *client)
{
    struct hk_wait *wait, *next;
    for (wait = TAILQ_FIRST(&waits->all); wait; wait = next) {
        next = TAILQ_NEXT(wait, link);
        if (wait->client != client)
            continue;
        TAILQ_REMOVE(&waits->all, wait, link);
        client->waits--;
        free_wait(wait);
    }
}
