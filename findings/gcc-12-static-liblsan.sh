#!/usr/bin/env bash
# A program with gcc 12's leak sanitizer linked in statically does not reach main, and ends as if it had leaked.
#
# gcc has -static-liblsan as it has -static-libasan. With gcc 12.2.0-14+deb12u1 and glibc 2.36 even an empty main(),
# linked so, ends before its first line: a check of the sanitizer's own beginning fails ("CHECK failed:
# lsan_interceptors.cpp"). The exit status is 23, which is the one for leaks that were found. The same program runs
# with the shared runtime (-fsanitize=leak alone), and with -fsanitize=address -static-libasan, whose leak check is the
# same code. One would expect a static runtime that works, or an exit status that is not that of a result: a test
# bench that goes by it counts a leak in every program.
set -euo pipefail

version=12.2.0-14+deb12u1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for package in gcc-12 cpp-12 libgcc-12-dev liblsan0 libasan8; do
    apt-get -qq download "$package=$version" 2>/dev/null || {
        echo "not to be had: $package $version"
        exit 2
    }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" root
done
machine=$(cc -dumpmachine)
gcc() {
    local tools
    tools=$(echo root/usr/lib/gcc/*/12)
    GCC_EXEC_PREFIX='' root/usr/bin/"$machine"-gcc-12 -B "$PWD/$tools" -L "$PWD/root/usr/lib/$machine" "$@"
}
printf 'int main(void)\n{\n    return 0;\n}\n' >empty.c
gcc -fsanitize=leak empty.c -o shared
gcc -fsanitize=leak -static-liblsan empty.c -o static
gcc -fsanitize=address -static-libasan empty.c -o address
run() {
    status=0
    LD_LIBRARY_PATH=$PWD/root/usr/lib/$machine "./$1" 2>said || status=$?
    printf 'gcc 12.2.0, %s: status %d %s\n' "$2" "$status" \
        "$(grep -o 'CHECK failed: lsan_interceptors.cpp' said || true)"
}
run shared '-fsanitize=leak'
[[ $status -eq 0 ]] || exit 1
run address '-fsanitize=address -static-libasan'
[[ $status -eq 0 ]] || exit 1
run static '-fsanitize=leak -static-liblsan'
[[ $status -eq 23 ]] && grep -q 'CHECK failed: lsan_interceptors.cpp' said || exit 1
