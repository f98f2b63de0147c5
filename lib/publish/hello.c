/* hello.c - see hello.h. */
#include "lib/publish/hello.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/base/process_counters.h"
#include "lib/base/start_data.h"
#include "lib/os/syscall.h"
#include "shm/runtime_dir.h"
#include "shm/text.h"

#define CANDIDATES   3
#define LATE_FD_FROM 700

#define NS_PER_MS        UINT64_C(1000000)
#define RETRY_FIRST_NS   (500 * NS_PER_MS)
#define RETRY_LAST_NS    (2000 * NS_PER_MS)
#define GREETED_FIRST_NS (4000 * NS_PER_MS)
#define GREETED_LAST_NS  (60000 * NS_PER_MS)

/* Where daemons may listen, from the environment as it was before main. */
static char sockets[CANDIDATES][HK_RUNTIME_DIR_MAX + 8] HK_EARLY;
static char comm[HK_COMM_BYTES] HK_EARLY;

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
    hk_count(&hk_process.sys_other_total, 1);
    return hk_syscall6(nr, a, b, c, d, e, f);
}

uint32_t hk_hello_pid(void)
{
    return (uint32_t)call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

const char *hk_hello_comm(void)
{
    return comm;
}

void hk_hello_init(bool trust_env)
{
    char dir[HK_RUNTIME_DIR_MAX];
    uid_t uid = (uid_t)getauxval(AT_EUID);
    unsigned n = 0;
    for (unsigned i = 0; n < CANDIDATES; i++) {
        int err = hk_runtime_dir_candidate(i, trust_env, uid, dir, sizeof dir);
        if (err == ENOENT)
            break;
        if (err == 0 && hk_runtime_socket(dir, HK_HELLO_SOCKET, sockets[n], sizeof sockets[n]) == 0)
            n++;
    }
}

void hk_hello_name(void)
{
    (void)call(SYS_prctl, PR_GET_NAME, (long)comm, 0, 0, 0, 0);
    comm[sizeof comm - 1] = '\0';
}

static bool exists(const char *path)
{
    return path[0] != '\0' && call(SYS_faccessat, AT_FDCWD, (long)path, 0, 0, 0, 0) == 0;
}

bool hk_hello_expected(void)
{
    for (unsigned i = 0; i < CANDIDATES; i++) {
        if (exists(sockets[i]))
            return true;
    }
    return false;
}

/* The service runs as whoever owns its runtime directory, which root made. */
static bool is_service_user(uid_t uid)
{
    struct stat st;
#ifdef SYS_newfstatat
    long ret = call(SYS_newfstatat, AT_FDCWD, (long)HK_RUNTIME_DIR_SYSTEM, (long)&st, AT_SYMLINK_NOFOLLOW, 0,
                    0);
#else
    long ret = call(SYS_fstatat, AT_FDCWD, (long)HK_RUNTIME_DIR_SYSTEM, (long)&st, AT_SYMLINK_NOFOLLOW, 0, 0);
#endif
    return ret == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid;
}

static bool trusted(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (call(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, (long)&peer, (long)&len, 0) != 0 ||
        len != sizeof peer)
        return false;
    return peer.uid == 0 || peer.uid == (uid_t)call(SYS_geteuid, 0, 0, 0, 0, 0, 0) ||
           is_service_user(peer.uid);
}

static int new_socket(bool late)
{
    long fd = call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0, 0, 0);
    if (fd >= 0 && late) {
        long high = call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, LATE_FD_FROM, 0, 0, 0);
        if (high >= 0) {
            call(SYS_close, fd, 0, 0, 0, 0, 0);
            fd = high;
        }
    }
    return (int)fd;
}

int hk_hello_connect(bool late)
{
    for (unsigned i = 0; i < CANDIDATES; i++) {
        if (!exists(sockets[i]))
            continue;
        int fd = new_socket(late);
        if (fd < 0)
            return -1;
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        hk_text_field(addr.sun_path, sizeof addr.sun_path, sockets[i], strlen(sockets[i]));
        if (call(SYS_connect, fd, (long)&addr, sizeof addr, 0, 0, 0) == 0 && trusted(fd))
            return fd;
        hk_hello_close(fd, late);
    }
    return -1;
}

static void read_exe(char *exe, size_t size)
{
    long n = call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)exe, (long)size - 1, 0, 0);
    exe[n > 0 ? n : 0] = '\0';
}

int hk_hello_send(int fd, const struct hk_segment_fds *fds, uint32_t pid, uint32_t root_pid, unsigned flags,
                  const char *label)
{
    struct hk_hello hello = {
        .magic = HK_HELLO_MAGIC,
        .abi_major = HK_ABI_MAJOR,
        .abi_minor = HK_ABI_MINOR,
        .bytes = sizeof hello,
        .pid = pid,
        .root_pid = root_pid,
        .flags = flags,
    };
    hk_text_field(hello.version, sizeof hello.version, HAKMEM_VERSION, strlen(HAKMEM_VERSION));
    hk_text_field(hello.comm, sizeof hello.comm, comm, strlen(comm));
    hk_text_field(hello.label, sizeof hello.label, label, strlen(label));
    read_exe(hello.exe, sizeof hello.exe);

    int both[2] = {fds->counters, fds->tuning};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof both)];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec part = {.iov_base = &hello, .iov_len = sizeof hello};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof control.bytes};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof both);
    memcpy(CMSG_DATA(c), both, sizeof both);
    long ret = call(SYS_sendmsg, fd, (long)&msg, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0, 0);
    return ret < 0 ? (int)ret : 0;
}

void hk_hello_close(int fd, bool late)
{
    int type;
    socklen_t len = sizeof type;
    /* Late, the number may have become another descriptor's: ours is a socket of a rare type. */
    if (late && (call(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, (long)&type, (long)&len, 0) != 0 ||
                 type != SOCK_SEQPACKET))
        return;
    call(SYS_close, fd, 0, 0, 0, 0, 0);
}

uint64_t hk_hello_next_wait(uint64_t interval, bool greeted)
{
    uint64_t first = greeted ? GREETED_FIRST_NS : RETRY_FIRST_NS;
    uint64_t last = greeted ? GREETED_LAST_NS : RETRY_LAST_NS;
    interval = interval * 2 > first ? interval * 2 : first;
    return interval < last ? interval : last;
}
