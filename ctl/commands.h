/*
 * commands.h - the subcommands, as a table.
 *
 * A row and a function are all that a further subcommand needs: parsing, help and completion follow.
 */
#ifndef HAKMEM_CTL_COMMANDS_H
#define HAKMEM_CTL_COMMANDS_H

#include <stdbool.h>

struct hk_session;

/* What the words after the options are. Those that take PIDS take a bare number for --pid NUMBER. */
enum hk_words {
    HK_WORDS_NONE = 0,
    HK_WORDS_PIDS,
    HK_WORDS_STATS,   /* pids, or "host" */
    HK_WORDS_TUNE,    /* pids, NAME=VALUE or NAME */
    HK_WORDS_PROGRAM, /* a program and its arguments; ends the options */
    HK_WORDS_UNITS,   /* services */
    HK_WORDS_ENABLED, /* of these, such as are enabled */
};

struct hk_command {
    const char *name;
    const char *arguments; /* after the options, as help shows them; newlines between alternatives */
    const char *summary;   /* one line */
    const char *details;   /* paragraphs, separated by newlines */
    unsigned groups;       /* options: enum hk_option_group */
    enum hk_words words;
    bool wants_selector;                    /* acts on processes: none chosen is an error */
    bool shows_tunables;                    /* help ends with the list of tunables */
    int (*run)(struct hk_session *session); /* returns the exit status */
};

extern const struct hk_command hk_commands[];
extern const unsigned hk_command_count;

/* NULL if there is none of that name. */
const struct hk_command *hk_command_find(const char *name);

int hk_cmd_run(struct hk_session *session);
int hk_cmd_list(struct hk_session *session);
int hk_cmd_stats(struct hk_session *session);
int hk_cmd_tune(struct hk_session *session);
int hk_cmd_trim(struct hk_session *session);
int hk_cmd_flush(struct hk_session *session);
int hk_cmd_doctor(struct hk_session *session);
int hk_cmd_info(struct hk_session *session);
int hk_cmd_enable(struct hk_session *session);
int hk_cmd_disable(struct hk_session *session);
int hk_cmd_schema(struct hk_session *session);

#endif
