/* user_names.c - see user_names.h. */
#include "daemon/sources/user_names.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/checked_alloc.h"
#include "daemon/base/clock.h"
#include "daemon/base/sorted_array.h"
#include "shm/text.h"

#define NAMES_MAX    1024
#define NAME_BYTES   64
#define FORGET_NS    (600 * HK_NS_PER_S) /* a name is asked for again after this */
#define RECORD_BYTES 16384

struct hk_name {
    uv_work_t work;
    uid_t uid;
    bool asking;
    uint64_t asked_ns;
    char answer[NAME_BYTES]; /* of the thread, until it is done */
    char name[NAME_BYTES];   /* "": none */
};

static void ask(uv_work_t *work)
{
    struct hk_name *entry = work->data;
    struct passwd record, *found = NULL;
    char *buf = malloc(RECORD_BYTES);
    entry->answer[0] = '\0';
    if (buf && getpwuid_r(entry->uid, &record, buf, RECORD_BYTES, &found) == 0 && found)
        hk_text_field(entry->answer, sizeof entry->answer, found->pw_name, strlen(found->pw_name));
    free(buf);
}

static void on_answer(uv_work_t *work, int status)
{
    struct hk_name *entry = work->data;
    entry->asking = false;
    if (status == 0)
        memcpy(entry->name, entry->answer, sizeof entry->name);
}

void hk_names_init(struct hk_names *names, uv_loop_t *loop)
{
    *names = (struct hk_names){.loop = loop};
}

static bool is_before(const void *item, const void *uid)
{
    return (*(struct hk_name *const *)item)->uid < *(const uid_t *)uid;
}

static unsigned lower_bound(const struct hk_names *names, uid_t uid)
{
    return hk_sorted_bound(names->all, names->count, sizeof(void *), &uid, is_before);
}

static struct hk_name *insert(struct hk_names *names, unsigned at, uid_t uid)
{
    struct hk_name *entry = hk_alloc(sizeof *entry);
    entry->uid = uid;
    entry->work.data = entry;
    names->all = hk_realloc(names->all, names->count + 1, sizeof(struct hk_name *));
    hk_sorted_open(names->all, names->count, sizeof(void *), at);
    names->all[at] = entry;
    names->count++;
    return entry;
}

const char *hk_names_get(struct hk_names *names, uid_t uid)
{
    unsigned at = lower_bound(names, uid);
    bool known = at < names->count && names->all[at]->uid == uid;
    if (!known && names->count == NAMES_MAX)
        return NULL;
    struct hk_name *entry = known ? names->all[at] : insert(names, at, uid);
    uint64_t now = hk_now_ns();
    if (!entry->asking && (entry->asked_ns == 0 || now - entry->asked_ns > FORGET_NS)) {
        entry->asked_ns = now;
        entry->asking = uv_queue_work(names->loop, &entry->work, ask, on_answer) == 0;
    }
    return entry->name[0] ? entry->name : NULL;
}

void hk_names_stop(struct hk_names *names)
{
    for (unsigned i = 0; i < names->count; i++) {
        if (names->all[i]->asking)
            uv_cancel((uv_req_t *)&names->all[i]->work);
    }
}

void hk_names_clear(struct hk_names *names)
{
    for (unsigned i = 0; i < names->count; i++)
        free(names->all[i]);
    free(names->all);
    names->all = NULL;
    names->count = 0;
}
