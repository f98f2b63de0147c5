/*
 * registry.h - who is known: processes, their families and users, and the records of the dead.
 *
 *   user    uid, what counts against its limits
 *   family  one segment: the process that made it and the children it forked
 *   process one area of a segment; after its end a record of what it was
 *   grave   counters of ended processes whose records are gone, so that sums never run backwards
 *
 * Keeps them and finds them; who comes in is daemon/intake/admission.c's and daemon/intake/area_claims.c's
 * business, what is read of them daemon/model/family.c's. Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_MODEL_REGISTRY_H
#define HAKMEM_DAEMON_MODEL_REGISTRY_H

#include <sys/queue.h>
#include <uv.h>

#include "config/match.h"
#include "daemon/base/token_bucket.h"
#include "daemon/model/aggregate.h"
#include "daemon/sources/procfs.h"
#include "daemon/sources/segment_files.h"
#include "daemon/tuning/tuning_requests.h"

struct hk_daemon;

struct hk_user {
    uid_t uid;
    unsigned processes; /* live */
    unsigned families;
    unsigned clients;    /* connections to the control socket */
    unsigned dead;       /* records */
    unsigned greeting;   /* connections to the hello socket that have said nothing yet */
    unsigned cells_read; /* in this sample */
    bool over_cells;     /* said so in the log already */
    struct hk_bucket hellos, requests;
    uint64_t used_ns;
};

enum hk_ended {
    HK_ENDED_NOT,
    HK_ENDED_EXIT, /* through exit(): totals are exact */
    HK_ENDED_ANYHOW,
    HK_ENDED_EXEC, /* the process lives on as another program */
};

/* The watch over a process's life. Outlives the process it watches until libuv has let go of it. */
struct hk_life {
    uv_poll_t poll;
    int pidfd; /* -1: none to be had, the sampler looks at /proc instead */
    struct hk_process *process;
};

struct hk_process {
    TAILQ_ENTRY(hk_process) link; /* among its family's live ones, or the dead */
    uint64_t id;                  /* never given again */
    pid_t pid, ppid;
    pid_t inner_pid; /* as the process sees itself */
    pid_t family_pid;
    uid_t uid;
    uint64_t start_ticks;     /* 0: unknown, in a record of one that nobody saw alive */
    struct hk_user *user;     /* whom it counts against: its family's */
    struct hk_family *family; /* NULL once dead */
    struct hk_life *life;

    char comm[HK_COMM_BYTES];
    char label[HK_LABEL_BYTES];
    char version[HK_VERSION_BYTES];
    char *exe, *unit; /* NULL: unknown */
    char *program;    /* the link to exe by which it was started; NULL: exe itself, or unknown */
    bool exe_claimed;
    struct hk_file_id exe_id; /* unless claimed */
    int seccomp;
    uint64_t refresh_ns; /* when to look at /proc again */
    unsigned refreshes;

    unsigned area; /* its cell */
    bool moved;    /* during a sample: something of it changed */
    bool lost;     /* its area is somebody else's now */
    struct hk_area_view view;
    struct hk_figures figures;
    struct hk_history *history; /* NULL once dead */

    uint64_t rss_bytes, rss_ns; /* rss_ns 0: never read */
    bool rss_known;

    enum hk_ended ended;
    uint64_t ended_boot_ns;
};

TAILQ_HEAD(hk_process_list, hk_process);

enum hk_claim_state {
    HK_CLAIM_NONE,  /* free, a slot, or an area that says nothing */
    HK_CLAIM_NEW,   /* an area whose process is not known yet */
    HK_CLAIM_BOUND, /* an area of a live process */
    HK_CLAIM_LEFT,  /* its process lives on in another segment, and may still write here */
    HK_CLAIM_DEAD,  /* counted, and named in the dead table */
    HK_CLAIM_VAIN,  /* an area whose process cannot be found */
};

/* What is known of a cell. */
struct hk_claim {
    uint64_t word;              /* of the directory */
    uint64_t stamp;             /* when last read; HK_STAMP_UNREAD since the word changed */
    struct hk_process *process; /* BOUND */
    uint64_t left_id;           /* LEFT */
    pid_t left_pid;
    uint32_t next_try;   /* NEW: the sample in which to look again */
    uint32_t first_pass; /* NEW: over all processes, when it was first not found */
    uint16_t next_slot;  /* the next slot of the same area, HK_NO_CELL at the end */
    uint16_t first_slot; /* of an area */
    uint8_t state;
    uint8_t tries;
};

