/* guard_pages.c - see guard_pages.h. */
#include "lib/harden/guard_pages.h"

#include "lib/os/os.h"
#include "shm/layout.h"

#define MOST_GUARDS 16384

static hk_au32 guards;

bool hk_guard_set(uintptr_t at, size_t bytes)
{
    if (atomic_fetch_add_explicit(&guards, 1, memory_order_relaxed) < MOST_GUARDS &&
        hk_os_protect(at, bytes, false) == 0)
        return true;
    atomic_fetch_sub_explicit(&guards, 1, memory_order_relaxed);
    return false;
}

bool hk_guard_extend(uintptr_t at, size_t bytes)
{
    return hk_os_protect(at, bytes, false) == 0;
}

bool hk_guard_drop(uintptr_t at, size_t bytes)
{
    if (hk_os_protect(at, bytes, true) != 0)
        return false;
    atomic_fetch_sub_explicit(&guards, 1, memory_order_relaxed);
    return true;
}
