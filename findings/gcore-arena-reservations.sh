#!/usr/bin/env bash
# gdb's gcore writes address ranges that nobody may read, and never did.
#
# glibc reserves 64 MiB of addresses (PROT_NONE) for each arena, and makes the first few pages accessible. gcore of
# gdb-minimal 13.1-3 writes such a reservation out in full, zeros that take up disk. The kernel's own dump of the same
# process leaves out what was never touched. Seen with 16 threads in arenas of their own that allocate 100 bytes each:
# 1,153 MiB of core for 1.6 MiB that are resident. One would expect a core of the size of what is resident, or holes in
# the file. The more threads, the more: where a server of 1,000 threads has that many arenas, its core is 64 GiB.
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
cat >arenas.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *run(void *unused)
{
    char *volatile p = malloc(100);
    p[0] = 1;
    sleep(300);
    return unused;
}

int main(void)
{
    pthread_t thread;
    for (int i = 0; i < 16; i++)
        if (pthread_create(&thread, NULL, run, NULL) != 0)
            return 2;
    sleep(1);
    puts("ready");
    fflush(stdout);
    sleep(300);
    return 0;
}
C
cc arenas.c -o arenas -pthread
MALLOC_ARENA_MAX=17 ./arenas >ready &
child=$!
for _ in {1..100}; do
    [[ -s ready ]] && break
    sleep 0.1
done
libraries=$(find "$PWD/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
LD_LIBRARY_PATH=$libraries timeout 300 root/usr/bin/gdb -nx -batch -p "$child" -ex "gcore core" </dev/null \
    >gdb.log 2>&1 || true
[[ -s core ]] || {
    echo "gdb took no core here"
    tail -3 gdb.log
    exit 2
}
resident=$(awk '/^Rss:/ {kib += $2} END {print kib}' "/proc/$child/smaps")
disk=$(($(stat -c %b core) / 2))
printf 'gdb 13.1: %s KiB are resident, the core takes %s KiB of disk\n' "$resident" "$disk"
[[ $disk -gt $((16 * 64 * 1024 * 9 / 10)) && $resident -lt 20000 ]] || exit 1
