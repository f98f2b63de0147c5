/* inject.c - see inject.h. */
#include "tests/faults/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

#if defined __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "which architecture is this to a filter?"
#endif

#ifdef SYS_newfstatat
#define STAT_CALL SYS_newfstatat
#else
#define STAT_CALL SYS_fstatat
#endif

/* Not among them: futex (a wake that is lost is lost in no kernel) and what cannot fail. */
static const struct inject_call calls[] = {
    {SYS_mmap, "mmap", {ENOMEM, EPERM, EEXIST, ENOSYS}, true},
    {SYS_munmap, "munmap", {ENOMEM, EPERM, EINVAL}, false},
    {SYS_mremap, "mremap", {ENOMEM, EFAULT, ENOSYS, EINVAL}, true},
    {SYS_mprotect, "mprotect", {ENOMEM, EACCES, EPERM}, true},
    {SYS_madvise, "madvise", {EINVAL, ENOMEM, EAGAIN, EPERM}, true},
    {SYS_mincore, "mincore", {EPERM, ENOSYS, EAGAIN}, false},
    {SYS_memfd_create, "memfd_create", {EMFILE, ENOMEM, EINVAL, ENOSYS}, true},
    {SYS_ftruncate, "ftruncate", {EFBIG, EPERM, EINTR}, false},
    {SYS_fallocate, "fallocate", {ENOSPC, EINTR, EOPNOTSUPP}, true},
    {SYS_fcntl, "fcntl", {EINVAL, EMFILE, EPERM, EBUSY}, false},
    {SYS_socket, "socket", {EMFILE, EACCES, EAFNOSUPPORT, ENOBUFS}, true},
    {SYS_connect, "connect", {EAGAIN, ECONNREFUSED, EACCES, EINTR}, false},
    {SYS_sendmsg, "sendmsg", {EAGAIN, EPIPE, ENOBUFS, ETOOMANYREFS}, true},
    {SYS_getsockopt, "getsockopt", {EPERM, ENOPROTOOPT}, false},
    {SYS_prlimit64, "prlimit64", {EPERM, ENOSYS}, false},
    {SYS_faccessat, "faccessat", {EACCES, ENOMEM}, false},
    {STAT_CALL, "fstatat", {EACCES, ENOMEM}, false},
    {SYS_readlinkat, "readlinkat", {ENOENT, EACCES, ENOMEM}, false},
    {SYS_openat, "openat", {EMFILE, ENOMEM, EACCES}, false},
    {SYS_prctl, "prctl", {EPERM, ENOSYS}, false},
};

const struct inject_call *inject_find(long nr)
{
    for (unsigned i = 0; i < HK_COUNT_OF(calls); i++) {
        if (calls[i].nr == nr)
            return &calls[i];
    }
    return NULL;
}

const struct inject_call *inject_named(const char *name, size_t len)
{
    for (unsigned i = 0; i < HK_COUNT_OF(calls); i++) {
        if (strlen(calls[i].name) == len && memcmp(calls[i].name, name, len) == 0)
            return &calls[i];
    }
    return NULL;
}

const char *inject_error_name(int error)
{
    return strerrorname_np(error);
}

int inject_error_number(const char *name)
{
    for (int e = 1; e < 134; e++) {
        const char *known = strerrorname_np(e);
        if (known != NULL && strcmp(known, name) == 0)
            return e;
    }
    return 0;
}

/* ---- the program ---- */

/* The number of a descriptor that tells of the calls; -1 with errno. */
static int install_filter(void)
{
    enum { HEAD = 3, N = HK_COUNT_OF(calls) };
    struct sock_filter code[HEAD + N + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 0, N + 1),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    for (unsigned i = 0; i < N; i++)
        code[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].nr,
                                                      (unsigned char)(N - i), 0);
    code[HEAD + N] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[HEAD + N + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    struct sock_fprog filter = {.len = HK_COUNT_OF(code), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
}

/* Shares its descriptors with the supervisor until it has the listener: what is under the filter could not
 * send it. */
static _Noreturn void become(const struct inject_program *program, int to_supervisor)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    personality(ADDR_NO_RANDOMIZE);
    int listener = install_filter();
    int word = listener >= 0 ? listener : -errno;
    if (write(to_supervisor, &word, sizeof word) != (ssize_t)sizeof word || listener < 0 ||
        unshare(CLONE_FILES) != 0)
        _exit(126);
    if (program->output >= 0 &&
        (dup2(program->output, STDOUT_FILENO) < 0 || dup2(program->output, STDERR_FILENO) < 0))
        _exit(126);
    setenv("LD_PRELOAD", program->library, 1);
    execv(program->argv[0], program->argv);
    fprintf(stderr, "%s: %s\n", program->argv[0], strerror(errno));
    _exit(127);
}

