/*
 * quarantine.h - freed blocks that wait, the oldest first out.
 *
 * A ring of addresses under a lock, bounded in bytes and in blocks. Knows nothing else of blocks: what they
 * are is asked of the caller again when they leave. A fork at any instant loses a block in the child, at
 * worst.
 */
#ifndef HAKMEM_LIB_HARDEN_QUARANTINE_H
#define HAKMEM_LIB_HARDEN_QUARANTINE_H

#include <stdbool.h>

#include "shm/layout.h"

/* What is there now, for mallinfo() and the like. */
extern hk_au64 hk_quarantine_blocks HK_HIDDEN, hk_quarantine_bytes HK_HIDDEN;

/* Maps the ring. false: no memory. Called once, before the others. */
bool hk_quarantine_init(uint64_t limit_bytes);

/* Whether a block of so many bytes may be there at all. */
bool hk_quarantine_fits(uint64_t bytes);

/* Puts a block in. Any thread. */
void hk_quarantine_put(void *p, uint64_t bytes);

/* A block that has to leave, for there is too much, or if all are wanted; NULL if there is none. Its bytes
 * are counted off. */
void *hk_quarantine_take(bool all);

/* Calls look() for each block that waits. Not where the ring is being changed, which may be by the caller,
 * interrupted. */
void hk_quarantine_visit(void (*look)(void *p));

void hk_quarantine_after_fork(void);

#endif
