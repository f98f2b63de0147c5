/*
 * tuning_writer.h - steering a family: its tuning page is written here and nowhere else.
 *
 * What is wanted is in the family's table (daemon/tuning/tuning_requests.h); publishing makes the page say
 * it. Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_TUNING_TUNING_WRITER_H
#define HAKMEM_DAEMON_TUNING_TUNING_WRITER_H

#include "daemon/model/registry.h"

/* Takes up steering a family that is new here: expiry, flags, and numbers that go on above all that any
 * process of it has seen. If an earlier daemon steered it, or a part of it, the operator's values come
 * back from the page, from what head says of itself, or from relatives, whoever knows the latest;
 * before, which may be NULL, is the family that head was in until now, and knows better than head. */
void hk_tuner_take_up(struct hk_family *family, const struct hk_process *head, const struct hk_family *before,
                      bool readopt, uint64_t now_ns);

/* Each interval: the heartbeat, the end of values whose life is over, and what remains of the others'. */
void hk_tuner_beat(struct hk_family *family, uint64_t now_ns);

/* Says how long a process waits for the next heartbeat before it falls back to its own values. */
void hk_tuner_set_expiry(struct hk_family *family, uint32_t interval_ms);

/* Says whether a later hello would be safe for every process of the family. */
void hk_tuner_update_flags(struct hk_family *family);

/* Puts the policies that match the family's head in place of those that did. */
void hk_tuner_apply_policies(struct hk_family *family, uint64_t now_ns);

/* Writes the table to the page under a new generation if it says something else than before, or if force
 * is set. */
void hk_tuner_publish(struct hk_family *family, bool force, uint64_t now_ns);

enum hk_command { HK_COMMAND_TRIM, HK_COMMAND_FLUSH };

/* Gives a command; returns its number, for which a process's trim_done or flush_done shows that it is
 * done. */
uint64_t hk_tuner_command(struct hk_family *family, enum hk_command command);

/* At a clean stop: leaves in the page what remains of the operator's lives, for the next daemon. */
void hk_tuner_leave(struct hk_family *family, uint64_t now_ns);

#endif
