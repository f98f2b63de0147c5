/*
 * os.h - what the allocator asks of the system, and nothing else does.
 *
 * The only file of lib/ that maps and unmaps block memory. Every function counts its system calls
 * (sys_*_total), returns 0 or -errno, leaves errno alone and may be called from any thread. Each survives
 * EPERM and ENOSYS from a filter: the caller gets the error and goes on without.
 */
#ifndef HAKMEM_LIB_OS_OS_H
#define HAKMEM_LIB_OS_OS_H

#include <stdbool.h>

#include "shm/base.h"

/* The system's page size in bytes; known before the first allocation (hk_os_init). */
extern size_t hk_page_bytes;
void hk_os_init(void);

/* Fresh zeroed memory at exactly this address; -EEXIST where something is mapped there. MAP_NORESERVE. */
int hk_os_map_at(uintptr_t addr, size_t bytes);

/* Fresh zeroed memory wherever the kernel likes; 0 on failure. */
uintptr_t hk_os_map_anywhere(size_t bytes);

/* Reserves addresses wherever the kernel likes, without access; 0 on failure. */
uintptr_t hk_os_reserve_anywhere(size_t bytes);

int hk_os_unmap(uintptr_t addr, size_t bytes);

/* Gives the pages back. On 0 they read as zero from then on. lazily: the system takes them when it needs
 * them, and until then the contents stay. Locked pages are given back too where the kernel can. */
int hk_os_purge(uintptr_t addr, size_t bytes, bool lazily);

/* The same, but for locked pages, which stay: -EINVAL. */
int hk_os_drop(uintptr_t addr, size_t bytes);

/* Moves a mapping's pages to addr (replacing what is mapped there), growing it to new_bytes; the old
 * addresses are unmapped. */
int hk_os_move(uintptr_t old_addr, size_t old_bytes, uintptr_t addr, size_t new_bytes);

/* Takes away, or gives back, access to whole pages of our own. */
int hk_os_protect(uintptr_t addr, size_t bytes, bool accessible);

/*
 * Sets the protection of whole pages that are not the allocator's own.
 *
 * @param addr        a multiple of the page size
 * @param bytes       rounded up to whole pages
 * @param protection  PROT_READ, PROT_WRITE, PROT_EXEC
 * @return            0 or -errno; nothing has changed then, or part of the pages
 */
int hk_os_set_protection(uintptr_t addr, size_t bytes, int protection);

/* Random bytes of the kernel's, without waiting for them; -EAGAIN or -ENOSYS where there are none. */
int hk_os_random(void *to, size_t bytes);

/* Advice on transparent huge pages for a range. */
int hk_os_advise_huge(uintptr_t addr, size_t bytes, bool wanted);

/* Has a huge page that these pages, which nobody needs any more, are part of taken apart at once. Without it
 * the system keeps all of a huge page until the last of it goes, or memory runs short, while RSS says
 * otherwise. */
int hk_os_split_huge(uintptr_t addr, size_t bytes);

/* Makes a range of a shared mapping present and writable, so that no store to it can fault for want of
 * memory. -EINVAL where the kernel cannot (before 5.14). */
int hk_os_populate(void *addr, size_t bytes);

/* Whether whole pages at addr can be read: 0 if so, -ENOMEM if not, another error where the system will not
 * say. */
int hk_os_probe(uintptr_t addr, size_t bytes);

/* Whether core dumps are to have a range of whole pages (from Linux 3.4; part of it may have changed on an
 * error). Who dumps a shared mapping reads all of it, and a hole of a memfd that is read is memory from then
 * on. */
int hk_os_set_dumped(void *addr, size_t bytes, bool dumped);

/* Whether the process has one thread. false where the system will not say. */
bool hk_os_is_alone(void);

/* Marks a page to read as zero in a forked child. */
int hk_os_wipe_on_fork(void *addr, size_t bytes);

/* Monotonic time in nanoseconds, from the vdso, a few milliseconds coarse. */
uint64_t hk_os_now_ns(void);

/* Waits while *word is value / wakes waiters; spurious returns are fine. */
void hk_os_futex_wait(const void *word, uint32_t value);
void hk_os_futex_wake(const void *word, int waiters);

#endif
