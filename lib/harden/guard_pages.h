/*
 * guard_pages.h - pages that nobody may touch: behind blocks, and blocks that were freed.
 *
 * Each stretch splits a mapping in three at most, and a process may have 65,530 mappings: there are only so
 * many at a time, and where the system refuses, the block goes without.
 */
#ifndef HAKMEM_LIB_HARDEN_GUARD_PAGES_H
#define HAKMEM_LIB_HARDEN_GUARD_PAGES_H

#include <stdbool.h>

#include "shm/base.h"

/* Makes whole pages inaccessible. false: there are too many already, or the system refuses. */
bool hk_guard_set(uintptr_t at, size_t bytes);

/* One that is there becomes longer, in front. */
bool hk_guard_extend(uintptr_t at, size_t bytes);

/* Makes them accessible again. false: the system refuses, and they stay as they are. */
bool hk_guard_drop(uintptr_t at, size_t bytes);

#endif
