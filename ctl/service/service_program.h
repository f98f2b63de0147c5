/*
 * service_program.h - the programs that a service starts, and whether they can run on hakmem.
 */
#ifndef HAKMEM_CTL_SERVICE_SERVICE_PROGRAM_H
#define HAKMEM_CTL_SERVICE_SERVICE_PROGRAM_H

#include "ctl/program/program.h"
#include "ctl/service/service.h"

/* Calls visit for each program of ExecStart=, as named there and as it was found. library: what is preloaded,
 * as the service sees it. Names that systemd makes of others (%i, $NAME) are left out. */
void hk_service_each_program(const struct hk_service *unit, const struct hk_service_scope *scope,
                             const char *library,
                             void (*visit)(void *arg, const char *name, const struct hk_program *program),
                             void *arg);

#endif
