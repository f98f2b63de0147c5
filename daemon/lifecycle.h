/*
 * lifecycle.h - start, reload, stop.
 */
#ifndef HAKMEM_DAEMON_LIFECYCLE_H
#define HAKMEM_DAEMON_LIFECYCLE_H

#include "daemon/daemon.h"

/* The configuration file in use: the option's, else the usual one; returns buf. */
const char *hk_lifecycle_config_file(const struct hk_options *options, char *buf, size_t size);

/* Looks a group up by its name, which may take as long as the host's name service does. False: there is
 * none, and *gid is left as it is. */
bool hk_lifecycle_find_group(const char *name, gid_t *gid);

/* What is said of a configured group that does not exist; takes its name. */
#define HK_NO_ADMIN_GROUP "admin_group: no group named '%s': root alone sees every process"

/* Starts everything with options and configuration in place. 0, or an errno with a message logged; then
 * hk_lifecycle_stop() and hk_lifecycle_finish() are owed all the same. */
int hk_lifecycle_start(struct hk_daemon *daemon);

/* Begins to close every handle; the loop runs out of work when that is done. */
void hk_lifecycle_stop(struct hk_daemon *daemon);

/* Frees what is left after the loop. */
void hk_lifecycle_finish(struct hk_daemon *daemon);

#endif
