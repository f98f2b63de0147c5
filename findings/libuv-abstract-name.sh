#!/usr/bin/env bash
# libuv 1.44 binds every abstract socket name to the same address.
#
# uv_pipe_bind() takes a C string. An abstract name begins with a NUL byte, so for libuv it is the empty string. The
# call returns 0 all the same, and the kernel is given 108 NUL bytes as the name. Seen with libuv1 1.44.2-1+deb12u1:
#     bind "\0first": 0, address of 110 bytes, name of 108 NUL bytes
#     bind "\0second" in another socket: EADDRINUSE
# One would expect EINVAL, or the name that was given. The second socket of any program on the host that does so
# finds the address taken, and a client that knows the name cannot connect.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for package in libuv1 libuv1-dev; do
    apt-get -qq download "$package=1.44.2-1+deb12u1" 2>/dev/null || {
        echo "not to be had: $package 1.44.2-1+deb12u1"
        exit 2
    }
done
for package in ./*.deb; do
    dpkg-deb -x "$package" root
done
cat >bind.c <<'C'
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <uv.h>

static void bind_and_tell(uv_pipe_t *pipe, const char *name)
{
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    uv_os_fd_t fd;
    uv_pipe_init(uv_default_loop(), pipe, 0);
    int error = uv_pipe_bind(pipe, name);
    printf("bind \\0%s: %s", name + 1, error != 0 ? uv_err_name(error) : "0");
    if (error == 0 && uv_fileno((uv_handle_t *)pipe, &fd) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &length) == 0) {
        unsigned nuls = 0;
        for (unsigned i = 0; i < length - sizeof(sa_family_t); i++)
            nuls += address.sun_path[i] == 0;
        printf(", address of %u bytes, %u of them NUL", (unsigned)length, nuls);
    }
    printf("\n");
}

int main(void)
{
    uv_pipe_t first, second;
    printf("libuv %s\n", uv_version_string());
    bind_and_tell(&first, "\0first");
    bind_and_tell(&second, "\0second");
    return 0;
}
C
libraries=$(dirname "$(find root -name 'libuv.so.1')")
cc -Iroot/usr/include bind.c -L"$libraries" -luv -o bind
# In a network namespace of its own where that is allowed: abstract names belong to it.
alone=()
unshare --net true 2>/dev/null && alone=(unshare --net)
LD_LIBRARY_PATH=$libraries "${alone[@]}" ./bind | tee seen
diff - seen <<'TEXT' || exit 1
libuv 1.44.2
bind \0first: 0, address of 110 bytes, 108 of them NUL
bind \0second: EADDRINUSE
TEXT
