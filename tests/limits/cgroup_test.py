#!/usr/bin/env python3
"""Programs in a memory cgroup that is small, and one that is full: they run, or the kernel's OOM killer ends them.

usage: cgroup_test.py UNDER ALIVE

A full cgroup never shows as another signal, as SIGBUS on the segment or SIGSEGV would be. The cgroup is made under
the caller's own (version 1 or 2) and removed again; where that is not allowed the test is skipped.
"""

import os
import signal
import subprocess
import sys

MIB = 1 << 20
HOG = "b = []\nwhile True: b.append(bytearray(b'x') * 100000)"


def own_cgroup():
    """Folder and limit file of the memory controller's cgroup that the caller is in."""
    with open("/proc/self/cgroup", encoding="ascii") as file:
        entries = [line.rstrip("\n").split(":", 2) for line in file]
    for _, controllers, path in entries:
        if "memory" in controllers.split(","):
            return "/sys/fs/cgroup/memory" + path, "memory.limit_in_bytes"
    for _, controllers, path in entries:
        if controllers == "":
            return "/sys/fs/cgroup" + path, "memory.max"
    return None, None


class Group:
    def __init__(self):
        parent, self.limit_file = own_cgroup()
        if parent is None:
            raise OSError("no memory cgroup")
        self.folder = os.path.join(parent, f"hakmem-test-{os.getpid()}")
        os.mkdir(self.folder)

    def limit(self, size):
        with open(os.path.join(self.folder, self.limit_file), "w", encoding="ascii") as file:
            file.write(str(size))

    def run(self, command):
        def enter():
            with open(os.path.join(self.folder, "cgroup.procs"), "w", encoding="ascii") as file:
                file.write(str(os.getpid()))
        return subprocess.run(command, preexec_fn=enter, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)

    def remove(self):
        os.rmdir(self.folder)


def main():
    under, alive = sys.argv[1:]
    try:
        group = Group()
    except OSError as error:
        print(f"skipped: {error}")
        return 77
    try:
        try:
            group.limit(64 * MIB)
        except OSError as error:
            print(f"skipped: {error}")
            return 77
        done = group.run([under, alive, str(2 * MIB)])
        if done.returncode != 0 or done.stdout != "alive\n":
            print(f"in 64 MiB: status {done.returncode}\n{done.stdout}{done.stderr}")
            return 1
        for _ in range(3):
            done = group.run([under, sys.executable, "-c", HOG])
            if done.returncode != -signal.SIGKILL:
                print(f"a hog in 64 MiB: status {done.returncode}\n{done.stdout}{done.stderr}")
                return 1
    finally:
        group.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
