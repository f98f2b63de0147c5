/*
 * fork.h - a forked child puts right what the fork cut.
 *
 * No lock is held across fork(), and nothing runs in the parent: glibc takes its stdio locks after the
 * handlers, and an allocator that waits in one can deadlock with a thread inside stdio. Shared state is
 * written so that it survives being cut at any instant (docs/design.md).
 */
#ifndef HAKMEM_LIB_ENTRY_FORK_H
#define HAKMEM_LIB_ENTRY_FORK_H

void hk_fork_init(void);

/* In the child: locks free, lost threads' heaps to the pool, the parent's cells left alone. Called by the C
 * library after fork(), or by the first slow path that finds it has not been (lib/tuning/control.h). */
void hk_fork_child(void);

#endif
