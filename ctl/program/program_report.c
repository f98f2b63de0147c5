/* program_report.c - see program_report.h. */
#include "ctl/program/program_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/base/alloc_or_exit.h"
#include "ctl/base/error_report.h"

/* Whether it is about the program not being one, rather than about hakmem. */
static bool is_no_program(enum hk_program_id id)
{
    return id == HK_PROGRAM_NOT_EXECUTABLE || id == HK_PROGRAM_NO_PROGRAM;
}

static const char *verb(enum hk_program_id id)
{
    switch (hk_program_infos[id].severity) {
    case HK_SEVERITY_HARMFUL:
        return " cannot run on hakmem";
    case HK_SEVERITY_USELESS:
        return is_no_program(id) ? "" : " will not run on hakmem";
    case HK_SEVERITY_PARTLY:
        return " runs on hakmem in part";
    default:
        return "";
    }
}

static void report(enum hk_severity severity, bool forced, const char *text)
{
    if (severity == HK_SEVERITY_HARMFUL && !forced)
        hk_error("%s", text);
    else if (severity == HK_SEVERITY_FINE)
        hk_verbose("%s", text);
    else
        hk_warning("%s", text);
}

bool hk_program_report(const struct hk_program *program, const char *who, const char *name, bool forced)
{
    bool script = strcmp(program->path, name) != 0;
    for (unsigned i = 0; i < program->count; i++) {
        enum hk_program_id id = program->found[i].id;
        const struct hk_program_info *info = &hk_program_infos[id];
        char *sentence = hk_program_finding_text(program, i), *text = NULL;
        if (asprintf(&text, "%s%s%s%s%s%s: %s\n%s", who ? who : "", who ? ": " : "", name,
                     script ? ": its interpreter " : "", script ? program->path : "", verb(id), sentence,
                     info->remedy) < 0)
            text = hk_need(NULL);
        report(info->severity, forced, text);
        free(text);
        free(sentence);
    }
    return !hk_program_has(program, HK_SEVERITY_HARMFUL);
}
