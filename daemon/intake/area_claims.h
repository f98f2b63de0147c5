/*
 * area_claims.h - whose area is it: the claims in a segment's directory against what the kernel says.
 *
 * A forked child claims an area by writing its pid, as it sees it, into memory. It is believed if there
 * is such a process, of the right user, that descends from the family, or at least looks like it. Of
 * the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_INTAKE_AREA_CLAIMS_H
#define HAKMEM_DAEMON_INTAKE_AREA_CLAIMS_H

#include "daemon/model/registry.h"

/* Takes in a copy of the directory. */
void hk_claims_take(struct hk_family *family, const uint64_t *words, unsigned count);

/* Looks for the processes of new claims, and for the end of those that left. Processes may be made. */
void hk_claims_resolve(struct hk_family *family, uint32_t number, uint64_t now_ns);

/* Names an area and its slots in the dead table. All that is to be read of them must have been. */
void hk_claims_mark_dead(struct hk_family *family, unsigned area);

/* Where a claim's next steps go. */
void hk_claims_bind(struct hk_family *family, unsigned area, struct hk_process *process);
void hk_claims_leave(struct hk_family *family, unsigned area, const struct hk_process *process);

#endif
