/*
 * mlock.c - mlockall() by an ordinary user whose RLIMIT_MEMLOCK is 8 MiB, then allocation up to it.
 *
 * With MCL_FUTURE every mapping is locked as it is made, so what an allocator maps and does not use counts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

int main(void)
{
    struct rlimit limit;
    size_t got = 0;
    CHECK(getrlimit(RLIMIT_MEMLOCK, &limit) == 0, "getrlimit");
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        long long size = check_proc_field("/proc/self/status", "VmSize");
        CHECK(getenv("HAKMEM_TEST_ANY_MALLOC") == NULL, "mlockall: %s", strerror(errno));
        CHECK(false, "mlockall: %s; VmSize is %lld KiB, the limit %llu", strerror(errno), size >> 10,
              (unsigned long long)limit.rlim_cur >> 10);
    }
    for (unsigned round = 0; round < 3; round++) {
        void **list = NULL;
        for (;;) {
            void **p = calloc(1, 3000);
            if (p == NULL)
                break;
            CHECK(is_zero(p, 3000), "calloc of locked memory is not zero");
            memset(p, 0xff, 3000);
            *p = list;
            list = p;
            got += 3000;
            CHECK(got < 64u << 20, "locked memory has no end");
        }
        CHECK(errno == ENOMEM, "errno is %d", errno);
        while (list != NULL) {
            void **next = *list;
            free(list);
            list = next;
        }
    }
    CHECK(got >= 3u << 20, "only %zu KiB in three rounds", got >> 10);
    /* Purged while locked: the kernel may refuse, and then the contents stay. */
    for (unsigned round = 0; round < 20; round++) {
        unsigned char *p = calloc(1, 500000);
        CHECK(p != NULL, "no half megabyte after all was freed");
        CHECK(is_zero(p, 500000), "calloc of reused locked memory is not zero");
        memset(p, 0xff, round % 2 == 0 ? 500000 : 1); /* locked pages are not to be dropped for a few bytes */
        free(p);
    }
    return 0;
}
