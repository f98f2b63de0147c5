/* process_table.c - see process_table.h. */
#include "ctl/render/process_table.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/quantity.h"
#include "ctl/render/counter_keys.h"

enum how { TEXT, PLAIN, BY_KEY, USER, END, COUNT, PROGRAM };

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
    {"count", COUNT, {.title = "COUNT", .align = HK_ALIGN_RIGHT, .optional = true}},
    {"state", END, LEFT("STATE", 1, 0)},
    {HK_KEY_DERIVED(threads), PLAIN, RIGHT("THREADS", 8)},
    {HK_KEY_DERIVED(live_bytes), BY_KEY, RIGHT("LIVE", 0)},
    {HK_KEY_DERIVED(bin_bytes), BY_KEY, RIGHT("IN BINS", 9)},
    {HK_KEY_DERIVED(partial_bytes), BY_KEY, RIGHT("PARTLY", 12)},
    {HK_KEY_PROCESS(retained_bytes), BY_KEY, RIGHT("RETAINED", 4)},
    {HK_KEY_PROCESS(mapped_bytes), BY_KEY, RIGHT("MAPPED", 13)},
    {"rss_bytes", BY_KEY, RIGHT("RSS", 2)},
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
    {"program", PROGRAM, {.title = "PROGRAM", .rank = 17, .narrow = 12, .keep_end = true, .optional = true}},
};

const char *hk_process_end_text(const cJSON *process, char *buf, size_t size)
{
    const cJSON *ended = hk_json_get_member(process, "ended");
    const char *how = hk_json_get_string(ended, "how");
    const char *state = hk_json_get_string(process, "state");
    buf[0] = '\0';
    if (cJSON_IsObject(ended))
        snprintf(buf, size, "%s %s ago", how ? how : "ended",
                 hk_quantity_duration(hk_json_get_number(ended, "age_s") * 1e3).s);
    else if (state && strcmp(state, "live") != 0)
        snprintf(buf, size, "%s", state);
    return buf;
}

const char *hk_process_user_text(const cJSON *process, char *buf, size_t size)
{
    const char *user = hk_json_get_string(process, "user");
    snprintf(buf, size, "%s", user ? user : hk_quantity_plain(hk_json_get_number(process, "uid")).s);
    return buf;
}

/* What a line shows: a process, or the latest of those that ended alike. */
struct line {
    const cJSON *process;
    unsigned count; /* of them */
};

static const char *program_of(const cJSON *process)
{
    const char *program = hk_json_get_string(process, "program");
    return program ? program : hk_json_get_string(process, "exe"); /* an older daemon's */
}

static void add_cell(struct hk_table *table, const struct field *f, const struct line *line,
                     enum hk_style style)
{
    const cJSON *process = line->process;
    char buf[128];
    const char *text;
    double number = hk_json_get_number(process, f->key);
    switch (f->how) {
    case TEXT:
        text = hk_json_get_string(process, f->key);
        hk_table_cell_styled(table, style, text && text[0] ? text : "-");
        break;
    case USER:
        hk_table_cell_styled(table, style, hk_process_user_text(process, buf, sizeof buf));
        break;
    case END:
        hk_table_cell_styled(table, style, hk_process_end_text(process, buf, sizeof buf));
        break;
    case PROGRAM:
        text = program_of(process);
        hk_table_cell_styled(table, style, text && text[0] ? text : "-");
        break;
    case COUNT:
        hk_table_cell_styled(table, style, line->count > 1 ? hk_quantity_plain(line->count).s : "");
        break;
    case PLAIN:
        hk_table_cell_styled(table, style, hk_quantity_plain(number).s);
        break;
    case BY_KEY:
        hk_table_cell_styled(table, style, hk_quantity_by_key(f->key, number).s);
        break;
    }
}

/* ---- those that ended alike ---- */

static bool has_ended(const cJSON *process)
{
    return cJSON_IsObject(hk_json_get_member(process, "ended"));
}

