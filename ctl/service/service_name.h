/*
 * service_name.h - names of systemd services as operators type them. Pure.
 */
#ifndef HAKMEM_CTL_SERVICE_SERVICE_NAME_H
#define HAKMEM_CTL_SERVICE_SERVICE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define HK_SERVICE_NAME_BYTES 256 /* systemd's own bound, with the end */

/* The whole name of the service that is meant: ".service" is added where there is no suffix. False: error
 * says what is wrong with it (no name that systemd takes; a unit of another kind). */
bool hk_service_name(const char *typed, char name[HK_SERVICE_NAME_BYTES], char *error, size_t size);

/* "name@.service" of an instance "name@x.service" or of the template itself into buf; false where it is
 * neither. */
bool hk_service_template(const char *name, char buf[HK_SERVICE_NAME_BYTES]);

/* Whether it is a template, which runs nothing itself. */
bool hk_service_is_template(const char *name);

#endif
