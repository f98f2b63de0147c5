/*
 * service_check.h - whether a service, as it is set, can run on hakmem, and what is in the way.
 */
#ifndef HAKMEM_CTL_SERVICE_SERVICE_CHECK_H
#define HAKMEM_CTL_SERVICE_SERVICE_CHECK_H

#include <stdbool.h>

#include "ctl/service/service.h"

/* Says on stderr what of the unit's settings is in the way, each with what mends it. library: as the service
 * would see it. runtime_dir: where the daemon's sockets are. True unless the service would be ended by its
 * own system call filter, or its program by the library; forced: it is enabled all the same. */
bool hk_service_check(const struct hk_service *unit, const struct hk_service_scope *scope,
                      const char *library, const char *runtime_dir, bool forced);

#endif
