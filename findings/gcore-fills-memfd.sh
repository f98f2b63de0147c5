#!/usr/bin/env bash
# gdb's gcore writes memory in the process that it looks at.
#
# gcore reads every shared mapping that the core filter includes. Reading a hole of a memfd through the mapping
# allocates the page, and it stays allocated in the memfd. Seen with gdb-minimal 13.1-3 and Linux 6.18: a memfd of
# 64 MiB of which 4 KiB were ever written holds 64 MiB after gcore, for as long as anybody has it open. One would
# expect that a tool which only looks leaves memory as it is (reading a hole of a private mapping maps the zero page
# and costs nothing). madvise(MADV_DONTDUMP) on the mapping keeps gcore, and the kernel's own dump, away from it.
set -euo pipefail

folder=$(mktemp -d)
child=
trap '[[ -z $child ]] || kill "$child" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq download gdb-minimal=13.1-3 2>/dev/null || {
    echo "not to be had: gdb-minimal 13.1-3"
    exit 2
}
mapfile -t needed < <(apt-cache depends --no-recommends --no-suggests gdb-minimal=13.1-3 | sed -n 's/^ *Depends: //p' |
    grep -vxE 'libc6|libgcc-s1')
apt-get -qq download "${needed[@]}" 2>/dev/null
for package in ./*.deb; do
    dpkg-deb -x "$package" root
done
cat >hole.c <<'C'
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BYTES = 64 << 20 };

int main(void)
{
    int fd = memfd_create("finding", 0);
    if (fd < 0 || ftruncate(fd, BYTES) != 0)
        return 2;
    char *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return 2;
    p[0] = 1;
    printf("%d\n", fd);
    fflush(stdout);
    sleep(300);
    return 0;
}
C
cc hole.c -o hole
./hole >descriptor &
child=$!
for _ in {1..100}; do
    [[ -s descriptor ]] && break
    sleep 0.1
done
fd=$(<descriptor)
kib() {
    echo $(($(stat -L -c %b "/proc/$child/fd/$fd") / 2))
}
before=$(kib)
libraries=$(find "$PWD/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
LD_LIBRARY_PATH=$libraries timeout 120 root/usr/bin/gdb -nx -batch -p "$child" -ex "gcore core" </dev/null \
    >gdb.log 2>&1 || true
[[ -s core ]] || {
    echo "gdb took no core here"
    tail -3 gdb.log
    exit 2
}
after=$(kib)
printf 'gdb 13.1: the memfd holds %s KiB before gcore, %s KiB after\n' "$before" "$after"
[[ $before -eq 4 && $after -eq 65536 ]] || exit 1
