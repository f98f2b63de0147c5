/* os_linux.c - see os.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/base/process_counters.h"
#include "lib/os/lock.h"
#include "lib/os/os.h"
#include "lib/os/syscall.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

size_t hk_page_bytes = 4096;

__thread char hk_lock_self __attribute__((tls_model("initial-exec")));

void hk_os_init(void)
{
    size_t page = getauxval(AT_PAGESZ);
    if (page != 0)
        hk_page_bytes = page;
}

/* The kernel's errors are the last page of addresses. */
static bool failed(long ret)
{
    return (unsigned long)ret > (unsigned long)-4096L;
}

static int result(long ret)
{
    if (!failed(ret))
        return 0;
    hk_count(&hk_process.sys_errors_total, 1);
    return (int)ret;
}

static int unmap(uintptr_t addr, size_t bytes)
{
    hk_count(&hk_process.sys_munmap_total, 1);
    return result(HK_SYSCALL(SYS_munmap, addr, bytes));
}

static long map(uintptr_t addr, size_t bytes, int prot, int flags)
{
    hk_count(&hk_process.sys_mmap_total, 1);
    return HK_SYSCALL(SYS_mmap, addr, bytes, prot, flags | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                      0);
}

int hk_os_map_at(uintptr_t addr, size_t bytes)
{
    long ret = map(addr, bytes, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE);
    if (!failed(ret) && (uintptr_t)ret != addr) {
        /* A kernel before 4.17, or an emulator, took the address for a hint. */
        unmap((uintptr_t)ret, bytes);
        ret = -EEXIST;
    }
    return result(ret);
}

static uintptr_t map_anywhere(size_t bytes, int prot)
{
    long ret = map(0, bytes, prot, 0);
    return result(ret) == 0 ? (uintptr_t)ret : 0;
}

uintptr_t hk_os_map_anywhere(size_t bytes)
{
    return map_anywhere(bytes, PROT_READ | PROT_WRITE);
}

uintptr_t hk_os_reserve_anywhere(size_t bytes)
{
    return map_anywhere(bytes, PROT_NONE);
}

int hk_os_unmap(uintptr_t addr, size_t bytes)
{
    return unmap(addr, bytes);
}

static int advise(const void *addr, size_t bytes, int advice)
{
    hk_count(&hk_process.sys_madvise_total, 1);
    return result(HK_SYSCALL(SYS_madvise, addr, bytes, advice));
}

int hk_os_purge(uintptr_t addr, size_t bytes, bool lazily)
{
    void *at = (void *)addr;
    if (lazily && advise(at, bytes, MADV_FREE) == 0)
        return 0;
    int err = advise(at, bytes, MADV_DONTNEED);
    if (err == -EINVAL) /* locked in memory: Linux 5.18 has a call that says so and means it */
        err = advise(at, bytes, MADV_DONTNEED_LOCKED);
    return err;
}

int hk_os_drop(uintptr_t addr, size_t bytes)
{
    return advise((void *)addr, bytes, MADV_DONTNEED);
}

int hk_os_move(uintptr_t old_addr, size_t old_bytes, uintptr_t addr, size_t new_bytes)
{
    hk_count(&hk_process.sys_mremap_total, 1);
    return result(
        HK_SYSCALL(SYS_mremap, old_addr, old_bytes, new_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, addr));
}

int hk_os_set_protection(uintptr_t addr, size_t bytes, int protection)
{
    hk_count(&hk_process.sys_other_total, 1);
    return result(HK_SYSCALL(SYS_mprotect, addr, bytes, protection));
}

int hk_os_protect(uintptr_t addr, size_t bytes, bool accessible)
{
    return hk_os_set_protection(addr, bytes, accessible ? PROT_READ | PROT_WRITE : PROT_NONE);
}

int hk_os_random(void *to, size_t bytes)
{
    hk_count(&hk_process.sys_other_total, 1);
    long got = HK_SYSCALL(SYS_getrandom, to, bytes, GRND_NONBLOCK);
    if (failed(got))
        return result(got);
    return (size_t)got == bytes ? 0 : -EAGAIN;
}

int hk_os_advise_huge(uintptr_t addr, size_t bytes, bool wanted)
{
    return advise((void *)addr, bytes, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

/* Of the kinds of advice, this one splits (Linux 4.5, mm/huge_memory.c: madvise_free_huge_pmd()); what it
 * says of the pages themselves is overtaken by their purge. */
int hk_os_split_huge(uintptr_t addr, size_t bytes)
{
    return advise((void *)addr, bytes, MADV_FREE);
}

int hk_os_populate(void *addr, size_t bytes)
{
    return advise(addr, bytes, MADV_POPULATE_WRITE);
}

static int probe_mapped(void *at, size_t bytes)
{
    unsigned char present[8];
    if (bytes > sizeof present * hk_page_bytes)
        return -EINVAL;
    hk_count(&hk_process.sys_other_total, 1);
    return result(HK_SYSCALL(SYS_mincore, at, bytes, present));
}

int hk_os_probe(uintptr_t addr, size_t bytes)
{
    static const char sample = 0;
    void *at = (void *)addr;
    if (advise(at, bytes, MADV_POPULATE_READ) == 0)
        return 0;
    /* Before Linux 5.14, or under a filter, one can only ask whether something is mapped. */
    uintptr_t known = (uintptr_t)&sample & ~(uintptr_t)(hk_page_bytes - 1);
    if (advise((void *)known, hk_page_bytes, MADV_POPULATE_READ) != 0)
        return probe_mapped(at, bytes);
    /* Asked again: the program's end may depend on the answer, and the first may have been for want of
     * memory. */
    return advise(at, bytes, MADV_POPULATE_READ) == 0 ? 0 : -ENOMEM;
}

int hk_os_set_dumped(void *addr, size_t bytes, bool dumped)
{
    return advise(addr, bytes, dumped ? MADV_DODUMP : MADV_DONTDUMP);
}

/* A folder has a link for itself, one from the folder above, and one from each in it. */
bool hk_os_is_alone(void)
{
    struct stat task;
    hk_count(&hk_process.sys_other_total, 1);
    return result(HK_SYSCALL(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &task, 0)) == 0 &&
           task.st_nlink == 3;
}

int hk_os_wipe_on_fork(void *addr, size_t bytes)
{
    return advise(addr, bytes, MADV_WIPEONFORK);
}

uint64_t hk_os_now_ns(void)
{
    struct timespec ts = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void hk_os_futex_wait(const void *word, uint32_t value)
{
    hk_count(&hk_process.sys_futex_total, 1);
    (void)HK_SYSCALL(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, 0);
}

void hk_os_futex_wake(const void *word, int waiters)
{
    hk_count(&hk_process.sys_futex_total, 1);
    (void)HK_SYSCALL(SYS_futex, word, FUTEX_WAKE_PRIVATE, waiters);
}
