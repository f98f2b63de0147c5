/*
 * family_group.h - segments that are one family to an operator.
 *
 * After a restart of the daemon each process of a family brings a segment, and so a tuning page, of its
 * own. What is set still holds for all of them, and the process that heard the latest knows best what
 * that was: generations are kept comparable between relatives. Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_TUNING_FAMILY_GROUP_H
#define HAKMEM_DAEMON_TUNING_FAMILY_GROUP_H

#include "daemon/model/registry.h"

/* Orders by what relatives have in common; for qsort of arrays of struct hk_family *. */
int hk_relatives_compare(const void *a, const void *b);

/* Whether both are parts of one family. */
bool hk_are_relatives(const struct hk_family *a, const struct hk_family *b);

/* At the arrival of a family whose operator's values have been taken back: it and its relatives agree on
 * the latest of them, and on a generation above all that any of them knows. The relatives are published
 * where that changes them; the family itself is left to the caller, who publishes it in any case. */
void hk_relatives_agree(struct hk_family *family, uint64_t now_ns);

/* Before a request steers them: relatives among these families go on from the same generation, and what
 * comes next is known to have been decided here. Sorts families. */
void hk_relatives_level(struct hk_family **families, unsigned count);

#endif
