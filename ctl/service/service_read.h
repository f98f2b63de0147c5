/*
 * service_read.h - the settings of unit files gathered into a struct hk_service; of service.c alone.
 */
#ifndef HAKMEM_CTL_SERVICE_SERVICE_READ_H
#define HAKMEM_CTL_SERVICE_SERVICE_READ_H

#include "ctl/service/service.h"

/* The text of a regular file of at most 1 MiB, to be freed; NULL with errno. at: the directory of a relative
 * path. */
char *hk_service_read_file(int at, const char *path);

/* Adds what a unit file or drop-in at path (root included) says; our own drop-in is left out. Files are added
 * in the order in which systemd reads them. */
void hk_service_add_file(struct hk_service *unit, const struct hk_service_scope *scope, const char *path);

/* After the last file: looks into EnvironmentFile=. */
void hk_service_add_environment_files(struct hk_service *unit, const struct hk_service_scope *scope);

/* Sets a key by its name to a value, in place of what it was; for what systemctl says. */
void hk_service_set(struct hk_service *unit, enum hk_service_key key, const char *value);

#endif
