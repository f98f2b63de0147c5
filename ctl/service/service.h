/*
 * service.h - what a systemd service is set to, as far as it matters to a preloaded library.
 *
 * Read from its files; where a running systemd can be asked, it says which files these are, and what only it
 * knows.
 */
#ifndef HAKMEM_CTL_SERVICE_SERVICE_H
#define HAKMEM_CTL_SERVICE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/service/service_name.h"

#define HK_DROP_IN_NAME "50-hakmem.conf"

/* Whose units. */
struct hk_service_scope {
    const char *root; /* "" or the directory of a system that is not running, without a slash at the end */
    bool user;        /* the caller's own manager; not with a root */
};

enum hk_service_state { HK_SERVICE_FOUND, HK_SERVICE_MISSING, HK_SERVICE_MASKED };

/* Settings that are looked at, each all its assignments, a line each, from the last empty one on. */
enum hk_service_key {
    HK_SERVICE_EXEC_START,
    HK_SERVICE_ENVIRONMENT_FILE,
    HK_SERVICE_UNSET_ENVIRONMENT,
    HK_SERVICE_SYSTEM_CALL_FILTER,
    HK_SERVICE_SYSTEM_CALL_ERROR,
    HK_SERVICE_ADDRESS_FAMILIES,
    HK_SERVICE_ROOT_DIRECTORY,
    HK_SERVICE_ROOT_IMAGE,
    HK_SERVICE_INACCESSIBLE,
    HK_SERVICE_TEMPORARY,
    HK_SERVICE_BIND,
    HK_SERVICE_BIND_READ_ONLY,
    HK_SERVICE_NO_EXEC,
    HK_SERVICE_EXEC,
    HK_SERVICE_PROTECT_HOME,
    HK_SERVICE_PRIVATE_TMP,
    HK_SERVICE_USER,
    HK_SERVICE_DYNAMIC_USER,
    HK_SERVICE_NO_NEW_PRIVILEGES,
    HK_SERVICE_KEYS
};

struct hk_service {
    char name[HK_SERVICE_NAME_BYTES]; /* that of its file, where the one asked for was an alias */
    enum hk_service_state state;
    bool answered;                 /* a running systemd was asked; else files alone were read */
    bool filter_expanded;          /* the system call filter names calls, no groups */
    bool active;                   /* runs now, or that is not known */
    char *values[HK_SERVICE_KEYS]; /* NULL: not set */
    char *preload;                 /* its own LD_PRELOAD, NULL where it has none */
    char *preload_from;            /* the file that sets it */
    bool preload_wins;             /* that file is read after our drop-in */
    char *preload_file;            /* an EnvironmentFile= that sets it, and so wins; or NULL */
};

/* Finds out about the service of a name that hk_service_name() made. Free with hk_service_free(). */
void hk_service_read(struct hk_service *unit, const struct hk_service_scope *scope, const char *name);
void hk_service_free(struct hk_service *unit);

/* The directories of units and of what generators made, the first of them the one that drop-ins are written
 * to; each below root where there is one. The text is in buf. NULL behind the last, or where it does not fit
 * (no home). */
const char *hk_service_dir(const struct hk_service_scope *scope, unsigned index, char *buf, size_t size);

#endif
