/*
 * service_list.h - the names of services there are, for completion and for messages about wrong names.
 *
 * Read from the directories of unit files; systemd is not asked.
 */
#ifndef HAKMEM_CTL_SERVICE_SERVICE_LIST_H
#define HAKMEM_CTL_SERVICE_SERVICE_LIST_H

#include "ctl/service/service.h"

/* Whole names, sorted, each once. */
struct hk_service_names {
    char **all;
    size_t count, capacity;
};

/* Fills names with the services that have a unit file or, with enabled, a drop-in of ours. Always call
 * hk_service_names_free() afterwards. */
void hk_service_names_read(struct hk_service_names *names, const struct hk_service_scope *scope,
                           bool enabled);

/* Frees what hk_service_names_read() allocated, and empties names. */
void hk_service_names_free(struct hk_service_names *names);

/* Finds the service that a whole name was probably meant to be (shm/nearest.h says what is near), and writes
 * its whole name into buf. An instance keeps its instance name. False where none is near. */
bool hk_service_nearest(const struct hk_service_scope *scope, const char *name,
                        char buf[HK_SERVICE_NAME_BYTES]);

#endif
