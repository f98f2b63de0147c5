"""The allocators that are compared: where they are, and how a program gets one."""

import dataclasses
import glob
import os
import platform
import re
import subprocess


class NotFound(Exception):
    """An allocator was asked for that is not there."""


@dataclasses.dataclass(frozen=True)
class Allocator:
    name: str
    path: str  # of the library; of the C library itself for glibc
    is_libc: bool = False
    tune: str = ""  # HAKMEM_TUNE, for hakmem
    harden: str = ""  # HAKMEM_HARDEN
    version: str = ""  # of the package it came in, where there is one
    runtime_dir: str = "/nonexistent/hakmem"  # nothing greets a daemon: that is what most programs of most hosts meet

    def expectation(self):
        """What a benchmark program compares the allocator with that serves it."""
        return "libc" if self.is_libc else self.path

    def environment(self, build, *, always_preload=False, probe_file=None):
        """The environment of a program served by this allocator. always_preload: for programs that are
        linked with an allocator of their own, which the C library's must come before."""
        env = {key: value for key, value in os.environ.items() if not key.startswith(("HAKMEM_", "MALLOC_"))}
        env["BENCH_EXPECT"] = self.expectation()
        env["HAKMEM_RUNTIME_DIR"] = self.runtime_dir
        if self.tune:
            env["HAKMEM_TUNE"] = self.tune
        if self.harden:
            env["HAKMEM_HARDEN"] = self.harden
        preload = [self.path] if always_preload or not self.is_libc else []
        if probe_file:
            # First, so that it is started last.
            preload.insert(0, os.path.join(build, "tests/bench/libbenchprobe.so"))
            env["BENCH_PROBE"] = probe_file
        env.pop("LD_PRELOAD", None)
        if preload:
            env["LD_PRELOAD"] = ":".join(preload)
        return env


def libc_path():
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            path = line.rstrip("\n").partition("/")
            if os.path.basename(path[2]).startswith(("libc.so.6", "libc-2.")):
                return "/" + path[2]
    raise NotFound("glibc: this Python is not linked with it")


def find_library(pattern):
    found = sorted(glob.glob(f"/usr/lib/*/{pattern}") + glob.glob(f"/usr/local/lib/{pattern}"))
    return os.path.realpath(found[0]) if found else None


def package_version(path):
    """The package that a library is from, and its version, by Debian's tool; or an empty text."""
    try:
        owner = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True, check=True).stdout
        package = owner.split(":")[0]
        result = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True,
                                check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{package} {result.stdout.strip()}"


# Debian's packages, in the order of the report's columns.
PEERS = {
    "jemalloc": ("libjemalloc.so.2", "libjemalloc2"),
    "mimalloc": ("libmimalloc.so.[23]*", "libmimalloc2.0 or libmimalloc3"),
    "tcmalloc": ("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4 or libtcmalloc-minimal4t64"),
}
NAMES = ["glibc", *PEERS, "hakmem"]


def find(name, build):
    if name == "glibc":
        return Allocator(name, libc_path(), is_libc=True, version=" ".join(platform.libc_ver()))
    plain, plus, tune = name.partition("+")
    if plain == "hakmem":
        path = os.path.join(build, "lib/libhakmem.so")
        if not os.path.exists(path):
            raise NotFound(f"hakmem: {path} is not built")
        if plus and not all("=" in setting for setting in tune.split("+")):
            raise NotFound(f"{name}: after the name comes +TUNABLE=VALUE")
        settings = tune.split("+")
        modes = [setting.partition("=")[2] for setting in settings if setting.startswith("harden=")]
        tune = ",".join(setting for setting in settings if not setting.startswith("harden="))
        return Allocator(name, os.path.realpath(path), tune=tune, harden=",".join(modes))
    if name in PEERS:
        pattern, package = PEERS[name]
        path = find_library(pattern)
        if not path:
            raise NotFound(f"{name}: no {pattern} on this host (Debian: {package})")
        return Allocator(name, path, version=package_version(path))
    name, equals, path = name.partition("=")
    if not equals:
        raise NotFound(f"no allocator '{name}': one of {', '.join(NAMES)}, or NAME=PATH of a library, or "
                       "hakmem+TUNABLE=VALUE")
    if not os.path.isfile(path):
        raise NotFound(f"{name}: {path}: no such file")
    return Allocator(name, os.path.realpath(path))


def refused_tuning(allocator, build):
    """What hakmem says of a setting that it does not take, or None: it goes on without it, and figures of its own
    values would stand for the setting's."""
    if not allocator.tune and not allocator.harden:
        return None
    tiny = os.path.join(build, "tests/bench/bench.tiny")
    result = subprocess.run([tiny], env=allocator.environment(build), capture_output=True, text=True, check=False)
    complaints = [line for line in result.stderr.splitlines() if re.search("HAKMEM_(TUNE|HARDEN)", line)]
    return complaints[0] if complaints else None
