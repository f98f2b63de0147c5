#!/usr/bin/env python3
"""Instructions executed by malloc and free when nothing is missing, by callgrind.

usage: counts.py PAIRS_PROGRAM LIBHAKMEM GOLDEN
       counts.py PAIRS_PROGRAM LIBHAKMEM --same OTHER_LIBHAKMEM

A line for each size: instructions from entry to return of malloc and of free, and of a whole pair in a program, its
loop and PLT included. Each is a slope: the difference between a long and a short run, divided by the pairs it has more,
and rounded to tenths, so start, end and the rare slow path do not show.

The counts are the same on every x86-64 machine with the same compiler, so each major version of it has a golden file of
its own. Without one (a compiler that is newer than the project) malloc and free of a small block must stay within
bounds. HAKMEM_UPDATE_GOLDEN=1 writes the file.

With --same nothing is printed but where malloc or free of the two libraries differ: one without a segment must have the
same hot path.
"""
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from golden import check

SIZES = (16, 64, 1024, 1025, 32768)
COMPARED = (64, 32768)
LEAST = 5  # fewer were not counted, but missed
SMALL = 1024  # up to here the class of a size is looked up in a table
# What the project promises of a small block, and what another compiler's choice of instructions may add.
PROMISED, ALLOWANCE = {"malloc": 16, "free": 18}, 4
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


def table(rows):
    lines = ["size     malloc  free    pair in a program"]
    lines += [f"{size:<8} {malloc:<7} {free:<7} {pair}" for size, (malloc, free, pair) in rows.items()]
    return "\n".join(lines) + "\n"


def within_bounds(rows):
    """0 if malloc and free of small blocks take about as many instructions as is promised."""
    status = 0
    for size, counts in rows.items():
        for (name, promised), count in zip(PROMISED.items(), counts):
            if count < LEAST or (size <= SMALL and count > promised + ALLOWANCE):
                print(f"{name} of {size} bytes takes {count} instructions: {promised} are promised, and "
                      f"{ALLOWANCE} more allowed for a compiler without a golden file", file=sys.stderr)
                status = 1
    return status


def main():
    program, library, golden = sys.argv[1:4]
    if platform.machine() != "x86_64":
        print("skipped: counts are kept for x86-64")
        return SKIP
    if not shutil.which("callgrind_annotate"):
        print("skipped: valgrind is not installed")
        return SKIP
    if golden == "--same":
        return compare(program, [library, sys.argv[4]])
    rows = {size: slopes(program, library, size) for size in SIZES}
    if os.path.exists(golden) or os.environ.get("HAKMEM_UPDATE_GOLDEN") == "1":
        return check(golden, table(rows), "counts.py")
    print(f"no counts of this compiler are kept ({os.path.basename(golden)}): only its bounds are checked\n"
          f"{table(rows)}"
          "HAKMEM_UPDATE_GOLDEN=1 ./dev test -R hotpath keeps them")
    return within_bounds(rows)


if __name__ == "__main__":
    sys.exit(main())