#define HK_NO_CELL      UINT16_MAX
#define HK_STAMP_UNREAD UINT64_MAX /* no cell gets as far */

struct hk_family {
    TAILQ_ENTRY(hk_family) link;
    struct hk_daemon *daemon;
    pid_t pid;       /* the process that made the segment */
    pid_t shown_pid; /* as answers name it: of the first segment, where this is a later one */
    pid_t inner_pid;
    uint64_t start_ticks; /* of the process that made it */
    uid_t uid;            /* of the connection that brought it */
    bool later;           /* of a repeated hello */
    bool foreign_pids;    /* its processes see other pids than the daemon does */
    struct hk_user *user;
    struct hk_segment segment;
    /* Of the process that made it, for telling its children by. */
    char comm[HK_COMM_BYTES];
    char *exe, *unit;
    bool exe_claimed;
    unsigned stored; /* its number in the service manager's descriptor store; 0: not there */

    struct hk_claim *claims;
    unsigned claim_count;
    unsigned new_claims; /* in state NEW */
    struct hk_process_list processes;
    unsigned process_count;
    uint64_t empty_ns; /* since when it has no live process; 0: it has */

    struct hk_tune_table tuning;
    uint64_t generation; /* published, or at least not to be used again */
    uint64_t decided;    /* the generation that the operator's values in the table are of */
    struct hk_tuning_copy published;
    uint64_t trim_command, flush_command;
    bool stale_policy; /* something policies look at has changed */
    bool chosen;       /* while a request is taken apart */
};

TAILQ_HEAD(hk_family_list, hk_family);

/* As hk_family.decided: an operator may have spoken to this daemon, so nobody knows better. */
#define HK_DECIDED_HERE UINT64_MAX

/* Sums of ended processes that were alike. */
struct hk_grave {
    bool anybody; /* of all users: for those who may see everything */
    uid_t uid;
    char *text[HK_MATCH_FIELDS]; /* comm, exe, unit, label */
    bool mixed;                  /* of one user, but of several kinds: text is not known */
    struct hk_counts counts;
};

#define HK_GRAVES_MAX 512

struct hk_registry {
    struct hk_process **processes; /* live, by pid */
    unsigned process_count, process_room;
    struct hk_family_list families;
    unsigned family_count;
    struct hk_process_list dead; /* the latest last */
    unsigned dead_count;
    struct hk_grave **graves;
    unsigned grave_count;
    struct hk_user **users; /* by uid */
    unsigned user_count;
    uint64_t next_id;
};

void hk_registry_init(struct hk_registry *registry);
/* Frees everything; the lives must have been closed. */
void hk_registry_clear(struct hk_registry *registry);

/* The user's entry, made if need be. Never NULL; stays valid while it counts anything, and at least
 * until the loop comes round. */
struct hk_user *hk_registry_user(struct hk_registry *registry, uid_t uid, uint64_t now_ns);
/* Forgets users that nothing counts for any more. */
void hk_registry_prune_users(struct hk_registry *registry, uint64_t now_ns);

/* The live process of that pid, NULL if none is known. */
struct hk_process *hk_registry_find(const struct hk_registry *registry, pid_t pid);

/* Index of the first live process with a pid of at least this. */
unsigned hk_registry_lower_bound(const struct hk_registry *registry, pid_t pid);

/* Makes a live process known; pid must not be. */
void hk_registry_insert(struct hk_registry *registry, struct hk_process *process);
/* Takes it from the live ones; hk_registry_bury() is next. */
void hk_registry_remove(struct hk_registry *registry, struct hk_process *process);
/* Puts a process that is not among the live ones among the dead. No user holds more than half of max
 * records; the oldest of them makes room. */
void hk_registry_bury(struct hk_registry *registry, struct hk_process *process, unsigned max);

/* Sums up and frees records older than keep_ns and those beyond max. */
void hk_registry_trim_dead(struct hk_registry *registry, uint64_t keep_ns, unsigned max, uint64_t boot_ns);

/* What globs look at. */
void hk_process_facts(const struct hk_process *process, struct hk_facts *facts);
void hk_grave_facts(const struct hk_grave *grave, struct hk_facts *facts);

#endif
