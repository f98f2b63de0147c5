/*
 * runtime_dir.h - where the sockets are: the one rule that library, daemon and tool share.
 *
 *   $HAKMEM_RUNTIME_DIR if set, and then nothing else; otherwise
 *   /run/hakmem               the host's service
 *   $XDG_RUNTIME_DIR/hakmem   a user's own daemon
 *   /tmp/hakmem-UID           the same, where there is no XDG_RUNTIME_DIR
 *
 * Pure but for reading the environment and lstat(); allocates nothing, prints nothing.
 */
#ifndef HAKMEM_SHM_RUNTIME_DIR_H
#define HAKMEM_SHM_RUNTIME_DIR_H

#include <stdbool.h>
#include <sys/types.h>

#include "shm/base.h"

#define HK_RUNTIME_DIR_ENV    "HAKMEM_RUNTIME_DIR"
#define HK_RUNTIME_DIR_SYSTEM "/run/hakmem"
#define HK_RUNTIME_DIR_MAX    96 /* leaves room for a socket's name in sun_path (108) */

/* The index-th candidate (0, 1, ...) for user uid into buf. Returns 0; ENOENT past the last; for one that is
 * no use (go on with the next; buf holds as much of it as fits) ENAMETOOLONG, or EINVAL where it is not an
 * absolute path. trust_env false (AT_SECURE): /run/hakmem alone. */
int hk_runtime_dir_candidate(unsigned index, bool trust_env, uid_t uid, char *buf, size_t size);

/* The directory a user's own daemon makes for itself: the XDG one, else the one in /tmp. Same returns. */
int hk_runtime_dir_user(uid_t uid, char *buf, size_t size);

/* Whether a directory is one that only uid or root can put sockets into: a real directory, owned by uid
 * or root, not writable by others. HK_RUNTIME_DIR_SYSTEM may have any owner: /run is root's, so root gave
 * it to the service's user. 0 or an errno: ENOENT, ENOTDIR, EPERM (owner or mode). */
int hk_runtime_dir_check(const char *dir, uid_t uid);

/* dir + "/" + name into buf; 0 or ENAMETOOLONG. */
int hk_runtime_socket(const char *dir, const char *name, char *buf, size_t size);

#endif