/* Returns its pid and, in *listener, who asks for it. */
static pid_t start(const struct inject_program *program, int *listener)
{
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
    CHECK(pid >= 0, "clone: %s", strerror(errno));
    if (pid == 0)
        become(program, ends[1]);
    CHECK(read(ends[0], listener, sizeof *listener) == (ssize_t)sizeof *listener, "no word of the program");
    close(ends[0]);
    close(ends[1]);
    if (*listener < 0) {
        waitpid(pid, NULL, 0);
        check_skip("no filter can be installed that asks: %s", strerror(-*listener));
    }
    return pid;
}

/* ---- whose call it is ---- */

/* Of the last few threads that called, where the library's code is. A program that execs another image under
 * the same number would be taken for what it was: ours do not. */
struct range {
    pid_t tid;
    uint64_t low, high;
};

static struct range ranges[64];

/* false: not mapped, or not yet. */
static bool read_range(pid_t tid, const char *library, struct range *r)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/maps", tid);
    FILE *maps = fopen(path, "re");
    bool found = false;
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        char access[5];
        unsigned long low, high;
        if (sscanf(line, "%lx-%lx %4s", &low, &high, access) == 3 && access[2] == 'x' &&
            strstr(line, library) != NULL) {
            *r = (struct range){.tid = tid, .low = low, .high = high};
            found = true;
        }
    }
    if (maps != NULL)
        fclose(maps);
    return found;
}

static bool is_librarys(pid_t tid, uint64_t at, const char *library)
{
    struct range *r = &ranges[(unsigned)tid % HK_COUNT_OF(ranges)];
    if (r->tid != tid && !read_range(tid, library, r))
        return false;
    return at >= r->low && at <= r->high;
}

/* ---- asking ---- */

struct session {
    int listener;
    const char *library;
    inject_decide *decide;
    inject_marked *marked;
    void *arg;
};

/* Calls that ask whether a descriptor is still the library's own: where that cannot be learnt it has to be
 * left open, for it may have become the program's. */
static bool asks_whose(const struct seccomp_data *data)
{
    return (data->nr == SYS_fcntl && data->args[1] == F_GET_SEALS) || data->nr == STAT_CALL ||
           (data->nr == SYS_getsockopt && data->args[2] == SO_TYPE);
}

static int answer(const struct session *s, const struct seccomp_notif *asked)
{
    const struct seccomp_data *data = &asked->data;
    if (data->nr == SYS_fcntl && (int)data->args[0] == -1 && data->args[1] == INJECT_MARK) {
        s->marked(s->arg, (unsigned)data->args[2]);
        return 0;
    }
    if (asks_whose(data) || !is_librarys((pid_t)asked->pid, data->instruction_pointer, s->library))
        return 0;
    return s->decide(s->arg, data, inject_find(data->nr));
}

/* One call. A caller that was killed meanwhile needs no answer (ENOENT). */
static void serve(const struct session *s)
{
    struct seccomp_notif asked;
    memset(&asked, 0, sizeof asked);
    if (ioctl(s->listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) {
        CHECK(errno == ENOENT || errno == EINTR, "SECCOMP_IOCTL_NOTIF_RECV: %s", strerror(errno));
        return;
    }
    int error = answer(s, &asked);
    struct seccomp_notif_resp reply = {.id = asked.id, .error = -error};
    if (error == 0)
        reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    CHECK(ioctl(s->listener, SECCOMP_IOCTL_NOTIF_SEND, &reply) == 0 || errno == ENOENT,
          "SECCOMP_IOCTL_NOTIF_SEND: %s", strerror(errno));
}

int inject_run(const struct inject_program *program, inject_decide *decide, inject_marked *marked, void *arg)
{
    struct session s = {.library = program->library, .decide = decide, .marked = marked, .arg = arg};
    memset(ranges, 0, sizeof ranges);
    pid_t pid = start(program, &s.listener);
    int ended = (int)syscall(SYS_pidfd_open, pid, 0), status = -1;
    CHECK(ended >= 0, "pidfd_open: %s", strerror(errno));
    struct pollfd ready[] = {{.fd = s.listener, .events = POLLIN}, {.fd = ended, .events = POLLIN}};
    while ((ready[1].revents & POLLIN) == 0) {
        if (poll(ready, 2, -1) < 0)
            continue;
        if ((ready[0].revents & POLLIN) != 0)
            serve(&s);
        if ((ready[0].revents & POLLHUP) != 0)
            ready[0].fd = -1;
    }
    CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    close(ended);
    close(s.listener);
    return status;
}
