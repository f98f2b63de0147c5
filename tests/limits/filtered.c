/*
 * filtered.c - a program that gave up nearly all system calls goes on allocating.
 *
 * usage: filtered [foreign|refusing|without]
 *
 *   foreign   and gives back blocks that the C library made before
 *   refusing  mremap() is not allowed either, and fails with EPERM
 *   without   mremap() kills too, and the program resizes no block above 1 MiB: for that alone it is needed
 *
 * The filter kills on everything but what an allocator may be expected to need once it runs. Threads were
 * made before. Nothing here prints by stdio after the filter, nor ends a thread.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/blocks.h"
#include "tests/support/check.h"

#if defined __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "which architecture is this to a filter?"
#endif

extern void *__libc_malloc(size_t size);

#define THREADS 3
#define BLOCKS  5000

static const unsigned allowed[] = {SYS_read,   SYS_write,      SYS_getpid,       SYS_mmap,
                                   SYS_munmap, SYS_madvise,    SYS_mprotect,     SYS_futex,
                                   SYS_exit,   SYS_exit_group, SYS_rt_sigreturn, SYS_mremap};

static bool without_mremap;

static pthread_barrier_t ready, filtered, done;
static void *blocks[THREADS + 1][BLOCKS];

static int install(void)
{
    enum { HEAD = 3, MOST = HK_COUNT_OF(allowed) };
    const unsigned short n = MOST - without_mremap;
    struct sock_filter code[HEAD + MOST + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 0, (unsigned char)(n + 1)),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    for (unsigned i = 0; i < n; i++)
        code[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i],
                                                      (unsigned char)(n - i), 0);
    code[HEAD + n] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[HEAD + n + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = (unsigned short)(HEAD + n + 2), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
}

/* mremap() fails, though the other filter allows it: the stricter answer holds. */
static int refuse_mremap(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = HK_COUNT_OF(code), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
}

/* A filter that lets everything through would prove nothing. */
static void check_that_it_kills(void)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        if (install() != 0)
            _exit(77);
        (void)getppid();
        _exit(1);
    }
    CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        check_skip("no filter can be installed here");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "the filter does not kill: status %#x",
          (unsigned)status);
}

static void use_small(void **list, size_t size)
{
    for (unsigned i = 0; i < BLOCKS; i++) {
        list[i] = malloc(size + i % 64);
        CHECK(list[i] != NULL, "no memory");
        pattern_fill(list[i], size + i % 64, i);
    }
    for (unsigned i = 0; i < BLOCKS; i++) {
        CHECK(pattern_check(list[i], size + i % 64, i) == size + i % 64, "block %u changed", i);
        free(list[i]);
    }
}

static void use_large(void)
{
    unsigned char *p = NULL;
    for (size_t size = 40000; size < 60000000; size *= 3) {
        if (without_mremap && size > HK_MIB) {
            free(p);
            p = malloc(size);
        } else {
            p = realloc(p, size);
        }
        CHECK(p != NULL, "no memory for %zu bytes", size);
        p[size - 1] = 1;
        unsigned char *q = calloc(1, size);
        CHECK(q != NULL && is_zero(q, size), "calloc");
        memset(q, 0xff, size);
        free(q);
    }
    free(p);
}

static void work(unsigned n)
{
    for (unsigned round = 0; round < 3; round++) {
        for (size_t size = 16; size < 20000; size *= 4)
            use_small(blocks[n], size);
        use_large();
        malloc_trim(0);
    }
}

static void *in_thread(void *arg)
{
    pthread_barrier_wait(&ready); /* its own start is over */
    pthread_barrier_wait(&filtered);
    work((unsigned)(uintptr_t)arg);
    pthread_barrier_wait(&done);
    pthread_barrier_wait(&filtered); /* never passed: the program ends around it */
    return NULL;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    pthread_t thread;
    void *foreign[] = {__libc_malloc(100), __libc_malloc(300000), __libc_malloc(5000000)};
    without_mremap = strcmp(how, "without") == 0;
    check_that_it_kills();
    pthread_barrier_init(&ready, NULL, THREADS + 1);
    pthread_barrier_init(&filtered, NULL, THREADS + 1);
    pthread_barrier_init(&done, NULL, THREADS + 1);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK(pthread_create(&thread, NULL, in_thread, (void *)(uintptr_t)i) == 0, "no thread");
    pthread_barrier_wait(&ready);
    if (strcmp(how, "refusing") == 0)
        CHECK(refuse_mremap() == 0, "no filter: %s", strerror(errno));
    CHECK(install() == 0, "no filter: %s", strerror(errno));
    pthread_barrier_wait(&filtered);
    for (unsigned i = 0; strcmp(how, "foreign") == 0 && i < HK_COUNT_OF(foreign); i++)
        free(foreign[i]);
    work(THREADS);
    pthread_barrier_wait(&done);
    return 0;
}
