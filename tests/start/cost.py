#!/usr/bin/env python3
"""What the library costs a program that does next to nothing, in system calls and in pages of its own.

usage: cost.py TINY_PROGRAM LIBHAKMEM LIMITS

Runs the program on the C library's allocator and on ours, and compares the difference with a table of limits: both
are what the time of a short program consists of. System calls are counted by strace, the dynamic linker's included;
pages are the program's own word (smaps). Each line of the table: blocks, most system calls more, most KiB more.
"""
import os
import subprocess
import sys
import tempfile

SKIP = 77


def environment(library):
    env = {name: value for name, value in os.environ.items() if not name.startswith("HAKMEM_TUNE")}
    env.pop("LD_PRELOAD", None)
    if library:
        env["LD_PRELOAD"] = library
    return env


def private_kib(program, blocks, library):
    """The median of a few runs: where the stack begins is random, and with it how many pages it takes."""
    runs = [subprocess.run([program, str(blocks)], env=environment(library), capture_output=True, text=True,
                           check=False) for _ in range(9)]
    if any(run.returncode == SKIP for run in runs):
        print("this kernel has no smaps_rollup", file=sys.stderr)
        sys.exit(SKIP)
    for run in runs:
        run.check_returncode()
    return sorted(int(run.stdout) for run in runs)[len(runs) // 2]


def system_calls(program, blocks, library):
    with tempfile.NamedTemporaryFile(mode="r") as log:
        preload = ["-E", f"LD_PRELOAD={library}"] if library else []
        run = subprocess.run(["strace", "-qq", "-o", log.name, *preload, program, str(blocks)], env=environment(None),
                             capture_output=True, text=True, check=False)
        if run.returncode != 0:
            print(f"strace cannot trace here: {run.stderr.strip()}", file=sys.stderr)
            sys.exit(SKIP)
        return sum(1 for line in log if "(" in line)


def main():
    program, library, limits = sys.argv[1:4]
    with open(limits, encoding="utf-8") as table:
        rows = [line.split() for line in table if line.strip() and not line.startswith("#")]
    failed = False
    for blocks, most_calls, most_kib in rows:
        calls = system_calls(program, blocks, library) - system_calls(program, blocks, None)
        kib = private_kib(program, blocks, library) - private_kib(program, blocks, None)
        good = calls <= int(most_calls) and kib <= int(most_kib)
        failed = failed or not good
        print(f"{blocks} blocks: {calls} system calls more (at most {most_calls}), {kib} KiB more (at most {most_kib})"
              f"{'' if good else '   TOO MUCH'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
