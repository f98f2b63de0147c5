/*
 * family.h - a segment's life: read each interval, until the last of its processes has ended.
 *
 * Of the loop's thread alone.
 */
#ifndef HAKMEM_DAEMON_MODEL_FAMILY_H
#define HAKMEM_DAEMON_MODEL_FAMILY_H

#include "daemon/model/registry.h"

/* Makes a family of a checked segment, which is taken over. No process is known in it yet. */
struct hk_family *hk_family_new(struct hk_daemon *daemon, const struct hk_segment *segment, pid_t pid,
                                uid_t uid, uint64_t now_ns);

/* Closes everything; no live process may be in it. */
void hk_family_free(struct hk_family *family);

/* Reads the directory, finds out about new claims, and reads what has moved since. number counts the
 * samples. Processes may end in it. */
void hk_family_sample(struct hk_family *family, uint32_t number, uint64_t now_ns);

/* Reads the directory alone. */
void hk_family_read_directory(struct hk_family *family);

/* Reads a live process's area and slots, whatever its stamps say. */
void hk_family_read_process(struct hk_process *process);

/* Reads its area alone, for what it says of tuning; false if that cannot be read now. */
bool hk_family_read_area(struct hk_process *process);

/* The live process whose identity stands for the family's: the one that made it, else its oldest. NULL
 * if none lives. */
struct hk_process *hk_family_head(const struct hk_family *family);

/* The cell of the area that a process (by the pid it sees itself) has claimed, HK_NO_CELL if none. */
unsigned hk_family_area_of(const struct hk_family *family, pid_t inner_pid);

#endif
