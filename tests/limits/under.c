/*
 * under.c - starts a program in surroundings of one's choice, with libhakmem.so preloaded for it alone.
 *
 * usage: under [OPTION...] PROGRAM [ARGUMENT...]
 *
 *   --as N, --data N, --fsize N, --nofile N, --memlock N, --stack N
 *                   a resource limit, soft and hard, in bytes or files; N may be "unlimited"
 *   --user UID      as that user and group, without others
 *   --no-aslr       addresses as they come
 *   --no-thp        without transparent huge pages
 *   --root DIR      in DIR as its root
 *   --mounts        with that root as the only mount there is, in a name space of its own
 *   --set A=B       a setting
 *   --plain         without the library
 */
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/check.h"

static const struct {
    const char *name;
    int resource;
} limits[] = {{"--as", RLIMIT_AS},         {"--data", RLIMIT_DATA},       {"--fsize", RLIMIT_FSIZE},
              {"--nofile", RLIMIT_NOFILE}, {"--memlock", RLIMIT_MEMLOCK}, {"--stack", RLIMIT_STACK}};

static struct rlimit wanted[HK_COUNT_OF(limits)];
static bool given[HK_COUNT_OF(limits)];

static bool is_limit(const char *name, const char *value)
{
    for (unsigned i = 0; i < HK_COUNT_OF(limits); i++) {
        if (strcmp(name, limits[i].name) != 0)
            continue;
        CHECK(value != NULL, "%s what?", name);
        rlim_t n = strcmp(value, "unlimited") == 0 ? RLIM_INFINITY : strtoull(value, NULL, 0);
        wanted[i] = (struct rlimit){n, n};
        given[i] = true;
        return true;
    }
    return false;
}

static void set_limits(void)
{
    for (unsigned i = 0; i < HK_COUNT_OF(limits); i++) {
        if (given[i] && setrlimit(limits[i].resource, &wanted[i]) != 0)
            check_skip("%s: %s", limits[i].name, strerror(errno));
    }
}

static void become_user(const char *value)
{
    uid_t uid = (uid_t)atoi(value);
    if (setgroups(0, NULL) != 0 || setgid(uid) != 0 || setuid(uid) != 0)
        check_skip("not allowed to become user %s", value);
}

/* DIR becomes the root, and all else is unmounted: for this process, and those that it starts. */
static void mount_only(const char *dir)
{
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(dir, dir, NULL, MS_BIND, NULL) != 0)
        check_skip("not allowed to mount: %s", strerror(errno));
    CHECK(chdir(dir) == 0, "%s: %s", dir, strerror(errno));
    if (syscall(SYS_pivot_root, ".", ".") != 0)
        check_skip("not allowed to change the root: %s", strerror(errno));
    CHECK(umount2(".", MNT_DETACH) == 0 && chdir("/") == 0, "the old root: %s", strerror(errno));
}

static void enter_root(const char *dir)
{
    if (chroot(dir) != 0 || chdir("/") != 0)
        check_skip("not allowed to chroot: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    const char *library = getenv("HAKMEM_LIB"), *user = NULL, *root = NULL;
    bool mounts = false;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--plain") == 0) {
            library = NULL;
            continue;
        }
        if (strcmp(argv[i], "--no-aslr") == 0) {
            CHECK(personality(ADDR_NO_RANDOMIZE) != -1, "personality");
            continue;
        }
        if (strcmp(argv[i], "--mounts") == 0) {
            mounts = true;
            continue;
        }
        if (strcmp(argv[i], "--no-thp") == 0) {
            CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0, "PR_SET_THP_DISABLE");
            continue;
        }
        if (strcmp(argv[i], "--user") == 0)
            user = value;
        else if (strcmp(argv[i], "--root") == 0)
            root = value;
        else if (strcmp(argv[i], "--set") == 0)
            putenv(argv[i + 1]);
        else
            CHECK(is_limit(argv[i], value), "under: no option %s", argv[i]);
        i++;
    }
    CHECK(i < argc, "under: what program?");
    if (library != NULL)
        setenv("LD_PRELOAD", library, 1);
    else
        setenv("HAKMEM_TEST_ANY_MALLOC", "1", 1);
    if (root != NULL)
        (mounts ? mount_only : enter_root)(root);
    if (user != NULL)
        become_user(user);
    set_limits();
    execv(argv[i], argv + i);
    CHECK(false, "%s: %s", argv[i], strerror(errno));
}
