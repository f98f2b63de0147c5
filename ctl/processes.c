/* processes.c - see processes.h. */
#include "ctl/processes.h"

#include <string.h>

#include "ctl/keys.h"
#include "ctl/units.h"

enum how { TEXT, PLAIN, BY_KEY, USER, END };

struct field {
    const char *key;
    enum how how;
    struct hk_column column;
};

#define LEFT(title_, rank_, narrow_)                                                                         \
    {                                                                                                        \
        .title = (title_), .align = HK_ALIGN_LEFT, .rank = (rank_), .narrow = (narrow_),                     \
        .optional = (rank_) > 0                                                                              \
    }
#define RIGHT(title_, rank_)                                                                                 \
    {                                                                                                        \
        .title = (title_), .align = HK_ALIGN_RIGHT, .rank = (rank_)                                          \
    }

/* A rank says how soon a column gives way on a narrow page. What tells one process from another and what it
 * costs stay longest; then what it does, whose it is, and how its memory is divided. A command name is at
 * most 15 columns and never cut. */
static const struct field fields[] = {
    {"pid", PLAIN, RIGHT("PID", 0)},
    {"comm", TEXT, {.title = "COMM", .pinch = 8}},
    {"state", END, LEFT("STATE", 2, 0)},
    {HK_KEY_DERIVED(threads), PLAIN, RIGHT("THREADS", 8)},
    {HK_KEY_DERIVED(live_bytes), BY_KEY, RIGHT("LIVE", 0)},
    {HK_KEY_DERIVED(bin_bytes), BY_KEY, RIGHT("IN BINS", 9)},
    {HK_KEY_DERIVED(partial_bytes), BY_KEY, RIGHT("PARTLY", 12)},
    {HK_KEY_PROCESS(retained_bytes), BY_KEY, RIGHT("RETAINED", 4)},
    {HK_KEY_PROCESS(mapped_bytes), BY_KEY, RIGHT("MAPPED", 13)},
    {"rss_bytes", BY_KEY, RIGHT("RSS", 1)},
    {"allocs_per_s", BY_KEY, RIGHT("ALLOCS", 3)},
    {"frees_per_s", BY_KEY, RIGHT("FREES", 11)},
    {"age_s", BY_KEY, RIGHT("AGE", 6)},
    {"idle_ms", BY_KEY, RIGHT("IDLE", 14)},
    {HK_KEY_PROCESS(generation_applied), PLAIN, RIGHT("GEN", 15)},
    {"label", TEXT, LEFT("LABEL", 7, 8)},
    {"unit", TEXT, LEFT("UNIT", 5, 10)},
    {"user", USER, LEFT("USER", 10, 6)},
    {"family", PLAIN, RIGHT("FAMILY", 16)},
    {"ppid", PLAIN, RIGHT("PARENT", 18)},
    {"version", TEXT, LEFT("VERSION", 19, 5)},
    {"exe", TEXT, {.title = "EXE", .rank = 17, .narrow = 12, .keep_end = true, .optional = true}},
};

const char *hk_process_end(const cJSON *process, char *buf, size_t size)
{
    const cJSON *ended = hk_json_member(process, "ended");
    const char *how = hk_json_string(ended, "how");
    const char *state = hk_json_string(process, "state");
    buf[0] = '\0';
    if (cJSON_IsObject(ended))
        snprintf(buf, size, "%s %s ago", how ? how : "ended",
                 hk_units_duration(hk_json_number(ended, "age_s") * 1e3).s);
    else if (state && strcmp(state, "live") != 0)
        snprintf(buf, size, "%s", state);
    return buf;
}

const char *hk_process_user(const cJSON *process, char *buf, size_t size)
{
    const char *user = hk_json_string(process, "user");
    snprintf(buf, size, "%s", user ? user : hk_units_plain(hk_json_number(process, "uid")).s);
    return buf;
}

static void add_cell(struct hk_table *table, const struct field *f, const cJSON *process, enum hk_style style)
{
    char buf[128];
    const char *text;
    double number = hk_json_number(process, f->key);
    switch (f->how) {
    case TEXT:
        text = hk_json_string(process, f->key);
        hk_table_cell_styled(table, style, text && text[0] ? text : "-");
        break;
    case USER:
        hk_table_cell_styled(table, style, hk_process_user(process, buf, sizeof buf));
        break;
    case END:
        hk_table_cell_styled(table, style, hk_process_end(process, buf, sizeof buf));
        break;
    case PLAIN:
        hk_table_cell_styled(table, style, hk_units_plain(number).s);
        break;
    case BY_KEY:
        hk_table_cell_styled(table, style, hk_units_by_key(f->key, number).s);
        break;
    }
}

void hk_processes_show(const struct hk_out *out, const cJSON *processes)
{
    struct hk_column columns[HK_COUNT_OF(fields)];
    const cJSON *process;
    for (unsigned i = 0; i < HK_COUNT_OF(fields); i++)
        columns[i] = fields[i].column;
    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(fields));
    cJSON_ArrayForEach(process, processes)
    {
        bool dead = cJSON_IsObject(hk_json_member(process, "ended"));
        for (unsigned i = 0; i < HK_COUNT_OF(fields); i++)
            add_cell(table, &fields[i], process, dead ? HK_STYLE_DIM : HK_STYLE_PLAIN);
    }
    hk_out_table(out, table, 0);
}
