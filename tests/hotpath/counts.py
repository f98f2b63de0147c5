#!/usr/bin/env python3
"""Instructions executed by malloc and free when nothing is missing, by callgrind.

usage: counts.py PAIRS_PROGRAM LIBHAKMEM [OTHER_LIBHAKMEM]

Prints a line for each size: instructions from entry to return of malloc and of free, and of a whole pair in a
program, its loop and PLT included. Each is a slope: the difference between a long and a short run, divided by the
pairs it has more, and rounded to tenths, so start, end and the rare slow path do not show. The output is compared
with a golden file: the counts are the same on every x86-64 machine with the same compiler.

With two libraries nothing is printed but where their malloc or free differ: the one without a segment must have the
same hot path.
"""
import os
import platform
import re
import subprocess
import sys
import tempfile

SIZES = (16, 64, 1024, 1025, 32768)
COMPARED = (64, 32768)
LEAST = 5  # fewer were not counted, but missed
SHORT, LONG = 20000, 120000
SKIP = 77


def profile(program, library, size, pairs):
    """Self cost by function, and the total."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        env = dict(os.environ, LD_PRELOAD=library, HAKMEM_PUBLISH="off")
        subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, str(size), str(pairs)],
                       env=env, check=True, capture_output=True)
        text = subprocess.run(["callgrind_annotate", "--threshold=100", out], check=True, capture_output=True,
                              text=True).stdout
    costs = {}
    for line in text.splitlines():
        found = re.match(r"\s*([\d,]+) .*?(?:\?\?\?|\S+):(\S+)(?: \[.*\])?$", line.replace("(", " (", 1))
        if found:
            costs[found.group(2)] = costs.get(found.group(2), 0) + int(found.group(1).replace(",", ""))
        total = re.match(r"\s*([\d,]+) \(100.0%\)\s+PROGRAM TOTALS", line)
        if total:
            costs["TOTAL"] = int(total.group(1).replace(",", ""))
    return costs


def slopes(program, library, size):
    """Instructions of malloc, of free and of a pair."""
    short, long = (profile(program, library, size, n) for n in (SHORT, LONG))
    return [round((long.get(name, 0) - short.get(name, 0)) / (LONG - SHORT), 1) for name in ("malloc", "free", "TOTAL")]


def compare(program, libraries):
    """0 if both have the same hot path."""
    status = 0
    for size in COMPARED:
        ours, theirs = (slopes(program, library, size)[:2] for library in libraries)
        if ours != theirs or min(ours) < LEAST:
            print(f"{size} bytes: malloc and free take {ours} and {theirs} instructions", file=sys.stderr)
            status = 1
    return status


def main():
    program, library = sys.argv[1:3]
    if platform.machine() != "x86_64":
        print("counts are kept for x86-64", file=sys.stderr)
        return SKIP
    if len(sys.argv) > 3:
        return compare(program, sys.argv[2:4])
    print("size     malloc  free    pair in a program")
    for size in SIZES:
        malloc, free, pair = slopes(program, library, size)
        print(f"{size:<8} {malloc:<7} {free:<7} {pair}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
