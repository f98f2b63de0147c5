/* log.c - see log.h. */
#include "daemon/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/systemd.h"

#define LINE_BYTES 1024
#define BURST      20
#define PER_S      (10.0 / 60)

static enum hk_log_level most = HK_LOG_INFO;
static bool to_journal;

void hk_log_set_level(enum hk_log_level level)
{
    most = level;
}

void hk_log_find_journal(void)
{
    to_journal = hk_systemd_has_journal();
}

/* Names come from other processes: nothing of them may start a line or reach a terminal. */
static void make_printable(char *line)
{
    for (unsigned char *p = (unsigned char *)line; *p != '\0'; p++) {
        if (*p < ' ' || *p == 0x7f)
            *p = '?';
    }
}

static const struct {
    const char *name, *id;
} events[HK_EVENTS] = {
#define HK_EVENT(id_, name_, message_id_) [HK_EVENT_##id_] = {name_, message_id_},
#include "daemon/base/events.def"
};

static unsigned describe(struct hk_journal_field *fields, enum hk_event event,
                         const struct hk_log_about *about, char pid[16], char uid[16])
{
    unsigned n = 0;
    if (event < HK_EVENTS) {
        fields[n++] = (struct hk_journal_field){"MESSAGE_ID", events[event].id};
        fields[n++] = (struct hk_journal_field){"HAKMEM_EVENT", events[event].name};
    }
    if (about && about->pid > 0) {
        snprintf(pid, 16, "%d", (int)about->pid);
        snprintf(uid, 16, "%u", (unsigned)about->uid);
        fields[n++] = (struct hk_journal_field){"HAKMEM_PID", pid};
        fields[n++] = (struct hk_journal_field){"HAKMEM_UID", uid};
    }
    if (about && about->comm && about->comm[0])
        fields[n++] = (struct hk_journal_field){"HAKMEM_COMM", about->comm};
    if (about && about->unit && about->unit[0])
        fields[n++] = (struct hk_journal_field){"HAKMEM_UNIT", about->unit};
    return n;
}

static void HK_PRINTF(4, 0) say(enum hk_log_level level, enum hk_event event,
                                const struct hk_log_about *about, const char *format, va_list args)
{
    char line[LINE_BYTES], pid[16], uid[16];
    struct hk_journal_field fields[HK_JOURNAL_FIELDS];
    int start = snprintf(line, sizeof line, "%s: ", hk_log_level_names[level]);
    vsnprintf(line + start, sizeof line - 1 - (size_t)start, format, args);
    make_printable(line);
    if (to_journal &&
        hk_systemd_journal(level, line + start, fields, describe(fields, event, about, pid, uid)))
        return;
    size_t len = strlen(line);
    line[len++] = '\n';
    /* One write, so that lines of several programs do not mix; where stderr is gone, so is the line. */
    ssize_t n = write(STDERR_FILENO, line, len);
    (void)n;
}

void hk_log(enum hk_log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (level <= most)
        say(level, HK_EVENTS, NULL, format, args);
    va_end(args);
}

void hk_log_event(enum hk_log_level level, enum hk_event event, const struct hk_log_about *about,
                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (level <= most)
        say(level, event, about, format, args);
    va_end(args);
}

bool hk_log_allowed(struct hk_log_limit *limit, const char *what)
{
    if (!hk_bucket_take(&limit->bucket, PER_S, BURST, 1, hk_now_ns())) {
        limit->held_back++;
        return false;
    }
    if (limit->held_back > 0)
        hk_log(HK_LOG_WARN, "%u more %s not logged", limit->held_back, what);
    limit->held_back = 0;
    return true;
}
