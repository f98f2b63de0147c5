/*
 * program.h - whether a program can run on hakmem, from its file, before it starts.
 *
 * Looks at the file, at the interpreter of a script, and at the libraries that it needs. Nothing is run.
 * Knows nothing of daemons and units.
 */
#ifndef HAKMEM_CTL_PROGRAM_PROGRAM_H
#define HAKMEM_CTL_PROGRAM_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum hk_program_id {
#define HK_PROGRAM(id, ...) HK_PROGRAM_##id,
#include "ctl/program/program_findings.def"
    HK_PROGRAM_IDS
};

/* From the worst on. */
enum hk_severity { HK_SEVERITY_HARMFUL, HK_SEVERITY_USELESS, HK_SEVERITY_PARTLY, HK_SEVERITY_FINE };

struct hk_program_info {
    const char *name;
    enum hk_severity severity;
    const char *message, *remedy;
};

extern const struct hk_program_info hk_program_infos[HK_PROGRAM_IDS];

/* Where the program is, and who will run it. */
struct hk_program_context {
    const char *root;         /* "", or the directory that is its root, without a slash at the end */
    const char *library;      /* what will be preloaded, as this tool sees it; NULL: like this tool */
    const char *search;       /* directories of programs, as in $PATH, for env in scripts */
    const char *library_path; /* LD_LIBRARY_PATH; NULL: none */
    uid_t uid;                /* as who it is started */
    gid_t gid;
    bool no_new_privileges; /* set-uid bits and capabilities of files have no effect */
};

#define HK_PROGRAM_FOUND_MAX   8
#define HK_PROGRAM_ABOUT_BYTES 192

struct hk_program {
    char path[PATH_MAX]; /* what was looked at in the end: of a script its interpreter */
    unsigned count;      /* from the worst on */
    struct {
        enum hk_program_id id;
        char about[HK_PROGRAM_ABOUT_BYTES]; /* a file or a symbol; "": nothing more to say */
    } found[HK_PROGRAM_FOUND_MAX];
};

/* Finds a program by its name in the place's search path, as seen inside of its root, as execvp does: the
 * first regular file that may be executed. 0; EACCES where there are only others, of which the first is in
 * buf; ENOENT, with "" in buf. An empty element is the current directory; it and relative ones count where
 * the root is this tool's. */
int hk_program_find(const struct hk_program_context *context, const char *name, char buf[PATH_MAX]);

/* The absolute path of the program that the env(1) at path starts with these arguments, words between blanks.
 * False: path is no env, or the program cannot be told, or it would not be preloaded (env -i). */
bool hk_program_started_by_env(const struct hk_program_context *context, const char *path,
                               const char *arguments, char buf[PATH_MAX]);

/* Looks at the program at path, as seen inside of the place's root. */
void hk_program_inspect(struct hk_program *program, const struct hk_program_context *context,
                        const char *path);

/* The same of the program that a process runs, /proc/PID/exe; the place's root is not used. False: it may not
 * be looked at. */
bool hk_program_inspect_process(struct hk_program *program, const struct hk_program_context *context,
                                pid_t pid);

/* The same of an open file, which stays open, that goes by the name path. */
void hk_program_inspect_file(struct hk_program *program, const struct hk_program_context *context, int fd,
                             const char *path);

/* What the index-th finding says, "it is ... (about)", to be freed. */
char *hk_program_finding_text(const struct hk_program *program, unsigned index);

/* Whether there is a finding of that severity. */
bool hk_program_has(const struct hk_program *program, enum hk_severity severity);

#endif
