#!/usr/bin/env python3
"""Checks the floors and their rooms: an include never points up, and every header compiles by itself.

usage: check_includes.py [--cc COMPILER]

    shm/     libc alone
    lib/     shm; no stdio, no library that allocates
    config/  shm, cJSON
    daemon/  shm, config, libuv, cJSON, libsystemd
    ctl/     shm, cJSON, libuv

Within a floor rooms.py says which room may include from which.
"""

import argparse
import concurrent.futures
import os
import re
import shlex
import subprocess

import rooms
import tree

# Floors of the project that a floor may include from.
OWN = {
    "shm": {"shm"},
    "lib": {"shm", "lib"},
    "config": {"shm", "config"},
    "daemon": {"shm", "config", "daemon"},
    "ctl": {"shm", "ctl"},
}
# Outside headers, by pattern, and the floors that may include them; what no row names is the C library's.
OUTSIDE = [
    (r"uv\.h|uv/.*", {"daemon", "ctl"}),
    (r"(cjson/)?cJSON(_Utils)?\.h", {"config", "daemon", "ctl"}),
    (r"systemd/.*", {"daemon"}),
    (r"(w?stdio|wchar|iostream|malloc)\.h", {"config", "daemon", "ctl"}),
    (r"[a-z_0-9+]+", set()),  # C++ headers
]
# mallinfo2's struct is declared there; malloc_info() writes to its caller's FILE.
EXCEPTIONS = {
    ("lib/entry/glibc_info.c", "malloc.h"),
    ("lib/entry/glibc_info.c", "stdio.h"),
    ("lib/entry/override.c", "malloc.h"),
    ("lib/entry/derived_calls.c", "malloc.h"),
    ("lib/jemalloc/jemalloc_api.c", "malloc.h"),
}
PACKAGES = {
    "config": ["libcjson"],
    "daemon": ["libuv", "libcjson", "libsystemd"],
    "ctl": ["libuv", "libcjson"],
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include(?:_next)?[ \t]*(["<])([^">]+)[">]', re.MULTILINE)


def check_room(report, name, line, target, used):
    if (str(name), target) in rooms.ALLOWANCES:
        used.add((str(name), target))
    elif not rooms.allowed(name, target):
        (floor, own), (_, other) = rooms.room(name), rooms.room(target)
        report.add(name, line, f'"{target}": {floor}/{own} must not include {other} (tests/lint/rooms.py)')


def check_own(report, name, line, floor, target, used):
    parts = target.split("/")
    if ".." in parts or parts[0] not in OWN:
        report.add(name, line, f'"{target}": write it from the top, as in "shm/layout.h"')
    elif parts[0] not in OWN[floor]:
        report.add(name, line, f'"{target}": {floor}/ must not include {parts[0]}/')
    elif not (tree.ROOT / target).is_file():
        report.add(name, line, f'"{target}": no such file')
    elif parts[0] == floor:
        check_room(report, name, line, target, used)


def check_outside(report, name, line, floor, target):
    if (str(name), target) in EXCEPTIONS:
        return
    for pattern, floors in OUTSIDE:
        if re.fullmatch(pattern, target):
            if floor not in floors:
                report.add(name, line, f"<{target}>: not on this floor ({floor}/)")
            return


def check_file(report, name, text, used):
    floor = name.parts[0]
    if rooms.room(name)[1] not in rooms.ROOMS[floor]:
        report.add(name, 0, "its folder is no room of tests/lint/rooms.py")
        return
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match[1] == '"':
            check_own(report, name, line, floor, match[2], used)
        else:
            check_outside(report, name, line, floor, match[2])


def package_flags(floor):
    flags = []
    for package in PACKAGES.get(floor, []):
        # A header whose package is missing says so itself when it is compiled.
        command = ["pkg-config", "--cflags", package]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        flags += shlex.split(found.stdout)
    return flags


def compile_alone(cc, name, flags):
    command = [*cc, "-std=gnu17", "-fsyntax-only", "-x", "c", "-D_GNU_SOURCE", '-DHAKMEM_VERSION="0"']
    command += ["-Wall", "-Wextra", "-Wmissing-prototypes", "-Wno-unused-function", "-Werror"]
    command += ["-I", str(tree.ROOT), *flags, "-include", str(tree.ROOT / name), os.devnull]
    result = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True, check=False)
    return result.stderr.strip() if result.returncode else ""


def check_headers(report, cc, names):
    flags = {floor: package_flags(floor) for floor in tree.FLOORS}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda name: compile_alone(cc, name, flags.get(name.parts[0], [])), names)
        for name, errors in zip(names, results):
            if errors:
                report.add(name, 0, f"does not compile by itself:\n{errors}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cc", default="cc", help="the compiler, with options (default: cc)")
    args = parser.parse_args()
    report = tree.Report()
    sources = [n for n in tree.files() if n.suffix in (".c", ".h", ".def", ".cc", ".in")]
    used = set()
    for name in sources:
        if name.parts[0] in tree.FLOORS:
            check_file(report, name, tree.read(name) or "", used)
    for name, target in sorted(set(rooms.ALLOWANCES) - used):
        report.add(name, 0, f'"{target}": an exception of tests/lint/rooms.py that nothing needs')
    cut = sum(reason == rooms.RING for reason in rooms.ALLOWANCES.values())
    print(f"{len(rooms.ALLOWANCES)} exceptions, {cut} of them rings that are still to be cut")
    headers = [n for n in sources if n.suffix == ".h" and n.parts[0] in (*tree.FLOORS, "tests")]
    check_headers(report, shlex.split(args.cc), headers)
    report.finish(len(sources))


if __name__ == "__main__":
    main()