static double ended_ago(const cJSON *process)
{
    return hk_json_get_number(hk_json_get_member(process, "ended"), "age_s");
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Whether nobody would tell them apart: by name, end, user, unit and label. */
static bool alike(const cJSON *a, const cJSON *b)
{
    static const char *const keys[] = {"comm", "unit", "label"};
    char of_a[96], of_b[96];
    for (unsigned i = 0; i < HK_COUNT_OF(keys); i++) {
        if (!same_text(hk_json_get_string(a, keys[i]), hk_json_get_string(b, keys[i])))
            return false;
    }
    return same_text(hk_json_get_string(hk_json_get_member(a, "ended"), "how"),
                     hk_json_get_string(hk_json_get_member(b, "ended"), "how")) &&
           strcmp(hk_process_user_text(a, of_a, sizeof of_a), hk_process_user_text(b, of_b, sizeof of_b)) ==
               0;
}

/* Whether it ended by exec, and what it became is listed too: one process with one line, the later one's.
 * Those of a pid follow one another, in the order in which they came. A pid may have gone to another process
 * since: that began later than this ended. */
static bool goes_on(const cJSON *process)
{
    const double slack_s = 2; /* both are whole seconds, and so may each be one off */
    const cJSON *later = process->next;
    const char *how = hk_json_get_string(hk_json_get_member(process, "ended"), "how");
    if (!later || !how || strcmp(how, "exec") != 0 ||
        hk_json_get_number(later, "pid") != hk_json_get_number(process, "pid"))
        return false;
    double began_ago = hk_json_get_number(later, "age_s") + (has_ended(later) ? ended_ago(later) : 0);
    return !(began_ago + slack_s < ended_ago(process));
}

/* Puts it to those it is like, of which the latest is shown; or on a line of its own. */
static unsigned add_dead(struct line *lines, unsigned first, unsigned count, const cJSON *process)
{
    for (unsigned i = first; i < count; i++) {
        if (!alike(lines[i].process, process))
            continue;
        lines[i].count++;
        if (ended_ago(process) <= ended_ago(lines[i].process))
            lines[i].process = process;
        return count;
    }
    lines[count] = (struct line){process, 1};
    return count + 1;
}

static int by_end(const void *a, const void *b)
{
    double ago_a = ended_ago(((const struct line *)a)->process),
           ago_b = ended_ago(((const struct line *)b)->process);
    return (ago_a > ago_b) - (ago_a < ago_b);
}

/* The lines to show, to be freed: all as they come, or the live ones and then what ended, the latest first.
 */
static struct line *make_lines(const cJSON *processes, bool folded, unsigned *count)
{
    struct line *lines = hk_need(calloc(hk_json_count(processes) + 1, sizeof *lines));
    const cJSON *process;
    *count = 0;
    cJSON_ArrayForEach(process, processes)
    {
        if (!folded || !has_ended(process))
            lines[(*count)++] = (struct line){process, 1};
    }
    unsigned live = *count;
    cJSON_ArrayForEach(process, processes)
    {
        if (folded && has_ended(process) && !goes_on(process))
            *count = add_dead(lines, live, *count, process);
    }
    qsort(lines + live, *count - live, sizeof *lines, by_end);
    return lines;
}

void hk_process_table_show(const struct hk_output *out, const cJSON *processes, bool folded)
{
    struct hk_column columns[HK_COUNT_OF(fields)];
    unsigned count;
    for (unsigned i = 0; i < HK_COUNT_OF(fields); i++)
        columns[i] = fields[i].column;
    struct hk_table *table = hk_table_new(columns, HK_COUNT_OF(fields));
    struct line *lines = make_lines(processes, folded, &count);
    for (unsigned l = 0; l < count; l++) {
        enum hk_style style = has_ended(lines[l].process) ? HK_STYLE_DIM : HK_STYLE_PLAIN;
        for (unsigned i = 0; i < HK_COUNT_OF(fields); i++)
            add_cell(table, &fields[i], &lines[l], style);
    }
    free(lines);
    hk_output_table(out, table, 0);
}
