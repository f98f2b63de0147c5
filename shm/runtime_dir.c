/* runtime_dir.c - see runtime_dir.h. */
#include "shm/runtime_dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shm/text.h"

/* The text is cut where it does not fit, so a full buffer counts as too long. */
static int finish(const struct hk_text *t)
{
    if (t->buf[0] != '/')
        return EINVAL;
    return t->len + 1 >= t->size || t->len >= HK_RUNTIME_DIR_MAX ? ENAMETOOLONG : 0;
}

static const char *env_dir(const char *name)
{
    const char *dir = getenv(name); /* NOLINT(concurrency-mt-unsafe): read before threads, or by tools */
    return dir && dir[0] != '\0' ? dir : NULL;
}

static int tmp_dir(uid_t uid, char *buf, size_t size)
{
    struct hk_text t = hk_text_in(buf, size);
    hk_text_add(&t, "/tmp/hakmem-");
    hk_text_add_u64(&t, uid);
    return finish(&t);
}

static int xdg_dir(const char *xdg, char *buf, size_t size)
{
    struct hk_text t = hk_text_in(buf, size);
    hk_text_add(&t, xdg);
    hk_text_add(&t, "/hakmem");
    return finish(&t);
}

static int copy_dir(const char *dir, char *buf, size_t size)
{
    struct hk_text t = hk_text_in(buf, size);
    hk_text_add(&t, dir);
    return finish(&t);
}

int hk_runtime_dir_candidate(unsigned index, bool trust_env, uid_t uid, char *buf, size_t size)
{
    const char *chosen = trust_env ? env_dir(HK_RUNTIME_DIR_ENV) : NULL;
    const char *xdg = trust_env ? env_dir("XDG_RUNTIME_DIR") : NULL;
    if (chosen)
        return index == 0 ? copy_dir(chosen, buf, size) : ENOENT;
    if (index == 0)
        return copy_dir(HK_RUNTIME_DIR_SYSTEM, buf, size);
    if (!trust_env)
        return ENOENT;
    if (index == 1 && xdg)
        return xdg_dir(xdg, buf, size);
    if (index == (xdg ? 2u : 1u))
        return tmp_dir(uid, buf, size);
    return ENOENT;
}

int hk_runtime_dir_user(uid_t uid, char *buf, size_t size)
{
    const char *xdg = env_dir("XDG_RUNTIME_DIR");
    return xdg ? xdg_dir(xdg, buf, size) : tmp_dir(uid, buf, size);
}

int hk_runtime_dir_check(const char *dir, uid_t uid)
{
    struct stat st;
    if (lstat(dir, &st) != 0)
        return errno;
    if (!S_ISDIR(st.st_mode))
        return ENOTDIR;
    bool appointed = strcmp(dir, HK_RUNTIME_DIR_SYSTEM) == 0; /* only root can have made it for its owner */
    if ((st.st_uid != uid && st.st_uid != 0 && !appointed) || (st.st_mode & 022) != 0)
        return EPERM;
    return 0;
}

int hk_runtime_socket(const char *dir, const char *name, char *buf, size_t size)
{
    struct hk_text t = hk_text_in(buf, size);
    hk_text_add(&t, dir);
    hk_text_add(&t, "/");
    hk_text_add(&t, name);
    return t.len + 1 >= t.size ? ENAMETOOLONG : 0;
}
