#!/usr/bin/env bash
# A memfd sealed with F_SEAL_FUTURE_WRITE can be written to but not given back.
#
# The seal forbids new writers; a shared mapping that was writable before goes on. Seen with Linux 6.18:
#     store through the old mapping               works
#     MADV_POPULATE_WRITE on the old mapping      works, and allocates pages
#     MADV_REMOVE on the old mapping              EPERM
#     fallocate(FALLOC_FL_PUNCH_HOLE)             EPERM
# One would expect that a mapping which may overwrite every byte may also drop its pages: both change what readers
# see to zeros. With F_SEAL_SHRINK and F_SEAL_GROW alone, all four work. So pages of a memfd that is sealed this way
# stay until its last descriptor and mapping are gone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >seal.c <<'C'
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { BYTES = 1 << 20, PART = 1 << 16 };

static void tell(const char *what, int result)
{
    printf("  %s: %s\n", what, result == 0 ? "ok" : strerrorname_np(errno));
}

static void try(const char *name, int seals)
{
    int fd = memfd_create("finding", MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, BYTES) != 0)
        return;
    char *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED || fcntl(fd, F_ADD_SEALS, seals) != 0)
        return;
    printf("%s\n", name);
    memset(p, 1, PART);
    tell("store", p[0] == 1 ? 0 : -1);
    tell("MADV_POPULATE_WRITE", madvise(p + PART, PART, MADV_POPULATE_WRITE));
    tell("MADV_REMOVE", madvise(p, PART, MADV_REMOVE));
    tell("punch hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PART));
}

int main(void)
{
    try("SHRINK, GROW", F_SEAL_SHRINK | F_SEAL_GROW);
    try("SHRINK, GROW, FUTURE_WRITE", F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE);
    return 0;
}
C
cc seal.c -o seal
printf 'Linux %s\n' "$(uname -r | cut -d. -f1,2)"
./seal | tee seen
diff - seen <<'TEXT' || exit 1
SHRINK, GROW
  store: ok
  MADV_POPULATE_WRITE: ok
  MADV_REMOVE: ok
  punch hole: ok
SHRINK, GROW, FUTURE_WRITE
  store: ok
  MADV_POPULATE_WRITE: ok
  MADV_REMOVE: EPERM
  punch hole: EPERM
TEXT
